import type { Clock } from '../../common/clock.ts';
import type { Disk } from '../disk/contract.ts';
import { deviceUnavailable, insufficientStorage } from '../errors.ts';
import { RESERVED_SEGMENTS, SPACE_CACHE_MS, SPACE_RECHECK_MS } from '../limits.ts';

export interface SpaceDeps {
  disk: Disk;
  device: string;
  folder: string;
  clock: Clock;
  /** Part of the device that is kept free, percent; unless it is 0, room for some segments is kept at least. */
  reservePercent: number;
  segmentBytes: number;
  /** Bytes of segments that can be used again: free, though the file system counts them. */
  recycledBytes(): number;
}

/** The free space of a device above its reserve, looked at now and then, less what this thread has written since. */
export class Space {
  private readonly deps: SpaceDeps;
  private atMs = Number.NEGATIVE_INFINITY;
  private freeBytes = 0;
  private looking: Promise<void> | undefined;

  constructor(deps: SpaceDeps) {
    this.deps = deps;
  }

  /**
   * Counts `bytes` as written. Undefined: there is room. Else a promise that says so later.
   * @throws InsufficientStorage where they would touch the reserve; DeviceUnavailable where the disk is gone (by the promise).
   */
  claim(bytes: number): Promise<void> | undefined {
    if (this.ageMs() > this.mostAgeMs() || this.freeBytes < bytes) return this.claimAfterLook(bytes);
    this.freeBytes -= bytes;
    return undefined;
  }

  /** Looks without counting: before a body that is only announced. @throws as `claim`. */
  async assertRoom(bytes: number): Promise<void> {
    await this.claim(bytes);
    this.freeBytes += bytes;
  }

  /** Whether the last look found room above the reserve. Looks again where that is old. */
  async isLow(): Promise<boolean> {
    if (this.ageMs() > this.mostAgeMs()) await this.look();
    return this.freeBytes <= 0;
  }

  private async claimAfterLook(bytes: number): Promise<void> {
    // Before a refusal the disk is looked at again: what was counted may have been given up, or something deleted.
    if (this.ageMs() > SPACE_RECHECK_MS) await this.look();
    if (this.freeBytes < bytes) throw insufficientStorage(this.deps.device);
    this.freeBytes -= bytes;
  }

  private look(): Promise<void> {
    this.looking ??= this.measure().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  private async measure(): Promise<void> {
    const { disk, folder, reservePercent, segmentBytes, recycledBytes, clock, device } = this.deps;
    try {
      const { freeBytes, totalBytes } = await disk.space(folder);
      // Files grow ahead of what is written, on each thread: beyond the reserve, deletions and the index need what is left.
      const leastBytes = reservePercent === 0 ? 0 : RESERVED_SEGMENTS * segmentBytes;
      this.freeBytes = freeBytes + recycledBytes() - Math.max((totalBytes * reservePercent) / 100, leastBytes);
      this.atMs = clock.nowMs();
    } catch (error) {
      throw deviceUnavailable(device, error);
    }
  }

  /** Where little is left, others may have taken it a moment ago. */
  private mostAgeMs(): number {
    return this.freeBytes < RESERVED_SEGMENTS * this.deps.segmentBytes ? SPACE_RECHECK_MS : SPACE_CACHE_MS;
  }

  /** A clock that was set back makes any look old. */
  private ageMs(): number {
    const ageMs = this.deps.clock.nowMs() - this.atMs;
    return ageMs < 0 ? Number.POSITIVE_INFINITY : ageMs;
  }
}
