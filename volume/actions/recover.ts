import { releaseSource } from '../jobs/run-operation.ts';
import type { VolumeParts } from '../parts.ts';
import { endAttachment } from './delete-attachment.ts';
import { exportAttachment } from './exports.ts';

/**
 * Makes good what a stop or a kill left, before the first request: attachments that were ending end, live ones are exported again with
 * the secrets they had, marks of copies that are over go.
 *
 * @returns volumes whose operation was cut off: they go on once the service runs.
 */
export async function recover(parts: VolumeParts): Promise<string[]> {
  const unfinished: string[] = [];
  for (const volume of parts.volumes.all()) {
    for (const attachment of volume.attachments) {
      if (attachment.removing) {
        await endAttachment(parts, volume.id, attachment.id);
        continue;
      }
      if (!attachment.chap) continue;
      try {
        await exportAttachment(parts, volume, attachment);
      } catch (error) {
        // One volume whose bytes are gone must not keep all others from their guests.
        parts.logger.error({ err: error, volumeId: volume.id }, 'a volume could not be exported again');
      }
    }
    if (volume.operation) unfinished.push(volume.id);
    else if (volume.status !== 'deleting') await releaseSource(parts, volume);
  }
  await dropDeadCopyMarks(parts);
  return unfinished;
}

/** A copy that is no longer there, or no longer being made, holds its source no more. */
async function dropDeadCopyMarks(parts: VolumeParts): Promise<void> {
  for (const { id, copyIds } of parts.volumes.all()) {
    const live = copyIds.filter((copyId) => parts.volumes.get(copyId)?.operation?.kind === 'create');
    if (live.length < copyIds.length) await parts.volumes.update(id, (record) => ({ ...record, copyIds: live }));
  }
}
