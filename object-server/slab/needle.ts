import { invariant } from '../../common/errors.ts';
import { xxh64 } from '../../common/xxh64.ts';
import { MOST_WHOLE_BYTES } from '../contract.ts';
import { MOST_RECORD_BYTES } from '../limits.ts';
import type { Location, Needle, NeedleBody } from './contract.ts';
import { CorruptNeedleError } from './corrupt-needle.ts';
import { MOST_LISTING_BYTES, NEEDLE_ALIGNMENT } from './limits.ts';
import { decodeListing, encodeListing } from './listing-part.ts';
import { decodeRecord, type EncodedPart, encodeRecord } from './record.ts';

/**
 * The bytes of one needle: head, record, listing report, body. Integers are little-endian. Spec: docs/formats/slab.md
 *
 * The head has the place of the needle, and the checksums of all that follows; its own checksum is seeded with the segment's salt.
 * So the parts are hashed once for all replicas, and only the head for each; and nobody who stores an object can have its body taken
 * for a needle, for the salt is drawn when the segment is begun and told to nobody.
 */
const NEEDLE_MAGIC = 0x4c44_4e4d; // 'MNDL'
export const NEEDLE_MAGIC_BYTES = Buffer.from('MNDL');
const FORMAT_VERSION = 1;
export const HEAD_BYTES = 72;
const HEAD_CHECKSUM_AT = 64;

/** What a head says. Positions in bytes from the start of the segment. */
export interface NeedleHead {
  offset: number;
  /** Where its batch begins: what is before that was written whole before this was begun. */
  batchOffset: number;
  /** From the first needle's head to the last one's end. */
  batchBytes: number;
  recordBytes: number;
  listingBytes: number;
  bodyBytes: number;
  recordChecksum: bigint;
  listingChecksum: bigint;
  bodyChecksum: bigint;
}

/** Whose needles may be in a segment. */
export interface SegmentIdentity {
  segment: number;
  generation: number;
  salt: bigint;
}

/** A needle that only lacks its place. */
export interface EncodedNeedle {
  record: EncodedPart;
  listing: EncodedPart | undefined;
  body: Uint8Array | undefined;
  bodyChecksum: bigint;
  lengthBytes: number;
}

/** @throws InvariantError: a body or record beyond its bound. */
export function encodeNeedle(needle: Needle): EncodedNeedle {
  const record = encodeRecord(needle);
  const listing = needle.listing && encodeListing(needle.listing);
  const { body } = needle;
  const inline = body.where === 'inline' ? body : undefined;
  const bodyBytes = inline?.bytes.length ?? 0;
  invariant(bodyBytes <= MOST_WHOLE_BYTES, `a body of ${bodyBytes} bytes in a needle`);
  return {
    record,
    listing,
    body: inline?.bytes,
    bodyChecksum: inline?.checksum ?? 0n,
    lengthBytes: HEAD_BYTES + record.bytes.length + (listing?.bytes.length ?? 0) + bodyBytes,
  };
}

export function alignNeedle(bytes: number): number {
  return Math.ceil(bytes / NEEDLE_ALIGNMENT) * NEEDLE_ALIGNMENT;
}

const scratch = new Uint8Array(HEAD_BYTES);
const scratchView = new DataView(scratch.buffer);
const scratchCovered = scratch.subarray(0, HEAD_CHECKSUM_AT);

/** A batch, where it is being written. */
export interface BatchPlace extends SegmentIdentity {
  batchOffset: number;
  batchBytes: number;
}

/** Writes HEAD_BYTES at `at`. @param offset of the needle in the segment. */
export function writeHead(
  into: Uint8Array,
  at: number,
  needle: EncodedNeedle,
  place: BatchPlace,
  offset: number,
): void {
  const view = scratchView;
  view.setUint32(0, NEEDLE_MAGIC, true);
  view.setUint32(4, FORMAT_VERSION, true);
  view.setUint32(8, place.segment, true);
  view.setUint32(12, place.generation, true);
  view.setUint32(16, offset, true);
  view.setUint32(20, place.batchOffset, true);
  view.setUint32(24, place.batchBytes, true);
  view.setUint32(28, needle.record.bytes.length, true);
  view.setUint32(32, needle.listing?.bytes.length ?? 0, true);
  view.setUint32(36, needle.body?.length ?? 0, true);
  view.setBigUint64(40, needle.record.checksum, true);
  view.setBigUint64(48, needle.listing?.checksum ?? 0n, true);
  view.setBigUint64(56, needle.bodyChecksum, true);
  view.setBigUint64(HEAD_CHECKSUM_AT, xxh64(scratchCovered, place.salt), true);
  into.set(scratch, at);
}

/**
 * The head at `at` of `bytes`, which are at `offset` of the segment.
 * @returns undefined where there is no head of this segment's generation and this very place.
 */
