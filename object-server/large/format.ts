import { xxh64 } from '../../common/xxh64.ts';
import { BODY_BLOCK_BYTES } from '../contract.ts';

/**
 * The bytes of a large file: body, a checksum per block, footer.
 *
 * Spec: docs/formats/large-file.md
 */
const MAGIC = Buffer.from('MRTLARGE');
const FORMAT_VERSION = 1;
export const FOOTER_BYTES = 48;
export const CHECKSUM_BYTES = 8;
const FIRST_TABLE_BYTES = 32 * CHECKSUM_BYTES;

/** Damage, or not the file that its needle promises. */
export class CorruptLargeFileError extends Error {
  override readonly name = 'CorruptLargeFileError';
}

export function blocksOf(bodyBytes: number): number {
  return Math.ceil(bodyBytes / BODY_BLOCK_BYTES);
}

export function tableBytesOf(bodyBytes: number): number {
  return blocksOf(bodyBytes) * CHECKSUM_BYTES;
}

/** The checksums of a body's blocks in order, as they are written behind it. */
export class ChecksumTable {
  private buffer = Buffer.allocUnsafe(FIRST_TABLE_BYTES);
  private filled = 0;

  get blocks(): number {
    return this.filled / CHECKSUM_BYTES;
  }

  add(checksum: bigint): void {
    if (this.filled === this.buffer.length) {
      const larger = Buffer.allocUnsafe(this.buffer.length * 2);
      this.buffer.copy(larger);
      this.buffer = larger;
    }
    this.filled = this.buffer.writeBigUInt64BE(checksum, this.filled);
  }

  get bytes(): Buffer {
    return this.buffer.subarray(0, this.filled);
  }
}

/** @param table the checksums of all blocks. */
export function encodeFooter(table: Uint8Array, bodyBytes: number, seed: bigint): Buffer {
  const footer = Buffer.alloc(FOOTER_BYTES);
  MAGIC.copy(footer);
  footer.writeUInt32BE(FORMAT_VERSION, 8);
  footer.writeUInt32BE(BODY_BLOCK_BYTES, 12);
  footer.writeBigUInt64BE(BigInt(bodyBytes), 16);
  footer.writeBigUInt64BE(seed, 24);
  footer.writeBigUInt64BE(xxh64(table, seed), 32);
  footer.writeBigUInt64BE(xxh64(footer.subarray(0, 40), seed), 40);
  return footer;
}

/**
 * @returns the checksum of the table.
 * @throws CorruptLargeFileError where it is not the footer of this very body.
 */
export function assertFooter(footer: Buffer, bodyBytes: number, seed: bigint): { tableChecksum: bigint } {
  if (footer.length !== FOOTER_BYTES || !footer.subarray(0, 8).equals(MAGIC))
    throw new CorruptLargeFileError('the file does not end as it should');
  if (footer.readUInt32BE(8) !== FORMAT_VERSION || footer.readUInt32BE(12) !== BODY_BLOCK_BYTES)
    throw new CorruptLargeFileError('the format is unknown');
  if (footer.readBigUInt64BE(16) !== BigInt(bodyBytes) || footer.readBigUInt64BE(24) !== seed)
    throw new CorruptLargeFileError('the file is another body’s');
  if (footer.readBigUInt64BE(40) !== xxh64(footer.subarray(0, 40), seed))
    throw new CorruptLargeFileError('the footer is damaged');
  return { tableChecksum: footer.readBigUInt64BE(32) };
}
