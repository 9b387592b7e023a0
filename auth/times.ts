import { badRequest } from './errors.ts';

export const DAY_MS = 86_400_000;

const ISO_TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(Z|[+-]\d\d:?\d\d)?$/;

/** Keystone's form of a time: microseconds, UTC. @param ms since the epoch, with a fraction. */
export function isoMicroseconds(ms: number): string {
  return `${naiveMicroseconds(ms)}Z`;
}

/** The same without the `Z`, as application credentials show it. */
export function naiveMicroseconds(ms: number): string {
  const micros = Math.round(ms * 1000);
  const wholeMs = Math.floor(micros / 1000);
  const rest = String(micros - wholeMs * 1000).padStart(3, '0');
  return new Date(wholeMs).toISOString().replace('Z', rest);
}

/**
 * A time that a client gives: ISO 8601, UTC unless it says otherwise, microseconds kept.
 *
 * @returns milliseconds since the epoch, with a fraction; null for no time.
 * @throws ApiError 400 for other text, and for a time that has passed.
 */
export function parseExpiry(text: string | null | undefined, nowMs: number): number | null {
  if (text === null || text === undefined) return null;
  const match = ISO_TIME.exec(text);
  const seconds = match ? Date.parse(`${match[1]}${match[3] ?? 'Z'}`) : Number.NaN;
  if (Number.isNaN(seconds)) throw badRequest('Invalid expires_at: it must be a time as in ISO 8601.');
  const ms = seconds + Number((match?.[2] ?? '').padEnd(6, '0')) / 1000;
  if (ms <= nowMs) throw badRequest('Invalid expires_at: it has passed already.');
  return ms;
}

/** Whole days since the epoch. */
export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}
