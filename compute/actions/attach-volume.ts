import { randomUUID } from 'node:crypto';
import { ApiError } from '../../common/errors.ts';
import type { VolumeBody } from '../../volume/contract.ts';
import type { Caller, ComputeContext } from '../context.ts';
import { badRequest, conflict } from '../errors.ts';
import { HOT_PLUG_PORTS } from '../limits.ts';
import { asUser } from '../services.ts';
import { beginAction } from '../state.ts';
import type { DeviceRecord, ServerRecord } from '../store/records.ts';
import { devicesOf, insertDevice, removeDevice, updateDevice } from '../store/servers.ts';
import { completeAttachment, exportVolume, isReserved, markAttached } from './connect-volumes.ts';
import { freeDeviceName } from './device-names.ts';
import { releaseVolume } from './release-volume.ts';

export interface AttachRequest {
  volumeId: string;
  /** `/dev/vdc`; the next free one where none is asked for. */
  deviceName?: string;
  deleteOnTermination: boolean;
  tag: string | null;
}

/**
 * Reserves the volume for the server and begins to connect it. The device is written first, so that a crash at any line is found and
 * undone or finished at the next start.
 *
 * @throws ApiError 400 for a volume that is not available, 404 for one that is not there, 409 for a state or a name that does not allow it.
 * Spec: Nova and Cinder, "attach flow" (see README).
 */
export async function attachVolume(
  context: ComputeContext,
  caller: Caller,
  server: ServerRecord,
  request: AttachRequest,
): Promise<DeviceRecord> {
  beginAction(server, 'attach_volume');
  const volumes = await asUser(context, caller);
  assertAttachable(await context.volumes.showVolume(volumes, request.volumeId));
  const devices = await devicesOf(context, server.id);
  if (devices.length >= HOT_PLUG_PORTS) throw conflict(`The server has ${HOT_PLUG_PORTS} volumes already.`);
  const device = newDevice(server, request, request.deviceName ?? freeDeviceName(server, devices));
  await insertDevice(context, device);
  return reserve(context, caller, device);
}

async function reserve(context: ComputeContext, caller: Caller, device: DeviceRecord): Promise<DeviceRecord> {
  const { serverId } = device;
  try {
    const request = { volumeId: device.volumeId ?? '', serverId };
    const { id } = await context.volumes.createAttachment(await asUser(context, caller), request);
    const reserved = { attachmentId: id, state: 'attaching' } as const;
    await updateDevice(context, device.id, (each) => ({ ...each, ...reserved }));
    void context.operations.run(serverId, (signal) => finishAttach(context, device.id, signal));
    return { ...device, ...reserved };
  } catch (error) {
    // refused: nothing was reserved. No answer: something may be, and it is undone when the volume service answers again
    if (error instanceof ApiError && error.status < 500) await removeDevice(context, device.id);
    else void context.operations.run(serverId, (signal) => undoAttach(context, device.id, signal));
    throw error;
  }
}

/**
 * Exports, plugs and completes a reserved volume, from wherever an earlier try stopped. A server that is off has its volume exported and
 * `in-use`, and connects it when it starts. What fails is undone: the volume is available again.
 */
export async function finishAttach(context: ComputeContext, deviceId: string, signal: AbortSignal): Promise<void> {
  const device = (await context.tables.devices.get(deviceId))?.record;
  if (device?.state !== 'attaching' || !isReserved(device)) return;
  const { hypervisor } = context;
  const { serverId, volumeId } = device;
  try {
    const { disk, completed } = await exportVolume(context, device, signal);
    if (hypervisor.isRunning(serverId) && !(await hypervisor.volumesOf(serverId)).has(volumeId))
      await hypervisor.attach(serverId, disk);
    await (completed ? markAttached(context, device) : completeAttachment(context, device, signal));
  } catch (error) {
    if (signal.aborted) return;
    context.logger.warn({ err: error, server: serverId, volume: volumeId }, 'a volume could not be attached: undone');
    await undoAttach(context, deviceId, signal);
  }
}

/** Takes the disk out of the guest and gives the volume back. */
export async function undoAttach(context: ComputeContext, deviceId: string, signal: AbortSignal): Promise<void> {
  const device = (await context.tables.devices.get(deviceId))?.record;
  if (!device) return;
  try {
    if (device.volumeId !== null) await context.hypervisor.detach(device.serverId, device.volumeId);
    await releaseVolume(context, device, signal);
  } catch (error) {
    if (signal.aborted) return;
    context.logger.error(
      { err: error, server: device.serverId, volume: device.volumeId },
      'an attachment stays half done',
    );
  }
}

function assertAttachable(volume: VolumeBody): void {
  if (volume.status === 'available' || (volume.multiattach && volume.status === 'in-use')) return;
  throw badRequest(
    `Invalid volume: volume ${volume.id} status must be available${volume.multiattach ? ' or in-use' : ''}. Currently in status ${volume.status}`,
  );
}

function newDevice(server: ServerRecord, request: AttachRequest, deviceName: string): DeviceRecord {
  const uuid = randomUUID();
  return {
    id: `${server.id}/${uuid}`,
    serverId: server.id,
    uuid,
    volumeId: request.volumeId,
    attachmentId: null,
    state: 'reserving',
    deviceName,
    bootIndex: null,
    deleteOnTermination: request.deleteOnTermination,
    tag: request.tag,
    source: null,
  };
}
