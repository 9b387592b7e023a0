import type { Policy } from '../../auth/guard/contract.ts';
import { attachmentNotFound, volumeNotFound } from '../errors.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import type { AttachmentRecord, VolumeRecord } from '../store/records.ts';

type Finder = Pick<VolumeParts, 'volumes' | 'policy'>;

/**
 * The volume, if the caller may do `action` with it.
 *
 * @throws ApiError 404 where it is not there or another project's: nobody learns which. 403 where the role does not suffice.
 */
export function findVolume(parts: Finder, caller: Caller, id: string, action: string): VolumeRecord {
  const volume = parts.volumes.get(id);
  if (!volume || !isVisible(caller, volume)) throw volumeNotFound(id);
  authorize(parts.policy, action, caller, volume);
  return volume;
}

/** The same for an attachment, which belongs to its volume's project. */
export function findAttachment(
  parts: Finder,
  caller: Caller,
  attachmentId: string,
  action: string,
): { volume: VolumeRecord; attachment: AttachmentRecord } {
  const volume = parts.volumes.withAttachment(attachmentId);
  const attachment = volume?.attachments.find(({ id }) => id === attachmentId);
  if (!volume || !attachment || !isVisible(caller, volume)) throw attachmentNotFound(attachmentId);
  authorize(parts.policy, action, caller, volume);
  return { volume, attachment };
}

function isVisible(caller: Caller, volume: VolumeRecord): boolean {
  return caller.isAdmin || caller.isService || volume.projectId === caller.projectId;
}

export function authorize(policy: Policy, action: string, caller: Caller, volume: VolumeRecord): void {
  policy.authorize(action, caller.identity, { project_id: volume.projectId, user_id: volume.userId });
}
