import { createHash } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';
import { tooManyFailures } from '../errors.ts';
import { ADDRESS_FACTOR, MOST_COUNTED_CALLERS } from '../limits.ts';

const WINDOW_MS = 60_000;

/** Who tries to log in, from where and as whom. */
export interface Attempt {
  address: string;
  /** The name or id that is tried, whether or not there is such a user. */
  subject: string;
}

interface Count {
  failures: number;
  sinceMs: number;
}

/**
 * Slows down who guesses: failures are counted by address and user, and by address alone. Nobody can shut another out from
 * elsewhere, and whoever logs in rightly never meets it.
 */
export class FailureLimiter {
  private readonly perMinute: number;
  private readonly clock: Clock;
  private readonly counts = new Map<string, Count>();

  /** @param perMinute 0 for no limit. */
  constructor(perMinute: number, clock: Clock) {
    this.perMinute = perMinute;
    this.clock = clock;
  }

  /** @throws ApiError 429, before any work is done for the attempt. */
  assertMayTry(attempt: Attempt): void {
    if (this.perMinute === 0) return;
    for (const [key, most] of this.limitsOf(attempt)) {
      const count = this.current(key);
      if (!count || count.failures < most) continue;
      throw tooManyFailures(Math.max(1, Math.ceil((count.sinceMs + WINDOW_MS - this.clock.nowMs()) / 1000)));
    }
  }

  failed(attempt: Attempt): void {
    if (this.perMinute === 0) return;
    for (const [key] of this.limitsOf(attempt)) {
      const count = this.current(key) ?? { failures: 0, sinceMs: this.clock.nowMs() };
      count.failures += 1;
      this.counts.delete(key);
      this.counts.set(key, count);
    }
    for (const oldest of this.counts.keys()) {
      if (this.counts.size <= MOST_COUNTED_CALLERS) break;
      this.counts.delete(oldest);
    }
  }

  private current(key: string): Count | undefined {
    const count = this.counts.get(key);
    return count && this.clock.nowMs() - count.sinceMs < WINDOW_MS ? count : undefined;
  }

  private limitsOf({ address, subject }: Attempt): [string, number][] {
    // A subject is as long as its sender likes: its hash is not.
    const tried = createHash('sha256').update(subject).digest('base64');
    return [
      [`${address} ${tried}`, this.perMinute],
      [address, this.perMinute * ADDRESS_FACTOR],
    ];
  }
}
