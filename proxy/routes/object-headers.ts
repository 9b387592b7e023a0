import type { Clock } from '../../common/clock.ts';
import { plainRefusal } from '../errors.ts';
import type { Headers } from '../message.ts';

/** What an object keeps beside its user metadata, and a POST replaces. */
export const KEPT_HEADERS = [
  'content-disposition',
  'content-encoding',
  'content-language',
  'cache-control',
  'expires',
  'x-robots-tag',
  'x-object-manifest',
] as const;

/** User metadata and the like: what a POST replaces as a whole. A name without a value is kept, as in Swift. */
export function changeableMetadata(headers: Headers, deleteAt: string | undefined): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (name.startsWith('x-object-meta-') || name.startsWith('x-object-transient-sysmeta-')) metadata[name] = value;
  for (const name of KEPT_HEADERS) {
    const value = headers[name];
    if (value) metadata[name] = value;
  }
  if (deleteAt !== undefined) metadata['x-delete-at'] = deleteAt;
  return metadata;
}

/** What lives as long as the data. Only features set these: the gatekeeper strips them from what clients send. */
export function fixedMetadata(headers: Headers): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (name.startsWith('x-object-sysmeta-') || name === 'x-static-large-object') metadata[name] = value;
  return metadata;
}

/** Of an object's fixed metadata, what features keep there. */
export function internalOf(fixedMetadata: Headers): Headers {
  return Object.fromEntries(Object.entries(fixedMetadata).filter(([name]) => name.startsWith('x-object-sysmeta-')));
}

const LARGEST_DELETE_AT = 9_999_999_999;

/**
 * When the object shall go, seconds since the epoch, from `X-Delete-After` or `X-Delete-At`.
 *
 * @throws ApiError 400 for what is no integer, or past.
 * Spec: Object Storage API, "Schedule objects for deletion".
 */
export function parseDeleteAt(headers: Headers, clock: Clock): string | undefined {
  const nowSeconds = clock.nowMs() / 1000;
  const after = headers['x-delete-after'];
  if (after !== undefined) {
    const seconds = parseInteger(after, 'X-Delete-After');
    if (Math.floor(nowSeconds + seconds) <= nowSeconds) throw plainRefusal(400, 'X-Delete-After in past');
    return String(Math.min(Math.floor(nowSeconds + seconds), LARGEST_DELETE_AT)).padStart(10, '0');
  }
  const at = headers['x-delete-at'];
  if (at === undefined) return undefined;
  const seconds = parseInteger(at, 'X-Delete-At');
  if (seconds <= nowSeconds) throw plainRefusal(400, 'X-Delete-At in past');
  return String(Math.min(seconds, LARGEST_DELETE_AT)).padStart(10, '0');
}

function parseInteger(text: string, header: string): number {
  if (!/^\s*[+-]?\d{1,15}\s*$/.test(text)) throw plainRefusal(400, `Non-integer ${header}`);
  return Number(text);
}
