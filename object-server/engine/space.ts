import type { Clock } from '../../common/clock.ts';
import type { Disk } from '../disk/contract.ts';
import { deviceUnavailable, insufficientStorage } from '../errors.ts';
import { SPACE_CACHE_MS, SPACE_RECHECK_MS } from '../limits.ts';

export interface SpaceDeps {
  disk: Disk;
  device: string;
  folder: string;
  clock: Clock;
  /** Part of the device that is kept free, percent. */
  reservePercent: number;
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
    if (this.ageMs() > SPACE_CACHE_MS || this.freeBytes < bytes) return this.claimAfterLook(bytes);
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
    if (this.ageMs() > SPACE_CACHE_MS) await this.look();
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
    const { disk, folder, reservePercent, recycledBytes, clock, device } = this.deps;
    try {
      const { freeBytes, totalBytes } = await disk.space(folder);
      this.freeBytes = freeBytes + recycledBytes() - (totalBytes * reservePercent) / 100;
      this.atMs = clock.nowMs();
    } catch (error) {
      throw deviceUnavailable(device, error);
    }
  }

  /** A clock that was set back makes any look old. */
  private ageMs(): number {
    const ageMs = this.deps.clock.nowMs() - this.atMs;
    return ageMs < 0 ? Number.POSITIVE_INFINITY : ageMs;
  }
}
