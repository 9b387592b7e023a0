import { invariant } from '../../common/errors.ts';
import type { Timestamp } from '../../common/timestamp.ts';
import { xxh64 } from '../../common/xxh64.ts';
import type { ListingReport, Metadata, ObjectTarget } from '../contract.ts';
import { BLOCK_BYTES, MOST_RECORD_BYTES } from '../limits.ts';
import type { VersionKind } from './version-name.ts';

/**
 * The bytes of a version file: header, body, a checksum per block, record, footer.
 *
 * Spec: docs/formats/object-file.md
 */
const FORMAT_VERSION = 1;
const HEAD_MAGIC = Buffer.from('MARTLETO');
const FOOT_MAGIC = Buffer.from('OTELTRAM');
export const HEADER_BYTES = 32;
export const FOOTER_BYTES = 40;
export const CHECKSUM_BYTES = 8;
const MASK = (1n << 64n) - 1n;

/** A version as its file keeps it. */
export interface VersionRecord {
  kind: VersionKind;
  account: string;
  container: string;
  object: string;
  partition: number;
  policyIndex: number;
  timestamp: Timestamp;
  tie: string;
  /** Data only: MD5 of the body, as the proxy computed it. */
  etag: string;
  /** Data only. */
  fixedMetadata: Metadata;
  /** Data and metadata. */
  metadata: Metadata;
  /** Data always, metadata where the POST named one. */
  contentType?: string;
  /** Whom to tell; the pending update is a second link to this file. */
  listing?: ListingReport;
}

/** Damage, or not the file that its place promises. */
export class CorruptFileError extends Error {
  override readonly name = 'CorruptFileError';
}

export interface Footer {
  bodyBytes: number;
  recordBytes: number;
  seed: bigint;
}

/** Seeds all checksums of a file: one that stands in another's place fits nowhere. */
export function seedOf(target: ObjectTarget, timestamp: Timestamp): bigint {
  const { policyIndex, account, container, object } = target;
  return xxh64(Buffer.from([policyIndex, account, container, object, timestamp].join('\0')));
}

export function blockChecksum(block: Uint8Array, seed: bigint, blockNumber: number): bigint {
  return xxh64(block, (seed + BigInt(blockNumber)) & MASK);
}

function blocksOf(bodyBytes: number): number {
  return Math.ceil(bodyBytes / BLOCK_BYTES);
}

export function encodeHeader(seed: bigint): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  HEAD_MAGIC.copy(header);
  header.writeUInt32BE(FORMAT_VERSION, 8);
  header.writeUInt32BE(BLOCK_BYTES, 12);
  header.writeBigUInt64BE(seed, 16);
  header.writeBigUInt64BE(xxh64(header.subarray(0, 24)), 24);
  return header;
}

/** @throws CorruptFileError. */
export function assertHeader(header: Buffer, seed: bigint): void {
  if (!header.equals(encodeHeader(seed))) throw new CorruptFileError('the header is damaged, or of another object');
}

/** All that follows the body. @param checksums of its blocks, in order. */
export function encodeTrailer(
  record: VersionRecord,
  checksums: readonly bigint[],
  bodyBytes: number,
  seed: bigint,
): Buffer {
  invariant(checksums.length === blocksOf(bodyBytes), 'one checksum per block');
  const text = Buffer.from(JSON.stringify(record));
  invariant(text.length <= MOST_RECORD_BYTES, `a record of ${text.length} bytes`);
  const table = Buffer.allocUnsafe(checksums.length * CHECKSUM_BYTES);
  for (const [index, checksum] of checksums.entries()) table.writeBigUInt64BE(checksum, index * CHECKSUM_BYTES);
  const footer = Buffer.alloc(FOOTER_BYTES);
  footer.writeBigUInt64BE(BigInt(bodyBytes), 0);
  footer.writeUInt32BE(FORMAT_VERSION, 8);
  footer.writeUInt32BE(text.length, 12);
  footer.writeBigUInt64BE(seed, 16);
  footer.writeBigUInt64BE(xxh64(Buffer.concat([text, footer.subarray(0, 24)]), seed), 24);
  FOOT_MAGIC.copy(footer, 32);
  return Buffer.concat([table, text, footer]);
}

/**
 * @param footer the file's last bytes. @param fileBytes its size, which must be the sum of its parts.
 * @throws CorruptFileError.
 */
export function decodeFooter(footer: Buffer, fileBytes: number): Footer {
  if (footer.length !== FOOTER_BYTES || !footer.subarray(32).equals(FOOT_MAGIC))
    throw new CorruptFileError('the file does not end as it should');
  if (footer.readUInt32BE(8) !== FORMAT_VERSION) throw new CorruptFileError('the format version is unknown');
  const bodyBytes = Number(footer.readBigUInt64BE(0));
  const recordBytes = footer.readUInt32BE(12);
  const whole = HEADER_BYTES + bodyBytes + blocksOf(bodyBytes) * CHECKSUM_BYTES + recordBytes + FOOTER_BYTES;
  if (whole !== fileBytes || recordBytes > MOST_RECORD_BYTES) throw new CorruptFileError('the file has a wrong length');
  return { bodyBytes, recordBytes, seed: footer.readBigUInt64BE(16) };
}

/** @param bytes record and footer. @throws CorruptFileError. */
export function decodeRecord(bytes: Buffer, { recordBytes, seed }: Footer): VersionRecord {
  const covered = bytes.subarray(0, recordBytes + 24);
  if (xxh64(covered, seed) !== bytes.readBigUInt64BE(recordBytes + 24))
    throw new CorruptFileError('the record is damaged');
  return JSON.parse(bytes.toString('utf8', 0, recordBytes)) as VersionRecord;
}
