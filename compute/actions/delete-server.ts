import { setTimeout as delay } from 'node:timers/promises';
import type { Caller, ComputeContext } from '../context.ts';
import { removeDisks } from '../disks/prepare.ts';
import { DELETE_WAIT_MS } from '../limits.ts';
import { asUser, ownToken } from '../services.ts';
import { beginDelete } from '../state.ts';
import type { DeviceRecord } from '../store/records.ts';
import { devicesOf, removeServer, updateServer } from '../store/servers.ts';
import { releaseVolume } from './release-volume.ts';

/**
 * Begins to delete a server, over whatever is under way; deleting one that is being deleted changes nothing. Returns when it is gone, or
 * goes on without the caller after a moment: clients that wait take a server still seen in `ERROR` for one that cannot be deleted.
 */
export async function beginDeleteServer(context: ComputeContext, serverId: string, caller: Caller): Promise<void> {
  await updateServer(context, serverId, beginDelete);
  context.operations.interrupt(serverId);
  const gone = context.operations.run(serverId, (signal) => deleteServer(context, serverId, caller.token, signal));
  await Promise.race([gone, delay(DELETE_WAIT_MS, undefined, { ref: false })]);
}

/**
 * Ends the guest, gives its volumes back, removes its files and, last, its record: a crash anywhere before is resumed.
 *
 * @param userToken deletes the volumes that go with the server; after a restart the service's own is tried.
 */
export async function deleteServer(
  context: ComputeContext,
  serverId: string,
  userToken: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  try {
    await context.hypervisor.destroy(serverId);
    for (const device of await devicesOf(context, serverId)) {
      await releaseVolume(context, device, signal);
      if (device.deleteOnTermination) await deleteVolume(context, device, userToken);
    }
    await removeDisks(context, serverId);
    await removeServer(context, serverId);
  } catch (error) {
    if (signal.aborted) return; // the next start goes on
    context.logger.error({ err: error, server: serverId }, 'a server could not be deleted');
    await updateServer(context, serverId, (each) => ({ ...each, vmState: 'error', taskState: null }));
  }
}

/** What keeps a volume from going (a snapshot, say) does not keep its server from going. */
async function deleteVolume(
  context: ComputeContext,
  { volumeId }: DeviceRecord,
  userToken: string | undefined,
): Promise<void> {
  if (volumeId === null) return;
  try {
    const token = userToken ?? (await ownToken(context));
    await context.volumes.deleteVolume(await asUser(context, { token }), volumeId);
  } catch (error) {
    context.logger.warn({ err: error, volume: volumeId }, 'a volume that should go with its server stays');
  }
}
