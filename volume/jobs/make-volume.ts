import { contentOf, fill } from '../data/fill.ts';
import { invalidVolume, volumeNotFound } from '../errors.ts';
import { GIB } from '../limits.ts';
import type { VolumeParts } from '../parts.ts';
import { choosePool } from '../scheduler/choose-pool.ts';
import { driverOf, poolStates } from '../scheduler/pool-states.ts';
import { nextStatus } from '../state.ts';
import type { VolumeRecord } from '../store/records.ts';
import { copyImage } from './copy-image.ts';
import type { Job } from './job-runner.ts';

/**
 * Chooses a pool, makes the volume there and fills it from its source.
 *
 * @returns what the record says of the volume that was made.
 */
export async function makeVolume(parts: VolumeParts, volume: VolumeRecord, job: Job): Promise<Partial<VolumeRecord>> {
  if (volume.operation?.kind !== 'create') return {};
  const { source } = volume.operation;
  // What an earlier life wrote is unknown, and only a fresh volume reads as zeros.
  if (job.resumed) await unmakeVolume(parts, volume.id);
  const backend = volume.backend ?? (await assignPool(parts, volume));
  const driver = driverOf(parts, backend);
  await driver.create(volume.id, volume.sizeGib * GIB);
  if (source.kind === 'blank') return { fault: null };

  const target = await driver.backing(volume.id);
  const options = { skipZeros: driver.freshVolumesReadZero, signal: job.signal };
  if (source.kind === 'image') {
    await parts.volumes.update(volume.id, (record) => ({ ...record, status: nextStatus(record, 'begin-download') }));
    await copyImage(parts, { imageId: source.imageId, volumeId: volume.id, target, job, skipZeros: options.skipZeros });
    return { bootable: true, fault: null };
  }
  const original = parts.volumes.get(source.volumeId);
  if (!original) throw volumeNotFound(source.volumeId);
  if (original.backend === null) throw invalidVolume(`the source volume ${original.id} has no data.`);
  const from = await driverOf(parts, original.backend).backing(original.id);
  await fill(target, contentOf(from, job.signal), options);
  return { bootable: original.bootable, imageMetadata: original.imageMetadata, fault: null };
}

/** Takes back what `makeVolume` left; the record stays. */
export async function unmakeVolume(parts: VolumeParts, volumeId: string): Promise<void> {
  const backend = parts.volumes.get(volumeId)?.backend ?? null;
  if (backend === null) return;
  try {
    await driverOf(parts, backend).delete(volumeId);
  } catch (error) {
    // The volume's deletion tries again.
    parts.logger.error({ err: error, volumeId }, 'a volume that could not be made could not be taken back');
  }
}

async function assignPool(parts: VolumeParts, volume: VolumeRecord): Promise<string> {
  const type = await parts.types.get(volume.typeId);
  const pool = choosePool(await poolStates(parts), {
    sizeGib: volume.sizeGib,
    availabilityZone: volume.availabilityZone,
    extraSpecs: type?.extraSpecs ?? {},
  });
  await parts.volumes.update(volume.id, (record) => ({ ...record, backend: pool.name }));
  return pool.name;
}
