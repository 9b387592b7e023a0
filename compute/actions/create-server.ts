import { randomUUID } from 'node:crypto';
import { projectIdOf } from '../../auth/guard/scope.ts';
import { ApiError } from '../../common/errors.ts';
import { type Change, commitChanges } from '../../common/kv/table.ts';
import type { Caller, ComputeContext } from '../context.ts';
import { badRequest } from '../errors.ts';
import { HOT_PLUG_PORTS } from '../limits.ts';
import { asUser } from '../services.ts';
import type { DeviceRecord, ServerRecord } from '../store/records.ts';
import { devicesOf, recordAction, removeServer, updateDevice } from '../store/servers.ts';
import { buildServer } from './build-server.ts';
import { chooseBoot } from './choose-boot.ts';
import { freeDeviceName } from './device-names.ts';
import type { NewDevice, NewServers } from './new-servers.ts';
import { assertWithinQuota } from './quota.ts';
import { releaseVolume } from './release-volume.ts';

/**
 * Records the servers, reserves the volumes that they name and begins to build them.
 *
 * @returns the servers, `building`.
 * @throws ApiError 400 for an image or a volume that cannot be booted or attached, 403 beyond the quota, 503 without QEMU.
 */
export async function createServers(
  context: ComputeContext,
  caller: Caller,
  request: NewServers,
): Promise<ServerRecord[]> {
  await context.hypervisor.assertReady();
  if (request.devices.length > HOT_PLUG_PORTS) throw badRequest(`A server has at most ${HOT_PLUG_PORTS} volumes.`);
  const boot = await chooseBoot(context, caller, request);
  const projectId = projectIdOf(caller.identity);
  const count = await assertWithinQuota(context, projectId, request.flavor, request.count);
  const reservationId = `r-${randomUUID().slice(0, 8)}`;
  const servers: ServerRecord[] = [];
  for (let index = 0; index < count; index += 1) {
    const nowMs = context.clock.nowMs();
    const server: ServerRecord = {
      id: randomUUID(),
      projectId,
      userId: caller.identity.user.id,
      name: count === 1 ? request.name : `${request.name}-${index + 1}`,
      description: request.description,
      flavor: request.flavor,
      ...boot,
      vmState: 'building',
      taskState: 'spawning',
      fault: null,
      metadata: request.metadata,
      tags: request.tags,
      keyName: request.keyName,
      userData: request.userData,
      reservationId,
      launchIndex: index,
      locked: false,
      createdMs: nowMs,
      updatedMs: nowMs,
      launchedMs: null,
    };
    await createOne(context, caller, server, request.devices);
    servers.push(server);
  }
  return servers;
}

async function createOne(
  context: ComputeContext,
  caller: Caller,
  server: ServerRecord,
  wanted: readonly NewDevice[],
): Promise<void> {
  const { tables } = context;
  const devices = nameDevices(server, wanted);
  const changes: Change[] = [tables.servers.insert(server), ...devices.map((device) => tables.devices.insert(device))];
  await commitChanges(tables.store, ...changes);
  try {
    for (const device of devices) if (device.volumeId !== null) await reserve(context, caller, device, device.volumeId);
  } catch (error) {
    const forgotten = forget(context, server);
    if (error instanceof ApiError && error.status < 500) await forgotten; // else the volume service gives no answer now
    throw asBadRequest(error);
  }
  const { identity, requestId } = caller;
  const { id: serverId, projectId } = server;
  await recordAction(context, { serverId, action: 'create', requestId, userId: identity.user.id, projectId });
  void context.operations.run(serverId, (signal) => buildServer(context, serverId, caller.token, signal));
}

/** Gives every device its record and its name: the disk that boots is the first, the others follow as they were given. */
function nameDevices(server: ServerRecord, wanted: readonly NewDevice[]): DeviceRecord[] {
  const devices: DeviceRecord[] = [];
  const explicit = wanted.flatMap(({ deviceName }) => (deviceName === undefined ? [] : [{ deviceName }]));
  const order = (bootIndex: number | null): number => bootIndex ?? Number.MAX_SAFE_INTEGER;
  for (const device of [...wanted].sort((left, right) => order(left.bootIndex) - order(right.bootIndex))) {
    const uuid = randomUUID();
    const deviceName = device.deviceName ?? freeDeviceName(server, [...explicit, ...devices]);
    if (devices.some((other) => other.deviceName === deviceName)) throw badRequest(`${deviceName} is named twice.`);
    devices.push({
      id: `${server.id}/${uuid}`,
      serverId: server.id,
      uuid,
      volumeId: 'volumeId' in device.from ? device.from.volumeId : null,
      attachmentId: null,
      state: 'reserving',
      deviceName,
      bootIndex: device.bootIndex,
      deleteOnTermination: device.deleteOnTermination,
      tag: device.tag,
      source: 'source' in device.from ? device.from.source : null,
    });
  }
  return devices;
}

async function reserve(context: ComputeContext, caller: Caller, device: DeviceRecord, volumeId: string): Promise<void> {
  const request = { volumeId, serverId: device.serverId };
  const { id } = await context.volumes.createAttachment(await asUser(context, caller), request);
  await updateDevice(context, device.id, (each) => ({ ...each, attachmentId: id, state: 'reserved' }));
}

/** A server whose volumes could not be reserved was never there. */
async function forget(context: ComputeContext, server: ServerRecord): Promise<void> {
  await context.operations.run(server.id, async (signal) => {
    for (const device of await devicesOf(context, server.id)) await releaseVolume(context, device, signal);
    await removeServer(context, server.id);
  });
}

/** A volume that is not there, or not the caller's, or in use, is a mistake in the request. */
function asBadRequest(error: unknown): unknown {
  if (!(error instanceof ApiError) || error.status >= 500 || error.status === 401) return error;
  return badRequest(`Block Device Mapping is Invalid: ${error.message}`);
}
