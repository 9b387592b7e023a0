import { randomFillSync } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';

/** Headers that carry the transaction id in every answer. */
export const TRANSACTION_ID_HEADERS = ['x-trans-id', 'x-openstack-request-id'] as const;

const MOST_EXTRA_LENGTH = 32;
const ID_BYTES = 11;

/** Random bytes for many ids at once: one call of the generator for each would cost more than all else here. */
const pool = Buffer.alloc(ID_BYTES * 512);
let used = pool.length;

let second = Number.NaN;
/** `-`, the time in 10 hex digits. */
let timePart = '';

/**
 * `tx`, 21 hex digits, `-`, the time in 10 hex digits, and what the client adds (`X-Trans-Id-Extra`).
 *
 * Spec: Swift, `generate_trans_id`.
 */
export function newTransactionId(clock: Clock, extra?: string): string {
  const seconds = Math.floor(clock.nowMs() / 1000);
  if (seconds !== second) {
    second = seconds;
    timePart = `-${seconds.toString(16).padStart(10, '0')}`;
  }
  // Cut in the middle of a pair, a text holds half a character, which cannot be encoded.
  const suffix = extra
    ? `-${encodeURIComponent(extra.slice(0, MOST_EXTRA_LENGTH).replace(/\p{Surrogate}/gu, ''))}`
    : '';
  return `tx${randomDigits()}${timePart}${suffix}`;
}

function randomDigits(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const digits = pool.toString('hex', used, used + ID_BYTES);
  used += ID_BYTES;
  return digits.slice(0, 2 * ID_BYTES - 1);
}
