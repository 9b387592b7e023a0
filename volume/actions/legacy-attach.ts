import { randomUUID } from 'node:crypto';
import type { AttachMode, ConnectionData, Connector } from '../contract.ts';
import { conflict, invalidInput, invalidVolume, volumeNotFound } from '../errors.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import { nextStatus } from '../state.ts';
import type { AttachmentRecord, VolumeRecord } from '../store/records.ts';
import { assertUnused, modeFor } from './create-attachment.ts';
import { assertMayEnd, endAttachment } from './delete-attachment.ts';
import { connectionDataOf, exportAttachment, newChap } from './exports.ts';
import { authorize, findVolume } from './find-volume.ts';

/*
 * Attaching as it was before the attachments API (3.27): reserve, initialize_connection, attach; then begin_detaching,
 * terminate_connection, detach. A connection is an attachment record marked `legacy`.
 *
 * Spec: Block Storage API v3, "Volume actions".
 */

const ACTIONS = 'volume_extension:volume_actions';

export async function reserveVolume(parts: VolumeParts, caller: Caller, volumeId: string): Promise<void> {
  const { id } = findVolume(parts, caller, volumeId, `${ACTIONS}:reserve`);
  await parts.volumes.update(id, (record) => {
    assertUnused(record);
    return { ...record, status: nextStatus(record, 'legacy-reserve') };
  });
}

export async function unreserveVolume(parts: VolumeParts, caller: Caller, volumeId: string): Promise<void> {
  const { id } = findVolume(parts, caller, volumeId, `${ACTIONS}:unreserve`);
  await parts.volumes.update(id, (record) => ({ ...record, status: nextStatus(record, 'unreserve') }));
}

export async function beginDetaching(parts: VolumeParts, caller: Caller, volumeId: string): Promise<void> {
  const { id } = findVolume(parts, caller, volumeId, `${ACTIONS}:begin_detaching`);
  await parts.volumes.update(id, (record) => ({ ...record, status: nextStatus(record, 'begin-detaching') }));
}

export async function rollDetaching(parts: VolumeParts, caller: Caller, volumeId: string): Promise<void> {
  const { id } = findVolume(parts, caller, volumeId, `${ACTIONS}:roll_detaching`);
  await parts.volumes.update(id, (record) => ({ ...record, status: nextStatus(record, 'roll-detaching') }));
}

/** @throws ApiError 409 unless a service asks: the answer holds a secret that no user sees. */
export async function initializeConnection(
  parts: VolumeParts,
  caller: Caller,
  volumeId: string,
  connector: Connector,
): Promise<ConnectionData> {
  const volume = findVolume(parts, caller, volumeId, `${ACTIONS}:initialize_connection`);
  assertVouched(caller);
  return parts.exportQueue.run(volume.id, async () => {
    const exported = await parts.volumes.update(volume.id, (record) => addConnection(record, connector));
    const attachment = exported && connectionOf(exported, connector);
    const data = exported && attachment && connectionDataOf(parts, exported, attachment);
    if (!exported || !attachment || !data) throw volumeNotFound(volume.id);
    await exportAttachment(parts, exported, attachment);
    return data;
  });
}

/** Ends the connection of an initiator; without one, of all. Not being connected is no error. */
export async function terminateConnection(
  parts: VolumeParts,
  caller: Caller,
  volumeId: string,
  connector: Partial<Connector> | undefined,
): Promise<void> {
  const volume = findVolume(parts, caller, volumeId, `${ACTIONS}:terminate_connection`);
  assertVouched(caller);
  const initiator = connector?.initiator?.toLowerCase();
  const ended = volume.attachments.filter(
    (each) => each.legacy && (initiator === undefined || each.connector?.initiator.toLowerCase() === initiator),
  );
  for (const { id } of ended) await endAttachment(parts, volume.id, id);
}

export interface LegacyAttach {
  serverId: string | null;
  hostName: string | null;
  mountpoint: string;
  mode: AttachMode | undefined;
}

/** Records who has the volume: of the connection that was made for it, else on its own. */
export async function attachVolume(
  parts: VolumeParts,
  caller: Caller,
  volumeId: string,
  request: LegacyAttach,
): Promise<void> {
  const { id } = findVolume(parts, caller, volumeId, `${ACTIONS}:attach`);
  const attachedAtMs = parts.clock.nowMs();
  await parts.volumes.update(id, (record) => {
    assertUnused(record);
    if (record.attachments.some(({ status }) => status === 'attached') && !record.multiattach)
      throw invalidVolume(`Volume ${record.id} is already attached.`);
    const open = record.attachments.find((each) => each.legacy && each.status === 'attaching' && !each.removing);
    const attachment: AttachmentRecord = {
      ...(open ?? newLegacyAttachment(modeFor(record, request.mode), null)),
      status: 'attached',
      serverId: request.serverId,
      hostName: request.hostName,
      device: request.mountpoint,
      attachedAtMs,
    };
    const next = { ...record, attachments: [...record.attachments.filter((each) => each !== open), attachment] };
    return { ...next, status: nextStatus(next, 'attach') };
  });
}

export async function detachVolume(
  parts: VolumeParts,
  caller: Caller,
  volumeId: string,
  attachmentId: string | undefined,
): Promise<void> {
  const volume = findVolume(parts, caller, volumeId, `${ACTIONS}:detach`);
  const ended = volume.attachments.filter(({ id }) => attachmentId === undefined || id === attachmentId);
  if (attachmentId === undefined && ended.length > 1)
    throw invalidVolume('Detach volume failed: More than one attachment, but no attachment_id provided.');
  if (attachmentId !== undefined && ended.length === 0)
    throw invalidInput(`volume ${volume.id} has no attachment ${attachmentId}`);
  for (const attachment of ended) {
    assertMayEnd(caller, attachment);
    authorize(parts.policy, 'volume:attachment_delete', caller, volume);
    await endAttachment(parts, volume.id, attachment.id);
  }
}

function addConnection(record: VolumeRecord, connector: Connector): VolumeRecord | undefined {
  assertUnused(record);
  if (connectionOf(record, connector)) return undefined;
  const inUse = record.attachments.some(({ status }) => status === 'attached');
  if (inUse && !record.multiattach) throw invalidVolume(`Volume ${record.id} is already attached.`);
  const attachment = newLegacyAttachment(modeFor(record, connector.mode), connector);
  const next = { ...record, attachments: [...record.attachments, attachment] };
  return { ...next, status: nextStatus(next, 'export') };
}

function connectionOf(record: VolumeRecord, connector: Connector): AttachmentRecord | undefined {
  const initiator = connector.initiator.toLowerCase();
  return record.attachments.find(
    (each) => each.legacy && !each.removing && each.connector?.initiator.toLowerCase() === initiator,
  );
}

function newLegacyAttachment(mode: AttachMode, connector: Connector | null): AttachmentRecord {
  return {
    id: randomUUID(),
    status: 'attaching',
    serverId: null,
    legacy: true,
    mode,
    device: null,
    hostName: connector?.host ?? null,
    connector,
    chap: connector ? newChap() : null,
    removing: false,
    attachedAtMs: null,
  };
}

function assertVouched(caller: Caller): void {
  if (!caller.isVouchedByService && !caller.isAdmin)
    throw conflict(
      'ServiceTokenRequired',
      'Connections of volumes are made by the Compute API, with its service token.',
    );
}
