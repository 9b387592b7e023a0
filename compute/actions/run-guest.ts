import type { ComputeContext } from '../context.ts';
import { localBootOf } from '../disks/prepare.ts';
import type { VolumeDisk } from '../hypervisor/contract.ts';
import type { ServerRecord } from '../store/records.ts';
import { devicesOf, updateDevice } from '../store/servers.ts';
import { completeAttachment, exportVolume, isReserved, markAttached, type ReservedDevice } from './connect-volumes.ts';

/**
 * Boots the server's guest with all its volumes: those that were attached while it was off, and those of its creation. Its disks are
 * prepared and its volumes reserved by then.
 */
export async function runGuest(context: ComputeContext, server: ServerRecord, signal: AbortSignal): Promise<void> {
  await context.hypervisor.assertReady();
  const disks: VolumeDisk[] = [];
  const fresh: { device: ReservedDevice; completed: boolean }[] = [];
  for (const device of await devicesOf(context, server.id)) {
    if (!isReserved(device) || device.state === 'detaching') continue;
    if (device.state !== 'attached')
      await updateDevice(context, device.id, (each) => ({ ...each, state: 'attaching' }));
    const { disk, completed } = await exportVolume(context, device, signal);
    disks.push(disk);
    if (device.state !== 'attached') fresh.push({ device, completed });
  }
  signal.throwIfAborted();
  await context.hypervisor.boot({
    id: server.id,
    vcpus: server.flavor.vcpus,
    memoryMib: server.flavor.ramMib,
    ...localBootOf(context, server),
    volumes: disks,
  });
  for (const { device, completed } of fresh)
    await (completed ? markAttached(context, device) : completeAttachment(context, device, signal));
}
