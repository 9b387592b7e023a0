import { randomUUID } from 'node:crypto';
import type { AttachMode, Connector } from '../contract.ts';
import { conflict, invalidInput, invalidVolume, volumeNotFound } from '../errors.ts';
import { MOST_ATTACHMENTS } from '../limits.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import { nextStatus } from '../state.ts';
import type { AttachmentRecord, VolumeRecord } from '../store/records.ts';
import { findVolume } from './find-volume.ts';
import { updateAttachment } from './update-attachment.ts';

export interface NewAttachment {
  volumeId: string;
  /** null: a host attaches the volume for itself. */
  serverId: string | null;
  mode: AttachMode | undefined;
  connector: Connector | undefined;
}

/** Reserves a volume, by one compare-and-set: of two callers one is refused. With a connector the export is made at once. */
export async function createAttachment(
  parts: VolumeParts,
  caller: Caller,
  request: NewAttachment,
): Promise<{ volume: VolumeRecord; attachment: AttachmentRecord }> {
  const { id } = findVolume(parts, caller, request.volumeId, 'volume:attachment_create');
  const attachmentId = randomUUID();
  const volume = await parts.volumes.update(id, (record) => reserve(record, attachmentId, request));
  const attachment = volume?.attachments.find((each) => each.id === attachmentId);
  if (!volume || !attachment) throw volumeNotFound(id);
  return request.connector ? updateAttachment(parts, caller, attachment.id, request.connector) : { volume, attachment };
}

function reserve(record: VolumeRecord, attachmentId: string, request: NewAttachment): VolumeRecord {
  assertUnused(record);
  if (record.attachments.length >= MOST_ATTACHMENTS)
    throw conflict('TooManyAttachments', `Volume ${record.id} has ${MOST_ATTACHMENTS} attachments already.`);
  const attachment: AttachmentRecord = {
    id: attachmentId,
    status: 'reserved',
    serverId: request.serverId,
    legacy: false,
    mode: modeFor(record, request.mode),
    device: null,
    hostName: null,
    connector: null,
    chap: null,
    removing: false,
    attachedAtMs: null,
  };
  const isAgain = request.serverId !== null && record.attachments.some(({ serverId }) => serverId === request.serverId);
  const next = { ...record, attachments: [...record.attachments, attachment] };
  return { ...next, status: nextStatus(next, record.multiattach || isAgain ? 'reserve-shared' : 'reserve') };
}

/** @throws ApiError 400 while others copy from the volume: they read all of it as it is. */
export function assertUnused(record: VolumeRecord): void {
  if (record.copyIds.length > 0) throw invalidVolume(`Volume ${record.id} is being copied to ${record.copyIds[0]}.`);
}

export function modeFor(record: VolumeRecord, asked: AttachMode | undefined): AttachMode {
  if (record.readOnly && asked === 'rw')
    throw invalidInput(`Invalid attaching mode 'rw' for volume ${record.id}: it is read-only.`);
  return asked ?? (record.readOnly ? 'ro' : 'rw');
}
