import type { Connector } from '../contract.ts';
import { attachmentNotFound, invalidInput } from '../errors.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import { nextStatus } from '../state.ts';
import type { AttachmentRecord, VolumeRecord } from '../store/records.ts';
import { exportAttachment, iqnOf, newChap } from './exports.ts';
import { findAttachment } from './find-volume.ts';

/**
 * Takes the connector and exports the volume to its initiator. The same connector again gives the same answer, so that a caller
 * that was cut off may simply ask again; another one, before the attachment is complete, gets a fresh secret.
 */
export async function updateAttachment(
  parts: VolumeParts,
  caller: Caller,
  attachmentId: string,
  connector: Connector,
): Promise<{ volume: VolumeRecord; attachment: AttachmentRecord }> {
  const { volume } = findAttachment(parts, caller, attachmentId, 'volume:attachment_update');
  return parts.exportQueue.run(volume.id, async () => {
    const before = currentAttachment(parts, attachmentId);
    const isSame = before.attachment.connector?.initiator.toLowerCase() === connector.initiator.toLowerCase();
    if (before.attachment.status === 'attached' && !isSame)
      throw invalidInput(`attachment ${attachmentId} is complete: its connector cannot change`);
    if (before.attachment.chap && !isSame) await parts.targets.unexport(iqnOf(parts, attachmentId));

    // Written before the export: after a kill in between, the next start makes the export, or the attachment's deletion ends it.
    await changeAttachment(parts, volume.id, attachmentId, (attachment) => ({
      ...attachment,
      status: attachment.status === 'attached' ? 'attached' : 'attaching',
      connector,
      hostName: connector.host ?? attachment.hostName,
      device: connector.mountpoint ?? attachment.device,
      mode: connector.mode === 'ro' ? 'ro' : attachment.mode,
      chap: isSame && attachment.chap ? attachment.chap : newChap(),
    }));
    const after = currentAttachment(parts, attachmentId);
    try {
      await exportAttachment(parts, after.volume, after.attachment);
    } catch (error) {
      await parts.targets.unexport(iqnOf(parts, attachmentId));
      await changeAttachment(parts, volume.id, attachmentId, (attachment) => ({
        ...attachment,
        status: 'reserved',
        connector: null,
        chap: null,
      }));
      throw error;
    }
    return after;
  });
}

/** @throws ApiError 404 for an attachment that is gone, or going. */
function currentAttachment(
  parts: VolumeParts,
  attachmentId: string,
): { volume: VolumeRecord; attachment: AttachmentRecord } {
  const volume = parts.volumes.withAttachment(attachmentId);
  const attachment = volume?.attachments.find(({ id }) => id === attachmentId);
  if (!volume || !attachment || attachment.removing) throw attachmentNotFound(attachmentId);
  return { volume, attachment };
}

async function changeAttachment(
  parts: VolumeParts,
  volumeId: string,
  attachmentId: string,
  change: (attachment: AttachmentRecord) => AttachmentRecord,
): Promise<void> {
  await parts.volumes.update(volumeId, (record) => {
    const attachments = record.attachments.map((each) => (each.id === attachmentId ? change(each) : each));
    const next = { ...record, attachments };
    return { ...next, status: nextStatus(next, 'export') };
  });
}
