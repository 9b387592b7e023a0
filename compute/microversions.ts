import type { FastifyInstance } from 'fastify';
import {
  type Microversion,
  type MicroversionRange,
  microversionHeaders,
  negotiateMicroversion,
} from '../openstack/microversions.ts';

export const COMPUTE_MICROVERSIONS: MicroversionRange = {
  serviceType: 'compute',
  lowest: { major: 2, minor: 1 },
  highest: { major: 2, minor: 93 },
  legacyHeader: 'x-openstack-nova-api-version',
};

declare module 'fastify' {
  interface FastifyRequest {
    /** Minor part of the compute microversion that the request asked for: 1..93. */
    computeMinor: number;
  }
}

/**
 * The minor version from which a field of a body is there, by resource; a field that is not named is always there.
 *
 * Spec: Compute API, "REST API Version History".
 */
const SINCE: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  server: {
    locked: 9,
    host_status: 16,
    description: 19,
    tags: 26,
    trusted_image_certificates: 63,
    server_groups: 71,
    locked_reason: 73,
    'OS-EXT-SRV-ATTR:reservation_id': 3,
    'OS-EXT-SRV-ATTR:launch_index': 3,
    'OS-EXT-SRV-ATTR:hostname': 3,
    'OS-EXT-SRV-ATTR:kernel_id': 3,
    'OS-EXT-SRV-ATTR:ramdisk_id': 3,
    'OS-EXT-SRV-ATTR:root_device_name': 3,
    'OS-EXT-SRV-ATTR:user_data': 3,
  },
  flavor: { description: 55, extra_specs: 61 },
  attachment: { tag: 70, delete_on_termination: 79, attachment_id: 89, bdm_uuid: 89 },
  keypair: { type: 2, user_id: 10 },
  action: { updated_at: 58 },
};

/** The minor version from which a field is there no more. */
const UNTIL: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  attachment: { id: 89 },
};

/** The body without the fields that the microversion does not have. */
export function gated(resource: string, minor: number, body: Record<string, unknown>): Record<string, unknown> {
  const since = SINCE[resource] ?? {};
  const until = UNTIL[resource] ?? {};
  return Object.fromEntries(
    Object.entries(body).filter(([name]) => minor >= (since[name] ?? 1) && minor < (until[name] ?? Number.MAX_VALUE)),
  );
}

/** Reads the microversion of every request below /v2.1 and puts it into the answer's headers. */
export function negotiateMicroversions(app: FastifyInstance): void {
  app.decorateRequest('computeMinor', COMPUTE_MICROVERSIONS.lowest.minor);
  app.addHook('onRequest', async (request, reply) => {
    if (!request.url.startsWith('/v2.1')) return;
    const version: Microversion = negotiateMicroversion(request.headers, COMPUTE_MICROVERSIONS);
    request.computeMinor = version.minor;
    reply.headers(microversionHeaders(version, COMPUTE_MICROVERSIONS));
  });
}
