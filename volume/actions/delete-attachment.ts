import { serverUsesAttachment } from '../errors.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import { nextStatus } from '../state.ts';
import type { AttachmentRecord } from '../store/records.ts';
import { iqnOf } from './exports.ts';
import { findAttachment } from './find-volume.ts';

/**
 * Ends an attachment: session, then export, then record. Only after that may the volume be free for the next tenant.
 *
 * @returns the attachments that the volume still has.
 * @throws ApiError 409 when a server uses the volume and no service vouches that it has let go (CVE-2023-2088).
 */
export async function deleteAttachment(
  parts: VolumeParts,
  caller: Caller,
  attachmentId: string,
): Promise<AttachmentRecord[]> {
  const { volume, attachment } = findAttachment(parts, caller, attachmentId, 'volume:attachment_delete');
  assertMayEnd(caller, attachment);
  await endAttachment(parts, volume.id, attachmentId);
  return parts.volumes.get(volume.id)?.attachments ?? [];
}

/** A reservation that was never connected is its owner's to drop; what a server may have connected is compute's. */
export function assertMayEnd(caller: Caller, attachment: AttachmentRecord): void {
  const isInServersHands = attachment.serverId !== null && attachment.connector !== null;
  if (isInServersHands && !caller.isVouchedByService) throw serverUsesAttachment(attachment.serverId ?? '');
}

/** Each step may be cut off by a kill: `removing` makes the next start go on. */
export async function endAttachment(parts: VolumeParts, volumeId: string, attachmentId: string): Promise<void> {
  await parts.exportQueue.run(volumeId, async () => {
    await parts.volumes.update(volumeId, (record) => ({
      ...record,
      attachments: record.attachments.map((each) => (each.id === attachmentId ? { ...each, removing: true } : each)),
    }));
    await parts.targets.unexport(iqnOf(parts, attachmentId));
    await parts.volumes.update(volumeId, (record) => {
      const next = { ...record, attachments: record.attachments.filter(({ id }) => id !== attachmentId) };
      return { ...next, status: nextStatus(next, 'detach') };
    });
  });
}
