import type { FastifyReply, FastifyRequest } from 'fastify';
import { hasRole, projectIdOf } from '../../auth/guard/scope.ts';
import { ApiError } from '../../common/errors.ts';
import { type Microversion, type MicroversionRange, negotiateMicroversion } from '../../openstack/microversions.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import type { VolumeView } from '../views/volume-view.ts';

/** The highest version whose every feature of what is built is honoured; 3.68 would be os-reimage. */
export const VERSIONS: MicroversionRange = {
  serviceType: 'volume',
  lowest: { major: 3, minor: 0 },
  highest: { major: 3, minor: 67 },
};

/** Who asks. @throws ApiError 403 for a token that is for no project. */
export function callerOf(request: FastifyRequest, parts: Pick<VolumeParts, 'policy'>): Caller {
  const { identity, serviceIdentity } = request;
  const isService = hasRole(identity, 'service');
  return {
    identity,
    projectId: projectIdOf(identity),
    userId: identity.user.id,
    token: String(request.headers['x-auth-token'] ?? ''),
    isAdmin: parts.policy.allows('context_is_admin', identity),
    isService,
    isVouchedByService: isService || hasRole(serviceIdentity, 'service'),
  };
}

export function versionOf(request: FastifyRequest): Microversion {
  return negotiateMicroversion(request.headers, VERSIONS);
}

/** @throws ApiError 404 for a request below the version that brought the resource. */
export function requireVersion(request: FastifyRequest, minor: number): void {
  if (versionOf(request).minor >= minor) return;
  throw new ApiError({ status: 404, code: 'VersionNotFoundForAPIMethod', message: 'The resource could not be found.' });
}

/** `http://host:8776`, as the client reached us. */
export function originOf(request: FastifyRequest): string {
  return `${request.protocol}://${request.host}`;
}

export async function viewOf(request: FastifyRequest, parts: VolumeParts): Promise<VolumeView> {
  const caller = callerOf(request, parts);
  const types = await parts.types.list();
  return {
    parts,
    caller,
    version: versionOf(request),
    baseUrl: `${originOf(request)}/v3/${caller.projectId}`,
    typeNames: new Map(types.map(({ id, name }) => [id, name])),
  };
}

/** A part of the path by its name in the route. */
export function param(request: FastifyRequest, name: string): string {
  return (request.params as Record<string, string | undefined>)[name] ?? '';
}

export type Query = Readonly<Record<string, string | string[] | undefined>>;

export function queryOf(request: FastifyRequest): Query {
  return request.query as Query;
}

/** The last value of a query parameter. */
export function queryText(query: Query, name: string): string | undefined {
  const value = query[name];
  return Array.isArray(value) ? value.at(-1) : value;
}

/** `True`, `1`, `yes`, …: Spec: oslo.utils, `bool_from_string`. */
export function isTrue(text: string | undefined): boolean {
  return ['1', 't', 'true', 'on', 'y', 'yes'].includes((text ?? '').trim().toLowerCase());
}

/** An accepted request without a body. */
export function accepted(reply: FastifyReply): FastifyReply {
  return reply.status(202).send();
}
