import type { VolumeStatus } from '../contract.ts';
import { invalidInput, invalidVolume, notFound, volumeNotFound } from '../errors.ts';
import { MOST_METADATA_ITEMS } from '../limits.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import type { VolumeRecord } from '../store/records.ts';
import { findVolume } from './find-volume.ts';

/** Which of a volume's two dictionaries: its owner's, or the one it has from its image. */
export type MetadataKind = 'metadata' | 'imageMetadata';

export async function renameVolume(
  parts: VolumeParts,
  caller: Caller,
  volumeId: string,
  changes: Partial<Pick<VolumeRecord, 'name' | 'description' | 'metadata'>>,
): Promise<VolumeRecord> {
  return edit(parts, caller, volumeId, 'volume:update', (record) => ({ ...record, ...changes }));
}

export interface MetadataEdit {
  kind: MetadataKind;
  /** Policy rule that allows it. */
  action: string;
  items: Readonly<Record<string, string>>;
  /** Whether keys that `items` does not name go. */
  replaceAll: boolean;
}

/** @returns the whole dictionary after the change. */
export async function setMetadata(
  parts: VolumeParts,
  caller: Caller,
  volumeId: string,
  { kind, action, items, replaceAll }: MetadataEdit,
): Promise<Record<string, string>> {
  const volume = await edit(parts, caller, volumeId, action, (record) => {
    const next = { ...(replaceAll ? {} : record[kind]), ...items };
    if (Object.keys(next).length > MOST_METADATA_ITEMS)
      throw invalidInput(`a volume has at most ${MOST_METADATA_ITEMS} metadata items`);
    return { ...record, [kind]: next };
  });
  return volume[kind] ?? {};
}

/** @throws ApiError 404 for a key that is not there. */
export async function removeMetadata(
  parts: VolumeParts,
  caller: Caller,
  volumeId: string,
  { kind, action, key }: { kind: MetadataKind; action: string; key: string },
): Promise<void> {
  await edit(parts, caller, volumeId, action, (record) => {
    const { [key]: removed, ...rest } = record[kind] ?? {};
    if (removed === undefined) throw notFound(`Metadata item ${key.slice(0, 64)}`);
    return { ...record, [kind]: rest };
  });
}

export async function setBootable(
  parts: VolumeParts,
  caller: Caller,
  volumeId: string,
  bootable: boolean,
): Promise<void> {
  const action = 'volume_extension:volume_actions:set_bootable';
  await edit(parts, caller, volumeId, action, (record) => ({ ...record, bootable }));
}

/** @throws ApiError 400 while the volume is not available: attachments keep the mode they were made with. */
export async function setReadOnly(
  parts: VolumeParts,
  caller: Caller,
  volumeId: string,
  readOnly: boolean,
): Promise<void> {
  await edit(parts, caller, volumeId, 'volume:update_readonly_flag', (record) => {
    if (record.status !== 'available')
      throw invalidVolume(
        `Volume ${record.id} status must be available to update readonly flag, but current status is: ${record.status}.`,
      );
    return { ...record, readOnly };
  });
}

/**
 * A person's word against the state machine.
 *
 * @throws ApiError 400 while an operation runs: it ends by itself, also over a restart, and a reset would let a second one begin beside it.
 */
export async function resetStatus(
  parts: VolumeParts,
  caller: Caller,
  volumeId: string,
  status: VolumeStatus,
): Promise<void> {
  const action = 'volume_extension:volume_admin_actions:reset_status';
  await edit(parts, caller, volumeId, action, (record) => {
    if (record.operation !== null)
      throw invalidVolume(
        `Volume ${record.id} is ${record.status}, which ends by itself; then its status can be reset.`,
      );
    if (status === 'available' && record.attachments.length > 0)
      throw invalidVolume(`Volume ${record.id} has attachments; delete them and it is available.`);
    return { ...record, status, fault: null };
  });
}

async function edit(
  parts: VolumeParts,
  caller: Caller,
  volumeId: string,
  action: string,
  change: (record: VolumeRecord) => VolumeRecord,
): Promise<VolumeRecord> {
  const { id } = findVolume(parts, caller, volumeId, action);
  const after = await parts.volumes.update(id, change);
  if (!after) throw volumeNotFound(id);
  return after;
}
