import { randomInt } from 'node:crypto';
import { ApiError, InvariantError } from '../../common/errors.ts';
import type { ConnectionData, ConnectionInfo } from '../contract.ts';
import { GIB } from '../limits.ts';
import type { VolumeParts } from '../parts.ts';
import { driverOf } from '../scheduler/pool-states.ts';
import type { AttachmentRecord, VolumeRecord } from '../store/records.ts';

/** The only unit of each target: one export per attachment. Unit 0 answers as a controller in other targets, so we begin at 1 too. */
const LUN = 1;
const USERNAME_LENGTH = 20;
/** CHAP secrets of 12 to 16 characters are taken by every initiator, Windows included. */
const SECRET_LENGTH = 16;

/** An IQN that no other attachment ever has. Spec: RFC 7143, 4.2.7.3. */
export function iqnOf(parts: Pick<VolumeParts, 'config'>, attachmentId: string): string {
  return `${parts.config.iqn_prefix}:${attachmentId}`;
}

/** A fresh user name and secret: made per attachment, never used for another. */
export function newChap(): { username: string; secret: string } {
  return { username: randomText(USERNAME_LENGTH), secret: randomText(SECRET_LENGTH) };
}

const LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';

function randomText(length: number): string {
  return Array.from({ length }, () => LETTERS[randomInt(LETTERS.length)]).join('');
}

/** Makes the volume reachable for the attachment's initiator, with its secret. The same again changes nothing. */
export async function exportAttachment(
  parts: VolumeParts,
  volume: VolumeRecord,
  attachment: AttachmentRecord,
): Promise<void> {
  const { chap, connector } = attachment;
  if (!chap || !connector || volume.backend === null)
    throw new InvariantError(`attachment ${attachment.id} has nothing to export`);
  const { extents } = await driverOf(parts, volume.backend).backing(volume.id);
  await parts.targets.export({
    iqn: iqnOf(parts, attachment.id),
    lun: LUN,
    sizeBytes: volume.sizeGib * GIB,
    extents,
    readOnly: attachment.mode === 'ro',
    chap,
    initiatorName: connector.initiator,
    serial: volume.id,
  });
}

/** Tells every session of the volume that it has grown; the backing has before. */
export async function resizeExports(parts: VolumeParts, volumeId: string, sizeBytes: number): Promise<void> {
  await parts.exportQueue.run(volumeId, async () => {
    const volume = parts.volumes.get(volumeId);
    const exported = volume?.attachments.filter(({ chap, removing }) => chap !== null && !removing) ?? [];
    if (!volume || volume.backend === null || exported.length === 0) return;
    const { extents } = await driverOf(parts, volume.backend).backing(volume.id);
    for (const { id } of exported) {
      await parts.targets.resize(iqnOf(parts, id), sizeBytes, extents).catch((error: unknown) => {
        // Its export could not be made at start: nobody sees the old size either.
        if (!(error instanceof ApiError) || error.code !== 'TargetNotFound') throw error;
      });
    }
  });
}

/** How the initiator reaches the volume; undefined while it is not exported. It holds the secret. */
export function connectionDataOf(
  parts: Pick<VolumeParts, 'config' | 'targets'>,
  volume: VolumeRecord,
  attachment: AttachmentRecord,
): ConnectionData | undefined {
  if (!attachment.chap) return undefined;
  const { address, port } = parts.targets.portal;
  return {
    target_discovered: false,
    target_portal: `${address.includes(':') ? `[${address}]` : address}:${port}`,
    target_iqn: iqnOf(parts, attachment.id),
    target_lun: LUN,
    volume_id: volume.id,
    auth_method: 'CHAP',
    auth_username: attachment.chap.username,
    auth_password: attachment.chap.secret,
    access_mode: attachment.mode,
    encrypted: false,
    qos_specs: null,
    cacheable: false,
    discard: true,
  };
}

/** The flat form of the attachments API. */
export function connectionInfoOf(
  parts: Pick<VolumeParts, 'config' | 'targets'>,
  volume: VolumeRecord,
  attachment: AttachmentRecord,
): ConnectionInfo | Record<string, never> {
  const data = connectionDataOf(parts, volume, attachment);
  if (!data) return {};
  return { driver_volume_type: 'iscsi', attachment_id: attachment.id, enforce_multipath: false, ...data };
}
