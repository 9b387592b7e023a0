import { randomBytes } from 'node:crypto';
import type { Static } from '@sinclair/typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { createServers } from '../actions/create-server.ts';
import { fullDeviceName } from '../actions/device-names.ts';
import type { NewDevice } from '../actions/new-servers.ts';
import type { ComputeContext } from '../context.ts';
import { badRequest, flavorNotFound } from '../errors.ts';
import { parseBody } from '../parse.ts';
import { findFlavor } from '../store/flavors.ts';
import { baseUrlOf, linksOf } from '../views/links.ts';
import { callerOf } from './request.ts';
import { newServerBody } from './schemas.ts';

type ServerBody = Static<typeof newServerBody>['server'];
type DeviceBody = NonNullable<ServerBody['block_device_mapping_v2']>[number];

/** `POST /servers`. Spec: Compute API, "Create Server". */
export function newServerRoute(app: FastifyInstance, context: ComputeContext): void {
  const create = async (request: FastifyRequest) => {
    context.policy.authorize('os_compute_api:servers:create', request.identity, ownProject(request));
    const body = parseBody(newServerBody, request.body).server;
    assertNetworks(body.networks, request.computeMinor);
    await assertKeypair(context, request, body.key_name);
    const { availability_zone: zone } = body;
    if (zone && zone.split(':')[0] !== context.config.availability_zone)
      throw badRequest('The requested availability zone is not available');
    const flavor = await findFlavor(context, flavorIdOf(body.flavorRef));
    if (!flavor) throw badRequest(flavorNotFound(body.flavorRef).message);
    const imageId = imageIdOf(body.imageRef);
    const servers = await createServers(context, callerOf(request), {
      name: body.name.trim(),
      description: body.description ?? null,
      flavor,
      imageId,
      devices: devicesOf(body.block_device_mapping_v2 ?? [], imageId),
      metadata: body.metadata ?? {},
      tags: body.tags ?? [],
      keyName: body.key_name ?? null,
      userData: body.user_data ?? null,
      count: countOf(body),
    });
    return {
      servers,
      wantsReservation: body.return_reservation_id === true,
      password: body.adminPass ?? newPassword(),
    };
  };

  app.post('/v2.1/servers', async (request, reply) => {
    const { servers, wantsReservation, password } = await create(request);
    const [first] = servers;
    if (!first) throw badRequest('No server was asked for.');
    reply.status(202);
    if (wantsReservation) return { reservation_id: first.reservationId };
    const links = linksOf(baseUrlOf(request), `servers/${first.id}`);
    reply.header('location', links[0]?.href ?? '');
    return {
      server: {
        id: first.id,
        links,
        'OS-DCF:diskConfig': 'MANUAL',
        security_groups: [{ name: 'default' }],
        adminPass: password,
      },
    };
  });
}

/** There is no network service: a server has the network that the configuration gives every guest, whatever is asked. */
function assertNetworks(networks: unknown, minor: number): void {
  if (networks === undefined || networks === null) {
    if (minor >= 37) throw badRequest("Invalid input for field/attribute server: 'networks' is a required property");
    return;
  }
  if (networks === 'none' || networks === 'auto') return;
  if (!Array.isArray(networks)) throw badRequest('Invalid input for field/attribute networks.');
  if (networks.length > 0) throw badRequest('This cloud has no network service: ask for no network, or for none.');
}

async function assertKeypair(
  context: ComputeContext,
  request: FastifyRequest,
  name: string | null | undefined,
): Promise<void> {
  if (!name) return;
  if (!(await context.tables.keypairs.get(`${request.identity.user.id}/${name}`)))
    throw badRequest('Invalid key_name provided.');
}

function devicesOf(bodies: readonly DeviceBody[], imageId: string | null): NewDevice[] {
  return bodies.flatMap((body) => (isRootImage(body, imageId) ? [] : [deviceOf(body)]));
}

/** Clients name the image that the server boots from a second time here. */
function isRootImage(body: DeviceBody, imageId: string | null): boolean {
  return imageId !== null && body.source_type === 'image' && body.destination_type === 'local' && body.uuid === imageId;
}

function deviceOf(body: DeviceBody): NewDevice {
  const { uuid, volume_size: sizeGib, boot_index: bootIndex } = body;
  const common = {
    bootIndex: bootIndex === undefined || bootIndex === null || bootIndex < 0 ? null : bootIndex,
    deleteOnTermination: body.delete_on_termination ?? false,
    tag: body.tag ?? null,
    ...(body.device_name && { deviceName: fullDeviceName(body.device_name) }),
  };
  const destination = body.destination_type ?? (body.source_type === 'volume' ? 'volume' : undefined);
  if (destination !== 'volume') throw invalidMapping('disks that are no volumes are not supported');
  if (body.source_type === 'volume') {
    if (!uuid) throw invalidMapping('a volume needs a uuid');
    return { ...common, from: { volumeId: uuid } };
  }
  if (body.volume_type) throw invalidMapping('volume_type is not supported');
  if (!sizeGib) throw invalidMapping('volume_size is needed');
  if (body.source_type === 'blank') {
    if (uuid) throw invalidMapping('a blank volume has no uuid');
    return { ...common, from: { source: { kind: 'blank', sizeGib } } };
  }
  if (body.source_type !== 'image') throw invalidMapping('volume snapshots are not supported');
  if (!uuid) throw invalidMapping('an image needs a uuid');
  return { ...common, from: { source: { kind: 'image', imageId: uuid, sizeGib } } };
}

function countOf({ min_count: least = 1, max_count: most = least }: ServerBody): { least: number; most: number } {
  if (least > most) throw badRequest('min_count must be <= max_count');
  return { least, most };
}

/** A flavor or an image is named by its id, or by a link that ends with it. */
function flavorIdOf(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

function imageIdOf(reference: string | null | undefined): string | null {
  return reference ? flavorIdOf(reference) : null;
}

function ownProject(request: FastifyRequest): { project_id: string | null } {
  const { scope } = request.identity;
  return { project_id: scope.kind === 'project' ? scope.project.id : null };
}

function invalidMapping(why: string) {
  return badRequest(`Block Device Mapping is Invalid: ${why}.`);
}

function newPassword(): string {
  return randomBytes(9).toString('base64url');
}
