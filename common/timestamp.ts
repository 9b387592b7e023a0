import type { Clock } from './clock.ts';

/**
 * A version's time in Swift's internal form: `seconds.fraction`, 10 digits, a dot, 5 digits, so that the order of the
 * strings is the order of the times.
 *
 * Spec: OpenStack Swift, `X-Timestamp`.
 */
export type Timestamp = string;

const TICKS_PER_SECOND = 100_000;
const LARGEST_TICKS = 9_999_999_999 * TICKS_PER_SECOND + 99_999;
const CANONICAL_LENGTH = 16;
const FORM = /^\d{1,10}(\.\d{1,9})?$/;

/** Ticks of 10 µs since the epoch. */
export function ticksOf(timestamp: Timestamp): number {
  if (timestamp.length === CANONICAL_LENGTH && timestamp[10] === '.')
    return Number(timestamp.slice(0, 10)) * TICKS_PER_SECOND + Number(timestamp.slice(11));
  const [seconds = '0', fraction = ''] = timestamp.split('.');
  return Number(seconds) * TICKS_PER_SECOND + Number(fraction.slice(0, 5).padEnd(5, '0'));
}

export function timestampFromTicks(ticks: number): Timestamp {
  const seconds = Math.floor(ticks / TICKS_PER_SECOND);
  return `${String(seconds).padStart(10, '0')}.${String(ticks % TICKS_PER_SECOND).padStart(5, '0')}`;
}

/** A timestamp in canonical form, or undefined where the text is none. */
export function parseTimestamp(text: string): Timestamp | undefined {
  if (!FORM.test(text)) return undefined;
  const ticks = ticksOf(text);
  return ticks > LARGEST_TICKS ? undefined : timestampFromTicks(ticks);
}

/** Seconds since the epoch, with a fraction. */
export function secondsOf(timestamp: Timestamp): number {
  return ticksOf(timestamp) / TICKS_PER_SECOND;
}

/** `Last-Modified` as Swift gives it: the timestamp rounded *up* to a second, in HTTP's date form. */
export function httpDateOf(timestamp: Timestamp): string {
  return new Date(Math.ceil(secondsOf(timestamp)) * 1000).toUTCString();
}

/** `last_modified` of a listing row: microseconds, no zone. */
export function isoDateOf(timestamp: Timestamp): string {
  const ticks = ticksOf(timestamp);
  const whole = new Date(Math.floor(ticks / TICKS_PER_SECOND) * 1000).toISOString().slice(0, 19);
  return `${whole}.${String(ticks % TICKS_PER_SECOND).padStart(5, '0')}0`;
}

/**
 * Hands out strictly increasing timestamps within one thread.
 * Threads and nodes may draw the same tick: versions that tie are ordered by kind and content, the same on every replica.
 */
export class TimestampSource {
  private last = 0;
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  next(): Timestamp {
    this.last = Math.max(this.last + 1, Math.floor(this.clock.nowMs() * (TICKS_PER_SECOND / 1000)));
    return timestampFromTicks(this.last);
  }

  /** The next timestamp is later than `seen`: used after a 409 that named a newer version. */
  advancePast(seen: Timestamp): void {
    this.last = Math.max(this.last, ticksOf(seen));
  }
}
