import { createHash } from 'node:crypto';
import { plainRefusal, refusal } from '../errors.ts';
import { parseRange, type RangeSpec, satisfiableRanges } from './ranges.ts';

/** An element of a manifest as a client sends it. */
export type SentSegment =
  | { path: string; etag: string | undefined; sizeBytes: number | undefined; range: RangeSpec | undefined }
  | { data: Buffer };

/** An element of a manifest as it is stored, and shown by `?multipart-manifest=get`. Spec: Swift, "Static Large Objects". */
export type StoredSegment =
  | {
      /** `/container/object`. */
      name: string;
      /** Of the segment object, whatever range of it is used. */
      bytes: number;
      hash: string;
      content_type: string;
      last_modified: string;
      /** `first-last`, both inclusive. */
      range?: string;
      /** The segment is itself a static large object. */
      sub_slo?: true;
    }
  | { data: string };

const PATH_KEYS: ReadonlySet<string> = new Set(['path', 'etag', 'size_bytes', 'range']);

/**
 * Reads a manifest.
 *
 * @param self `/container/object` of the manifest, which may not be a segment of its own.
 * @throws ApiError 400 naming each element at fault, by index.
 */
export function parseManifest(body: string, self: string): SentSegment[] {
  const list = parseJson(body);
  if (!Array.isArray(list)) throw refusal(400, { body: 'Manifest must be a list.\n' });
  const errors: string[] = [];
  const segments = list.flatMap((element: unknown, index): SentSegment[] => {
    const segment = parseSegment(element, { isLast: index === list.length - 1, self });
    if (typeof segment !== 'string') return [segment];
    errors.push(`Index ${index}: ${segment}`);
    return [];
  });
  if (list.length > 0 && list.every((element) => isRecord(element) && 'data' in element))
    errors.push('Inline data segments require at least one object-backed segment.');
  if (errors.length > 0) throw plainRefusal(400, errors.map((error) => `${error}\n`).join(''));
  return segments;
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw refusal(400, { body: 'Manifest must be valid JSON.\n' });
  }
}

/** The segment, or what is wrong with it. */
function parseSegment(element: unknown, { isLast, self }: { isLast: boolean; self: string }): SentSegment | string {
  if (!isRecord(element)) return 'not a JSON object';
  const fields = element;
  if ('data' in fields) return parseInline(fields);
  const path = fields['path'];
  if (path === undefined) return "expected keys to include one of 'data' or 'path'";
  const extraneous = Object.keys(fields).filter((key) => !PATH_KEYS.has(key));
  if (extraneous.length > 0)
    return `extraneous keys ${extraneous
      .map((key) => JSON.stringify(key))
      .sort()
      .join(', ')}`;
  if (typeof path !== 'string') return '"path" must be a string';
  const etag = fields['etag'] ?? undefined;
  if (etag !== undefined && typeof etag !== 'string') return '"etag" must be a string or null (if provided)';
  if (!path.replace(/^\/+|\/+$/g, '').includes('/'))
    return 'path does not refer to an object. Path must be of the form /container/object.';
  const sizeBytes = parseSize(fields['size_bytes']);
  if (Number.isNaN(sizeBytes)) return 'invalid size_bytes';
  if (sizeBytes !== undefined && sizeBytes < 1 && !isLast) return 'too small; each segment must be at least 1 byte.';
  if (`/${path.replace(/^\/+/, '')}` === self) return 'manifest must not include itself as a segment';
  const range = parseSegmentRange(fields['range'], sizeBytes);
  if (typeof range === 'string') return range;
  return { path, etag: etag || undefined, sizeBytes, range };
}

function isRecord(element: unknown): element is Readonly<Record<string, unknown>> {
  return typeof element === 'object' && element !== null && !Array.isArray(element);
}

function parseInline(fields: Readonly<Record<string, unknown>>): SentSegment | string {
  const extraneous = Object.keys(fields).filter((key) => key !== 'data');
  if (extraneous.length > 0)
    return `extraneous keys ${extraneous
      .map((key) => JSON.stringify(key))
      .sort()
      .join(', ')}`;
  const text = fields['data'];
  if (typeof text !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0)
    return 'data must be valid base64';
  const data = Buffer.from(text, 'base64');
  return data.length < 1 ? 'too small; each segment must be at least 1 byte.' : { data };
}

/** NaN for what is no size. */
function parseSize(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && /^-?\d{1,15}$/.test(value)) return Number(value);
  return Number.isInteger(value) ? (value as number) : Number.NaN;
}

function parseSegmentRange(value: unknown, sizeBytes: number | undefined): RangeSpec | string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const specs = typeof value === 'string' ? parseRange(`bytes=${value}`) : undefined;
  if (!specs) return 'invalid range';
  const [range, ...more] = specs;
  if (more.length > 0) return 'multiple ranges (only one allowed)';
  if (sizeBytes !== undefined && satisfiableRanges(specs, sizeBytes).length !== 1) return 'unsatisfiable range';
  return range;
}

/** Bytes that a segment gives to the whole. */
export function segmentLength(segment: StoredSegment): number {
  if ('data' in segment) return Buffer.byteLength(segment.data, 'base64');
  const { start, end } = segmentRange(segment);
  return end - start;
}

/** The part of the segment object that is used, `end` exclusive. */
export function segmentRange(segment: { bytes: number; range?: string }): { start: number; end: number } {
  if (segment.range === undefined) return { start: 0, end: segment.bytes };
  const [first, last] = segment.range.split('-').map(Number);
  return { start: first ?? 0, end: (last ?? segment.bytes - 1) + 1 };
}

/** MD5 over the segments' ETags: the ETag of the large object, without its quotes. */
export function manifestEtag(segments: readonly StoredSegment[]): string {
  const digest = createHash('md5');
  for (const segment of segments) {
    if ('data' in segment) digest.update(createHash('md5').update(Buffer.from(segment.data, 'base64')).digest('hex'));
    else digest.update(segment.range === undefined ? segment.hash : `${segment.hash}:${segment.range};`);
  }
  return digest.digest('hex');
}

/** @returns undefined for what is no manifest in the form that is stored. */
export function parseStoredManifest(text: string): StoredSegment[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  return Array.isArray(parsed) && parsed.length > 0 && parsed.every(isStoredSegment) ? parsed : undefined;
}

function isStoredSegment(value: unknown): value is StoredSegment {
  if (typeof value !== 'object' || value === null) return false;
  const { name, bytes, hash, range, data } = value as {
    name?: unknown;
    bytes?: unknown;
    hash?: unknown;
    range?: unknown;
    data?: unknown;
  };
  if (data !== undefined) return typeof data === 'string';
  const isRange = range === undefined || (typeof range === 'string' && /^\d{1,15}-\d{1,15}$/.test(range));
  const isName = typeof name === 'string' && name.split('/').length > 2;
  return isName && Number.isSafeInteger(bytes) && Number(bytes) >= 0 && typeof hash === 'string' && isRange;
}
