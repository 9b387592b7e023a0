import type { BackingExtent } from '../targets/contract.ts';

/**
 * What keeps the bytes of volumes.
 *
 * Promises of every driver, shown by `test/contract/volume/drivers.ts`:
 * - Every method is idempotent: after a kill at any line the same call again finishes the work.
 * - `create` gives a volume of exactly the size. If `freshVolumesReadZero`, all of it reads as zeros.
 * - No byte of a deleted volume is ever seen in another one.
 * - `extend` keeps all bytes; the new part shows nothing of deleted volumes. A smaller size than the current one changes nothing.
 * - `delete` of a volume that is not there is no error.
 * - What is acknowledged survives a power cut.
 * - Volumes are known by their UUID, in no other name; their content is never looked at.
 */
export interface VolumeDriver {
  /** What the scheduler's pool report says of the technology: `LVM`, `file`. */
  readonly kind: string;
  /** False where a new volume may show what the disk held before it was ours; who fills such a volume writes its zeros too. */
  readonly freshVolumesReadZero: boolean;
  /** Looks whether the storage is there. @throws ApiError or system error when it is not. */
  start(): Promise<void>;
  /** @throws ApiError 507 `PoolFull`. */
  create(volumeId: string, sizeBytes: number): Promise<void>;
  /** @param signal ends a long wipe; the same call later goes on. */
  delete(volumeId: string, signal?: AbortSignal): Promise<void>;
  /** @throws ApiError 507 `PoolFull`; the volume is as it was then. */
  extend(volumeId: string, sizeBytes: number): Promise<void>;
  /** Where the bytes of an existing volume are. It may change with `extend`. */
  backing(volumeId: string): Promise<VolumeBacking>;
  stats(): Promise<PoolStats>;
}

export interface VolumeBacking {
  sizeBytes: number;
  /** In order; their lengths add up to at least the size. */
  extents: readonly BackingExtent[];
}

export interface PoolStats {
  totalBytes: number;
  freeBytes: number;
  /** Whether volumes take space only as they are written: the scheduler may then promise more than there is. */
  thin: boolean;
}

/** The one name of a volume outside the store. */
export function backingName(volumeId: string): string {
  return `volume-${volumeId}`;
}
