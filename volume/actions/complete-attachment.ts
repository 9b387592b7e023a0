import { attachmentNotFound, invalidInput } from '../errors.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import { nextStatus } from '../state.ts';
import { findAttachment } from './find-volume.ts';

/** The guest has the disk: the volume is in use. Completing twice is no error. */
export async function completeAttachment(parts: VolumeParts, caller: Caller, attachmentId: string): Promise<void> {
  const { volume } = findAttachment(parts, caller, attachmentId, 'volume:attachment_complete');
  const attachedAtMs = parts.clock.nowMs();
  await parts.volumes.update(volume.id, (record) => {
    const attachment = record.attachments.find(({ id }) => id === attachmentId);
    if (!attachment || attachment.removing) throw attachmentNotFound(attachmentId);
    if (attachment.status === 'attached') return undefined;
    if (!attachment.connector)
      throw invalidInput(`attachment ${attachmentId} has no connector yet, so it cannot be complete`);
    const attachments = record.attachments.map((each) =>
      each.id === attachmentId ? { ...each, status: 'attached' as const, attachedAtMs } : each,
    );
    const next = { ...record, attachments };
    return { ...next, status: nextStatus(next, 'attach') };
  });
}
