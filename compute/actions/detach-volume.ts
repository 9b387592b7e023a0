import { ApiError } from '../../common/errors.ts';
import type { Caller, ComputeContext } from '../context.ts';
import { attachmentNotFound, conflict, UnplugRefusedError } from '../errors.ts';
import { asService, asUser } from '../services.ts';
import { beginAction } from '../state.ts';
import type { DeviceRecord, ServerRecord } from '../store/records.ts';
import { findDevice, updateDevice } from '../store/servers.ts';
import { undoAttach } from './attach-volume.ts';
import { releaseVolume } from './release-volume.ts';

/**
 * Begins to take a volume from a server: written down, then the volume becomes `detaching`, then the guest is asked.
 *
 * @throws ApiError 404 for a volume that the server does not have, 403 for its root disk, 409 while something else is under way.
 */
export async function detachVolume(
  context: ComputeContext,
  caller: Caller,
  server: ServerRecord,
  volumeId: string,
): Promise<void> {
  beginAction(server, 'detach_volume');
  const device = await findDevice(context, server.id, volumeId);
  if (!device) throw attachmentNotFound(server.id, volumeId);
  if (device.bootIndex === 0) throw rootDevice();
  if (device.state !== 'attached') {
    detachAgain(context, device);
    return;
  }
  await updateDevice(context, device.id, beginDetach);
  try {
    await context.volumes.beginDetaching(await asUser(context, caller), volumeId);
  } catch (error) {
    await updateDevice(context, device.id, (each) => ({ ...each, state: 'attached' }));
    throw error;
  }
  void context.operations.run(server.id, (signal) => finishDetach(context, device.id, signal));
}

function beginDetach(device: DeviceRecord): DeviceRecord {
  if (device.state === 'attached') return { ...device, state: 'detaching' };
  throw conflict(`Volume ${device.volumeId} is ${device.state} at the moment.`);
}

/** What an operation left half done, because another service refused it, is taken up again by asking again. */
function detachAgain(context: ComputeContext, device: DeviceRecord): void {
  if (context.operations.isBusy(device.serverId)) beginDetach(device);
  const finish = device.state === 'detaching' ? finishDetach : undoAttach;
  void context.operations.run(device.serverId, (signal) => finish(context, device.id, signal));
}

/** Unplugs a volume and deletes its attachment; a guest that does not let go keeps it. */
export async function finishDetach(context: ComputeContext, deviceId: string, signal: AbortSignal): Promise<void> {
  const device = (await context.tables.devices.get(deviceId))?.record;
  if (device?.state !== 'detaching') return;
  const { serverId, volumeId } = device;
  try {
    if (volumeId !== null) await context.hypervisor.detach(serverId, volumeId);
    await releaseVolume(context, device, signal);
  } catch (error) {
    if (signal.aborted) return;
    context.logger.warn({ err: error, server: serverId, volume: volumeId }, 'a volume could not be detached');
    // the guest still has it: so does the server. Else only the volume service is behind, and asking again goes on from there
    if (error instanceof UnplugRefusedError || (await stillPlugged(context, device)))
      await keepVolume(context, device, signal);
  }
}

async function stillPlugged({ hypervisor }: ComputeContext, { serverId, volumeId }: DeviceRecord): Promise<boolean> {
  const plugged = await hypervisor.volumesOf(serverId).catch(() => new Set<string>());
  return volumeId !== null && plugged.has(volumeId);
}

async function keepVolume(context: ComputeContext, device: DeviceRecord, signal: AbortSignal): Promise<void> {
  const { volumeId } = device;
  if (volumeId === null) return;
  await asService(context, signal, (caller) => context.volumes.rollDetaching(caller, volumeId)).catch(
    (error: unknown) => context.logger.error({ err: error, volume: volumeId }, 'a volume stays detaching'),
  );
  await updateDevice(context, device.id, (each) => ({ ...each, state: 'attached' }));
}

function rootDevice(): ApiError {
  return new ApiError({ status: 403, code: 'CannotDetachRoot', message: 'Cannot detach a root device volume' });
}
