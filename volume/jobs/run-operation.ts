import { ApiError } from '../../common/errors.ts';
import { resizeExports } from '../actions/exports.ts';
import type { VolumeDriver } from '../drivers/contract.ts';
import { GIB } from '../limits.ts';
import type { VolumeParts } from '../parts.ts';
import { driverOf } from '../scheduler/pool-states.ts';
import { nextStatus, type VolumeEvent } from '../state.ts';
import type { VolumeRecord } from '../store/records.ts';
import type { Job } from './job-runner.ts';
import { makeVolume, unmakeVolume } from './make-volume.ts';
import { uploadVolume } from './upload-volume.ts';

/**
 * Does what a volume's record says is being done, and records how it ended. The same call after a kill at any line ends the
 * same way: nothing stays `creating`, `downloading`, `extending`, `uploading` or `deleting`.
 *
 * @throws only when the end could not be recorded, or the service stops: the operation is still recorded then.
 */
export async function runOperation(parts: VolumeParts, job: Job): Promise<void> {
  const volume = parts.volumes.get(job.volumeId);
  const kind = volume?.operation?.kind;
  if (!volume || !kind) return;
  try {
    await OPERATIONS[kind](parts, volume, job);
  } catch (error) {
    if (job.signal.aborted) throw error;
    const level = error instanceof ApiError && error.status < 500 ? 'info' : 'error';
    parts.logger[level]({ err: error, volumeId: volume.id, operation: kind }, 'an operation of a volume failed');
    await FAILURES[kind](parts, volume, error);
  }
}

type OperationKind = NonNullable<VolumeRecord['operation']>['kind'];

const OPERATIONS: Record<OperationKind, (parts: VolumeParts, volume: VolumeRecord, job: Job) => Promise<void>> = {
  async create(parts, volume, job) {
    const made = await makeVolume(parts, volume, job);
    await end(parts, volume.id, 'finish-making', made);
    await releaseSource(parts, volume);
  },

  async delete(parts, volume, job) {
    const driver = driverFor(parts, volume);
    await driver?.delete(volume.id, job.signal);
    await releaseSource(parts, volume);
    await parts.volumes.remove(volume.id);
  },

  async extend(parts, volume) {
    if (volume.operation?.kind !== 'extend') return;
    const { sizeGib } = volume.operation;
    await driverFor(parts, volume)?.extend(volume.id, sizeGib * GIB);
    await resizeExports(parts, volume.id, sizeGib * GIB);
    await end(parts, volume.id, 'finish-extend', { sizeGib, fault: null });
  },

  async upload(parts, volume, job) {
    await uploadVolume(parts, volume, job);
    await end(parts, volume.id, 'finish-upload', { fault: null });
  },
};

const FAILURES: Record<OperationKind, (parts: VolumeParts, volume: VolumeRecord, error: unknown) => Promise<void>> = {
  async create(parts, volume, error) {
    await unmakeVolume(parts, volume.id);
    await end(parts, volume.id, 'fail-making', { fault: faultOf(error) });
    await releaseSource(parts, volume);
  },

  async delete(parts, volume, error) {
    await end(parts, volume.id, 'fail-delete', { fault: faultOf(error) });
  },

  async extend(parts, volume, error) {
    // Without room nothing has changed: the volume is as it was, and says why it is not larger.
    const isIntact = error instanceof ApiError && error.code === 'PoolFull';
    await end(parts, volume.id, isIntact ? 'finish-extend' : 'fail-extend', { fault: faultOf(error) });
  },

  async upload(parts, volume, error) {
    await end(parts, volume.id, 'finish-upload', { fault: faultOf(error) });
  },
};

/** The write that ends an operation: its outcome and its removal from the record are one. */
async function end(
  parts: VolumeParts,
  volumeId: string,
  event: VolumeEvent,
  changes: Partial<VolumeRecord>,
): Promise<void> {
  await parts.volumes.update(volumeId, (record) => {
    if (record.operation === null) return undefined;
    const next = { ...record, ...changes, operation: null };
    return { ...next, status: nextStatus(next, event) };
  });
}

/** The source of a copy may change and go again. A crash before this line is made good at the next start. */
export async function releaseSource(parts: VolumeParts, volume: VolumeRecord): Promise<void> {
  if (volume.sourceVolumeId === null) return;
  await parts.volumes.update(volume.sourceVolumeId, (source) =>
    source.copyIds.includes(volume.id)
      ? { ...source, copyIds: source.copyIds.filter((id) => id !== volume.id) }
      : undefined,
  );
}

function driverFor(parts: VolumeParts, volume: VolumeRecord): VolumeDriver | undefined {
  return volume.backend === null ? undefined : driverOf(parts, volume.backend);
}

/** What the owner reads: our own words for what is theirs to know, nothing of the machine. */
function faultOf(error: unknown): string {
  if (error instanceof ApiError && (error.status < 500 || TELLABLE.has(error.code))) return error.message;
  return 'The operation failed on the storage host; its log says why.';
}

const TELLABLE: ReadonlySet<string> = new Set([
  'PoolFull',
  'QemuImgMissing',
  'ImageServiceUnavailable',
  'ImageConversionFailed',
]);
