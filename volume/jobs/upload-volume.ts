import { contentOf } from '../data/fill.ts';
import { invalidVolume } from '../errors.ts';
import type { VolumeParts } from '../parts.ts';
import { driverOf } from '../scheduler/pool-states.ts';
import type { VolumeRecord } from '../store/records.ts';
import type { Job } from './job-runner.ts';

/** Sends a volume's bytes as the raw data of an image that is there already, in state `queued`. */
export async function uploadVolume(parts: VolumeParts, volume: VolumeRecord, job: Job): Promise<void> {
  if (volume.operation?.kind !== 'upload') return;
  if (volume.backend === null) throw invalidVolume(`Volume ${volume.id} has no data.`);
  const token = job.token ?? (await parts.session.token());
  const backing = await driverOf(parts, volume.backend).backing(volume.id);
  await parts.images.upload(token, volume.operation.imageId, {
    data: contentOf(backing, job.signal),
    sizeBytes: backing.sizeBytes,
  });
}
