import { invariant } from '../../common/errors.ts';
import { xxh64 } from '../../common/xxh64.ts';
import { MOST_RATE_KEYS, RATE_PROBES } from '../limits.ts';

/** How fast something may be done, and how far ahead of time it may be asked for. */
export interface Rate {
  perSecond: number;
  /** Idle time that may be made up for in a burst, ms. */
  bufferMs: number;
  mostSleepMs: number;
}

const BYTES = 2 * MOST_RATE_KEYS * BigUint64Array.BYTES_PER_ELEMENT;

/** The memory of rates that all threads of a process share. */
export function newRateMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(BYTES);
}

/**
 * Spreads what is done over time: each key has the time until which it is booked, in memory that all threads share. Where more keys
 * are busy than there is room for, some share theirs.
 *
 * Spec: Swift, "Rate Limiting": how it keeps time.
 */
export class RateSlots {
  /** Hashes of the keys; 0: free. */
  private readonly keys: BigUint64Array;
  /** Until when each is booked, ms since the epoch. */
  private readonly booked: BigInt64Array;

  constructor(memory: SharedArrayBuffer) {
    invariant(memory.byteLength === BYTES, 'the memory of rates has another size');
    this.keys = new BigUint64Array(memory, 0, MOST_RATE_KEYS);
    this.booked = new BigInt64Array(memory, BYTES / 2, MOST_RATE_KEYS);
  }

  /**
   * Books the next moment.
   *
   * @returns how long to wait for it, ms; undefined: too long, and nothing is booked.
   */
  book(key: string, nowMs: number, { perSecond, bufferMs, mostSleepMs }: Rate): number | undefined {
    const stepMs = Math.round(1000 / perSecond);
    const now = Math.round(nowMs);
    const slot = this.slotOf(key, BigInt(now - bufferMs));
    const untilMs = Number(Atomics.add(this.booked, slot, BigInt(stepMs))) + stepMs;
    if (now - untilMs > bufferMs) {
      Atomics.store(this.booked, slot, BigInt(now + stepMs));
      return 0;
    }
    const sleepMs = Math.max(untilMs - now - stepMs, 0);
    if (mostSleepMs - sleepMs > 10) return sleepMs;
    Atomics.sub(this.booked, slot, BigInt(stepMs));
    return undefined;
  }

  /** The key's own, one that nobody has needed since `idleSince`, or one that it shares. */
  private slotOf(key: string, idleSince: bigint): number {
    const hash = xxh64(Buffer.from(key)) || 1n;
    const first = Number(hash % BigInt(MOST_RATE_KEYS));
    for (let probe = 0; probe < RATE_PROBES; probe += 1) {
      const slot = (first + probe) % MOST_RATE_KEYS;
      const there = Atomics.load(this.keys, slot);
      if (there === hash) return slot;
      if (there !== 0n && Atomics.load(this.booked, slot) >= idleSince) continue;
      const before = Atomics.compareExchange(this.keys, slot, there, hash);
      if (before === there || before === hash) return slot;
    }
    return first;
  }
}
