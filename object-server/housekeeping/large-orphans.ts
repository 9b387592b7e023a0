import type { Clock } from '../../common/clock.ts';
import { timestampFromTicks } from '../../common/timestamp.ts';
import { isDamage, isUnreadable } from '../engine/damage.ts';
import type { Device } from '../engine/device.ts';
import { parseLargeLabel } from '../engine/large-label.ts';
import { labelOf } from '../large/large-files.ts';
import { LARGE_FILES_PER_STEP, MOST_ORPHAN_CANDIDATES, ORPHAN_GRACE_MS } from '../limits.ts';

/**
 * Files of large bodies that no needle names: a crash between the file and its needle leaves them. One that was just made may be about
 * to get its needle, so a file is removed only if it was without one a good while before, too.
 */
export class LargeOrphans {
  private readonly device: Device;
  private readonly clock: Clock;
  /** Name to when it was first found without a needle. */
  private readonly candidates = new Map<string, number>();
  private walked = false;

  constructor(device: Device, clock: Clock) {
    this.device = device;
    this.clock = clock;
  }

  /** Walks once through all files after the start; then looks again at what was found. */
  async *sweep(): AsyncGenerator<void> {
    if (!this.walked) {
      yield* this.walk();
      this.walked = true;
    }
    for (const [name, sinceMs] of this.candidates) {
      if (this.clock.nowMs() - sinceMs < ORPHAN_GRACE_MS) continue;
      this.candidates.delete(name);
      if (await this.hasNeedle(name)) continue;
      await this.device.large.remove(name);
      this.device.logger.info({ device: this.device.name, name }, 'a large body without a version is removed');
      yield;
    }
  }

  private async *walk(): AsyncGenerator<void> {
    let after = '';
    for (;;) {
      const names = await this.device.large.list(after, LARGE_FILES_PER_STEP);
      for (const name of names)
        if (this.candidates.size < MOST_ORPHAN_CANDIDATES && !(await this.hasNeedle(name)))
          this.candidates.set(name, this.clock.nowMs());
      const last = names.at(-1);
      if (last === undefined) return;
      after = last;
      yield;
    }
  }

  private async hasNeedle(name: string): Promise<boolean> {
    const parsed = parseLargeLabel(labelOf(name) ?? '');
    if (parsed === undefined) return true; // not named by this engine: not ours to remove
    const timestamp = timestampFromTicks(parsed.ticks);
    for (const version of await this.device.index.versions(parsed.key)) {
      if (version.timestamp !== timestamp || !version.large) continue;
      if (version.damaged) return true;
      try {
        const needle = await this.device.reader.read(version.location);
        if (needle === undefined || (needle.body.where === 'file' && needle.body.name === name)) return true;
      } catch (error) {
        if (!isDamage(error) && !isUnreadable(error)) throw error;
        return true; // whoever reads the object will say so
      }
    }
    return false;
  }
}
