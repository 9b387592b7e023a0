import { invariant } from '../../common/errors.ts';
import { xxh64 } from '../../common/xxh64.ts';
import type { ListingReport, Metadata } from '../contract.ts';
import { MOST_RECORD_BYTES } from '../limits.ts';
import type { Needle, NeedleBody, VersionKind } from './contract.ts';
import { CorruptNeedleError } from './corrupt-needle.ts';
import { MOST_REMEMBERED_BYTES, REMEMBERED_RECORDS } from './limits.ts';

/**
 * The record of a needle: all that is the same on every replica of a version, so that it is encoded once for all of them.
 *
 * Fixed fields, the lengths of all texts in UTF-16 units, then the texts in one run of UTF-8: one call of the runtime makes them
 * all, and substrings of it cost nothing. Spec: docs/formats/slab.md
 */
export interface EncodedPart {
  bytes: Buffer;
  /** xxh64 of the bytes. */
  checksum: bigint;
}

/** What a needle has beside its record. @param fileName of a body in a file of its own. */
export interface BesideRecord {
  listing: ListingReport | undefined;
  body(where: NeedleBody['where'], fileName: string): NeedleBody;
}

const KINDS: readonly VersionKind[] = ['data', 'metadata', 'tombstone'];
const WHERE: readonly NeedleBody['where'][] = ['none', 'inline', 'file'];
const TYPED = 1;
const ASCII = 2;
const FIXED_BYTES = 32;
const U32 = 2 ** 32;
/** account, container, object, timestamp, tie, etag, contentType, fileName. */
const FIXED_TEXTS = 8;

interface Remembered {
  needle: Needle;
  part: EncodedPart;
}

/** The replicas of one version come one after the other: by the last digits of their timestamp. */
const remembered: (Remembered | undefined)[] = new Array(REMEMBERED_RECORDS);

/** @throws InvariantError if the record is longer than MOST_RECORD_BYTES, or a text is no Unicode. */
export function encodeRecord(needle: Needle): EncodedPart {
  const slot = slotOf(needle.timestamp);
  const former = remembered[slot];
  if (former && sameRecord(former.needle, needle)) return former.part;
  const part = encode(needle);
  if (part.bytes.length <= MOST_REMEMBERED_BYTES)
    // Without the body, which would be kept as long.
    remembered[slot] = {
      needle: needle.body.where === 'inline' ? { ...needle, body: INLINE } : needle,
      part,
    };
  return part;
}

const INLINE: NeedleBody = { where: 'inline', bytes: new Uint8Array(0), checksum: 0n };

function slotOf(timestamp: string): number {
  const { length } = timestamp;
  return (
    (timestamp.charCodeAt(length - 1) +
      10 * timestamp.charCodeAt(length - 2) +
      100 * timestamp.charCodeAt(length - 3)) %
    REMEMBERED_RECORDS
  );
}

/** Metadata are told by their identity: replicas of one version are given the same. */
function sameRecord(a: Needle, b: Needle): boolean {
  return (
    a.metadata === b.metadata &&
    a.fixedMetadata === b.fixedMetadata &&
    a.timestamp === b.timestamp &&
    a.object === b.object &&
    a.container === b.container &&
    a.account === b.account &&
    a.etag === b.etag &&
    a.tie === b.tie &&
    a.kind === b.kind &&
    a.sizeBytes === b.sizeBytes &&
    a.contentType === b.contentType &&
    a.partition === b.partition &&
    a.policyIndex === b.policyIndex &&
    a.body.where === b.body.where &&
    fileNameOf(a) === fileNameOf(b)
  );
}

function fileNameOf({ body }: Needle): string {
  return body.where === 'file' ? body.name : '';
}