export function readHead(bytes: Buffer, at: number, segment: SegmentIdentity, offset: number): NeedleHead | undefined {
  if (at + HEAD_BYTES > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, HEAD_BYTES);
  if (
    view.getUint32(0, true) !== NEEDLE_MAGIC ||
    view.getUint32(4, true) !== FORMAT_VERSION ||
    view.getUint32(8, true) !== segment.segment ||
    view.getUint32(12, true) !== segment.generation ||
    view.getUint32(16, true) !== offset ||
    view.getBigUint64(HEAD_CHECKSUM_AT, true) !== xxh64(bytes.subarray(at, at + HEAD_CHECKSUM_AT), segment.salt)
  )
    return undefined;
  const head = {
    offset,
    batchOffset: view.getUint32(20, true),
    batchBytes: view.getUint32(24, true),
    recordBytes: view.getUint32(28, true),
    listingBytes: view.getUint32(32, true),
    bodyBytes: view.getUint32(36, true),
    recordChecksum: view.getBigUint64(40, true),
    listingChecksum: view.getBigUint64(48, true),
    bodyChecksum: view.getBigUint64(56, true),
  };
  const sound =
    head.recordBytes <= MOST_RECORD_BYTES &&
    head.listingBytes <= MOST_LISTING_BYTES &&
    head.bodyBytes <= MOST_WHOLE_BYTES &&
    head.batchOffset <= offset &&
    offset + lengthOf(head) <= head.batchOffset + head.batchBytes;
  return sound ? head : undefined;
}

/** Of the whole needle. */
export function lengthOf({ recordBytes, listingBytes, bodyBytes }: NeedleHead): number {
  return HEAD_BYTES + recordBytes + listingBytes + bodyBytes;
}

/**
 * What follows the head at `at` of `bytes`. The body is a view of `bytes`.
 * @throws CorruptNeedleError.
 */
export function decodeNeedle(bytes: Buffer, at: number, head: NeedleHead): Needle {
  const recordAt = at + HEAD_BYTES;
  const listingAt = recordAt + head.recordBytes;
  const bodyAt = listingAt + head.listingBytes;
  const end = bodyAt + head.bodyBytes;
  if (end > bytes.length) throw new CorruptNeedleError('the needle is cut off');
  const recordPart = bytes.subarray(recordAt, listingAt);
  if (xxh64(recordPart) !== head.recordChecksum) throw new CorruptNeedleError('the record is damaged');
  const listingPart = bytes.subarray(listingAt, bodyAt);
  if (head.listingBytes > 0 && xxh64(listingPart) !== head.listingChecksum)
    throw new CorruptNeedleError('the listing report is damaged');
  return decodeRecord(recordPart, {
    listing: head.listingBytes > 0 ? decodeListing(listingPart, head.listingChecksum) : undefined,
    body: (where, fileName) => bodyOf(where, fileName, bytes.subarray(bodyAt, end), head.bodyChecksum),
  });
}

/**
 * The needle that `bytes` must be, whole.
 * @returns undefined where its head is not that of `location`: damage, or the segment has been recycled.
 * @throws CorruptNeedleError.
 */
export function decodeNeedleAt(bytes: Buffer, location: Location, salt: bigint): Needle | undefined {
  const head = headAt(bytes, location, salt);
  return head && decodeNeedle(bytes, 0, head);
}

/**
 * The inline body of the needle that `bytes` must be, whole: a view of them.
 * @returns undefined where the head is not that of `location`, or the body is damaged.
 */
export function inlineBodyAt(bytes: Buffer, location: Location, salt: bigint): Buffer | undefined {
  const head = headAt(bytes, location, salt);
  if (!head) return undefined;
  const body = bytes.subarray(bytes.length - head.bodyBytes);
  return xxh64(body) === head.bodyChecksum ? body : undefined;
}

/** @returns undefined where `bytes` do not begin with the head of a needle that is at `location`, and as long as they are. */
function headAt(bytes: Buffer, location: Location, salt: bigint): NeedleHead | undefined {
  const { segment, generation, offset, lengthBytes } = location;
  const head = readHead(bytes, 0, { segment, generation, salt }, offset);
  return head && lengthOf(head) === lengthBytes && bytes.length === lengthBytes ? head : undefined;
}

function bodyOf(where: NeedleBody['where'], name: string, bytes: Buffer, checksum: bigint): NeedleBody {
  if (where !== 'inline' && bytes.length > 0) throw new CorruptNeedleError('a body where there is none');
  if (where === 'none') return { where };
  if (where === 'file') return { where, name };
  if (xxh64(bytes) !== checksum) throw new CorruptNeedleError('the body is damaged');
  return { where, bytes, checksum };
}
