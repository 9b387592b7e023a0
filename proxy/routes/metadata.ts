import { plainRefusal } from '../errors.ts';
import { titleCase } from '../http/header-text.ts';
import {
  MOST_HEADER_BYTES,
  MOST_META_COUNT,
  MOST_META_NAME_BYTES,
  MOST_META_OVERALL_BYTES,
  MOST_META_VALUE_BYTES,
} from '../limits.ts';
import type { Headers } from '../message.ts';

export type MetadataKind = 'account' | 'container' | 'object';

/**
 * Checks the user metadata that a request carries.
 *
 * @throws ApiError 400 naming the first header that is empty, too long, or one too many.
 * Spec: Swift, `swift-constraints`.
 */
export function checkMetadata(headers: Headers, kind: MetadataKind): void {
  const prefix = `x-${kind}-meta-`;
  let count = 0;
  let overall = 0;
  for (const [header, value] of Object.entries(headers)) {
    const valueBytes = Buffer.byteLength(value);
    if (valueBytes > MOST_HEADER_BYTES)
      throw plainRefusal(400, `Header value too long: ${header.slice(0, MOST_META_NAME_BYTES)}`);
    if (!header.startsWith(prefix)) continue;
    const name = header.slice(prefix.length);
    if (name === '') throw plainRefusal(400, 'Metadata name cannot be empty');
    if (value.includes('\uFFFD')) throw plainRefusal(400, 'Metadata must be valid UTF-8');
    count += 1;
    overall += name.length + valueBytes;
    if (name.length > MOST_META_NAME_BYTES)
      throw plainRefusal(400, `Metadata name too long: ${prefix}${titleCase(name)}`);
    if (valueBytes > MOST_META_VALUE_BYTES)
      throw plainRefusal(400, `Metadata value longer than ${MOST_META_VALUE_BYTES}: ${prefix}${titleCase(name)}`);
    if (count > MOST_META_COUNT) throw plainRefusal(400, `Too many metadata items; max ${MOST_META_COUNT}`);
    if (overall > MOST_META_OVERALL_BYTES)
      throw plainRefusal(400, `Total metadata too large; max ${MOST_META_OVERALL_BYTES}`);
  }
}

/**
 * Checks what an account or container would hold after a change.
 *
 * @throws ApiError 400 when there would be too many items, or too many bytes.
 */
export function checkMergedMetadata(
  current: Readonly<Record<string, string>>,
  change: Readonly<Record<string, string>>,
  kind: 'account' | 'container',
): void {
  const prefix = `x-${kind}-meta-`;
  const merged = Object.entries({ ...current, ...change }).filter(
    ([name, value]) => name.startsWith(prefix) && value !== '',
  );
  if (merged.length > MOST_META_COUNT) throw plainRefusal(400, `Too many metadata items; max ${MOST_META_COUNT}`);
  const bytes = merged.reduce((sum, [name, value]) => sum + name.length - prefix.length + Buffer.byteLength(value), 0);
  if (bytes > MOST_META_OVERALL_BYTES)
    throw plainRefusal(400, `Total metadata too large; max ${MOST_META_OVERALL_BYTES}`);
}

/** Headers of accounts and containers that only their owner sees and sets. */
const OWNER_HEADERS: ReadonlySet<string> = new Set([
  'x-container-read',
  'x-container-write',
  'x-container-sync-key',
  'x-container-sync-to',
  'x-account-meta-temp-url-key',
  'x-account-meta-temp-url-key-2',
  'x-container-meta-temp-url-key',
  'x-container-meta-temp-url-key-2',
  'x-account-access-control',
]);

export function isOwnerHeader(header: string): boolean {
  return OWNER_HEADERS.has(header);
}

/**
 * What a PUT or POST of an account or container changes: a value sets, an empty value or `X-Remove-…` removes.
 */
export function metadataChange(
  headers: Headers,
  kind: 'account' | 'container',
  isOwner: boolean,
): Record<string, string> {
  const change: Record<string, string> = {};
  const remove = `x-remove-${kind}-`;
  for (const [header, value] of Object.entries(headers)) {
    const name = header.startsWith(remove) ? `x-${kind}-${header.slice(remove.length)}` : header;
    if (!isStored(name, kind) || (isOwnerHeader(name) && !isOwner)) continue;
    change[name] = name === header ? value : '';
  }
  return change;
}

const CONTAINER_SETTINGS: ReadonlySet<string> = new Set([
  'x-container-read',
  'x-container-write',
  'x-container-sync-to',
  'x-container-sync-key',
]);

function isStored(name: string, kind: 'account' | 'container'): boolean {
  if (name.startsWith(`x-${kind}-meta-`) || name.startsWith(`x-${kind}-sysmeta-`)) return true;
  return kind === 'container' && CONTAINER_SETTINGS.has(name);
}