function encode(needle: Needle): EncodedPart {
  const { account, container, object, timestamp, tie, etag, contentType = '' } = needle;
  const fileName = fileNameOf(needle);
  let text = account + container + object + timestamp + tie + etag + contentType + fileName;
  const lengths = [
    account.length,
    container.length,
    object.length,
    timestamp.length,
    tie.length,
    etag.length,
    contentType.length,
    fileName.length,
  ];
  for (const pairs of [needle.fixedMetadata, needle.metadata])
    for (const key of Object.keys(pairs)) {
      const value = pairs[key] ?? '';
      text += key;
      text += value;
      lengths.push(key.length, value.length);
    }
  const fixedCount = Object.keys(needle.fixedMetadata).length;
  const textBytes = Buffer.byteLength(text);
  const ascii = textBytes === text.length;
  const textAt = FIXED_BYTES + 4 * lengths.length;
  const length = textAt + textBytes;
  invariant(length <= MOST_RECORD_BYTES, `a record of ${length} bytes`);
  // Half a surrogate pair has no UTF-8 form: what was read back would be another name.
  invariant(ascii || Buffer.from(text).toString() === text, 'a name or metadata that is no Unicode');
  const bytes = Buffer.allocUnsafeSlow(length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, textAt);
  view.setUint8(0, KINDS.indexOf(needle.kind));
  view.setUint8(1, WHERE.indexOf(needle.body.where));
  view.setUint8(2, (needle.contentType === undefined ? 0 : TYPED) | (ascii ? ASCII : 0));
  view.setUint8(3, 0);
  view.setUint32(4, needle.partition, true);
  view.setUint32(8, needle.policyIndex, true);
  view.setUint32(12, fixedCount, true);
  view.setUint32(16, (lengths.length - FIXED_TEXTS) / 2 - fixedCount, true);
  view.setUint32(20, textBytes, true);
  view.setUint32(24, needle.sizeBytes % U32, true);
  view.setUint32(28, Math.floor(needle.sizeBytes / U32), true);
  for (let index = 0; index < lengths.length; index += 1)
    view.setUint32(FIXED_BYTES + 4 * index, lengths[index] ?? 0, true);
  bytes.write(text, textAt, ascii ? 'latin1' : 'utf8');
  return { bytes, checksum: xxh64(bytes) };
}

/**
 * @param bytes whose checksum has been found right: what is wrong here was written wrong.
 * @throws CorruptNeedleError.
 */
export function decodeRecord(bytes: Buffer, beside: BesideRecord): Needle {
  if (bytes.length < FIXED_BYTES) throw new CorruptNeedleError('the record is too short');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kind = KINDS[view.getUint8(0)];
  const where = WHERE[view.getUint8(1)];
  const flags = view.getUint8(2);
  const fixedCount = view.getUint32(12, true);
  const count = FIXED_TEXTS + 2 * (fixedCount + view.getUint32(16, true));
  const textBytes = view.getUint32(20, true);
  const textAt = FIXED_BYTES + 4 * count;
  const sizeBytes = view.getUint32(24, true) + view.getUint32(28, true) * U32;
  if (!kind || !where || textAt + textBytes !== bytes.length || !Number.isSafeInteger(sizeBytes))
    throw new CorruptNeedleError('the record is of no known form');
  const text = bytes.toString(flags & ASCII ? 'latin1' : 'utf8', textAt);
  let at = 0;
  let index = 0;
  const next = (): string => {
    const end = at + view.getUint32(FIXED_BYTES + 4 * index, true);
    const part = text.substring(at, end);
    at = end;
    index += 1;
    return part;
  };
  const pairs = (most: number): Metadata => {
    const found: Record<string, string> = {};
    for (let pair = 0; pair < most; pair += 1) {
      const key = next();
      if (key === '__proto__') Object.defineProperty(found, key, { ...OWN, value: next() });
      else found[key] = next();
    }
    return found;
  };
  const account = next();
  const container = next();
  const object = next();
  const timestamp = next();
  const tie = next();
  const etag = next();
  const contentType = next();
  const fileName = next();
  const fixedMetadata = pairs(fixedCount);
  const metadata = pairs((count - FIXED_TEXTS) / 2 - fixedCount);
  if (at !== text.length) throw new CorruptNeedleError('the texts of the record have a wrong length');
  return {
    kind,
    account,
    container,
    object,
    partition: view.getUint32(4, true),
    policyIndex: view.getUint32(8, true),
    timestamp,
    tie,
    etag,
    sizeBytes,
    contentType: flags & TYPED ? contentType : undefined,
    fixedMetadata,
    metadata,
    listing: beside.listing,
    body: beside.body(where, fileName),
  };
}

const OWN = { enumerable: true, configurable: true, writable: true };
