import { connectionInfoOf } from '../actions/exports.ts';
import type { AttachmentBody } from '../contract.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import type { AttachmentRecord, VolumeRecord } from '../store/records.ts';
import { formatDateOrNull } from './dates.ts';

/** An attachment with all its fields; how to connect is for services only. Spec: Block Storage API v3, "Attachments". */
export function renderAttachment(
  parts: Pick<VolumeParts, 'config' | 'targets'>,
  caller: Caller,
  volume: VolumeRecord,
  attachment: AttachmentRecord,
): AttachmentBody {
  return {
    id: attachment.id,
    status: attachment.removing ? 'detaching' : attachment.status,
    instance: attachment.serverId,
    volume_id: volume.id,
    attached_at: formatDateOrNull(attachment.attachedAtMs),
    detached_at: null,
    attach_mode: attachment.mode,
    connection_info: caller.isVouchedByService ? connectionInfoOf(parts, volume, attachment) : {},
  };
}

export function renderAttachmentSummary(volume: VolumeRecord, attachment: AttachmentRecord): Record<string, unknown> {
  return {
    id: attachment.id,
    status: attachment.removing ? 'detaching' : attachment.status,
    instance: attachment.serverId,
    volume_id: volume.id,
  };
}
