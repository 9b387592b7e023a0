import type { ComputeContext } from '../context.ts';
import { asService } from '../services.ts';
import type { DeviceRecord } from '../store/records.ts';
import { removeDevice } from '../store/servers.ts';

/**
 * Gives a volume back that no guest uses any more: the volume service ends the export and frees it, then the device is forgotten.
 * Whatever attachments of this server to the volume exist are deleted, the one too that a crash kept us from noting.
 */
export async function releaseVolume(context: ComputeContext, device: DeviceRecord, signal: AbortSignal): Promise<void> {
  const { volumeId, serverId, attachmentId } = device;
  if (volumeId !== null) {
    await asService(context, signal, async (caller) => {
      if (attachmentId !== null) return context.volumes.deleteAttachment(caller, attachmentId);
      for (const { id } of await context.volumes.listAttachments(caller, { volumeId, serverId }))
        await context.volumes.deleteAttachment(caller, id);
    });
  }
  await removeDevice(context, device.id);
}
