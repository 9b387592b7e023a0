import { randomBytes } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';

/** Headers that carry the transaction id in every answer. */
export const TRANSACTION_ID_HEADERS = ['x-trans-id', 'x-openstack-request-id'] as const;

const MOST_EXTRA_LENGTH = 32;

/**
 * `tx`, 21 hex digits, `-`, the time in 10 hex digits, and what the client adds (`X-Trans-Id-Extra`).
 *
 * Spec: Swift, `generate_trans_id`.
 */
export function newTransactionId(clock: Clock, extra?: string): string {
  const seconds = Math.floor(clock.nowMs() / 1000);
  const suffix = extra ? `-${encodeURIComponent(extra.slice(0, MOST_EXTRA_LENGTH))}` : '';
  return `tx${randomBytes(11).toString('hex').slice(0, 21)}-${seconds.toString(16).padStart(10, '0')}${suffix}`;
}
