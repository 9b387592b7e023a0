import { invalidVolume, volumeNotFound } from '../errors.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import { nextStatus } from '../state.ts';
import type { VolumeRecord } from '../store/records.ts';
import { assertUnused } from './create-attachment.ts';
import { endAttachment } from './delete-attachment.ts';
import { findVolume } from './find-volume.ts';

/** Starts a volume's deletion. Deleting what is being deleted is no error. */
export async function deleteVolume(parts: VolumeParts, caller: Caller, volumeId: string): Promise<void> {
  const volume = findVolume(parts, caller, volumeId, 'volume:delete');
  await begin(parts, volume.id, (record) => {
    if (record.attachments.length > 0)
      throw invalidVolume(
        `Volume status must be available or error or error_extending and must not be attached, but current status is: ${record.status}.`,
      );
    return nextStatus(record, 'begin-delete');
  });
}

/** An administrator's word: whatever the status, and whoever is attached. Attachments end first, exports with them. */
export async function forceDeleteVolume(
  parts: VolumeParts,
  caller: Caller,
  volumeId: string,
  action: 'volume:force_delete' | 'volume_extension:volume_admin_actions:force_delete' = 'volume:force_delete',
): Promise<void> {
  const volume = findVolume(parts, caller, volumeId, action);
  for (const { id } of volume.attachments) await endAttachment(parts, volume.id, id);
  await begin(parts, volume.id, (record) => {
    if (record.attachments.length > 0) throw invalidVolume(`Volume ${record.id} was attached again meanwhile.`);
    // What still works on it would write to what is no longer there: it ends first, by itself.
    if (record.operation !== null && record.operation.kind !== 'delete')
      throw invalidVolume(`Volume ${record.id} is ${record.status}; that has to end first.`);
    return nextStatus(record, 'force-delete');
  });
}

async function begin(
  parts: VolumeParts,
  volumeId: string,
  statusOf: (record: VolumeRecord) => VolumeRecord['status'],
): Promise<void> {
  let begun = false;
  const after = await parts.volumes.update(volumeId, (record) => {
    begun = record.operation?.kind !== 'delete';
    if (!begun) return undefined;
    assertUnused(record);
    if (record.operation !== null)
      throw invalidVolume(`Volume ${record.id} is busy, current status is: ${record.status}.`);
    return { ...record, status: statusOf(record), operation: { kind: 'delete' } };
  });
  if (!after) throw volumeNotFound(volumeId);
  if (begun) parts.startOperation(volumeId);
}
