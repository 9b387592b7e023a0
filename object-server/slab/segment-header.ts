import { xxh64 } from '../../common/xxh64.ts';
import type { DiskFile } from '../disk/contract.ts';
import { SEGMENT_HEADER_BYTES } from './limits.ts';

/**
 * The header of a segment: two slots, of which the valid one with the greater stamp counts. Spec: docs/formats/slab.md
 */
export interface SegmentHeader {
  segment: number;
  /** Counts the writes of this header, from 1. */
  stamp: number;
  generation: number;
  /** Seeds the checksums of the heads of its needles; random. */
  salt: bigint;
  lane: number;
  /** `free`: nothing in the segment is needed, whatever its bytes say. */
  use: 'used' | 'free';
}

const MAGIC = 0x4753_4e4d; // 'MNSG'
const FORMAT_VERSION = 1;
/** In two blocks of the smallest sector, and in two halves of the header. */
const SLOT_OFFSETS = [0, SEGMENT_HEADER_BYTES / 2] as const;
const SLOT_BYTES = 48;
const CHECKSUM_AT = 40;

function encodeSlot(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SLOT_BYTES);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(FORMAT_VERSION, 4);
  bytes.writeUInt32LE(header.segment, 8);
  bytes.writeUInt32LE(header.stamp, 12);
  bytes.writeUInt32LE(header.generation, 16);
  bytes.writeUInt32LE(header.lane, 20);
  bytes.writeUInt32LE(header.use === 'free' ? 1 : 0, 24);
  bytes.writeBigUInt64LE(header.salt, 32);
  bytes.writeBigUInt64LE(xxh64(bytes.subarray(0, CHECKSUM_AT)), CHECKSUM_AT);
  return bytes;
}

function decodeSlot(bytes: Buffer, segment: number): SegmentHeader | undefined {
  if (
    bytes.length < SLOT_BYTES ||
    bytes.readUInt32LE(0) !== MAGIC ||
    bytes.readUInt32LE(4) !== FORMAT_VERSION ||
    bytes.readUInt32LE(8) !== segment ||
    bytes.readBigUInt64LE(CHECKSUM_AT) !== xxh64(bytes.subarray(0, CHECKSUM_AT))
  )
    return undefined;
  return {
    segment,
    stamp: bytes.readUInt32LE(12),
    generation: bytes.readUInt32LE(16),
    lane: bytes.readUInt32LE(20),
    use: bytes.readUInt32LE(24) === 1 ? 'free' : 'used',
    salt: bytes.readBigUInt64LE(32),
  };
}

export interface HeaderReading {
  /** The header that counts; undefined: never written, or damaged. */
  header: SegmentHeader | undefined;
  /** There are bytes, but no valid header among them: a slot lies in one sector, so no crash does that. */
  damaged: boolean;
}

export async function readSegmentHeader(file: DiskFile, segment: number): Promise<HeaderReading> {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  await file.read(bytes, 0);
  const [first, second] = SLOT_OFFSETS.map((offset) => decodeSlot(bytes.subarray(offset), segment));
  const header = first && second ? (first.stamp > second.stamp ? first : second) : (first ?? second);
  return { header, damaged: !header && bytes.some((byte) => byte !== 0) };
}

type NewHeader = Omit<SegmentHeader, 'stamp'>;

/** The whole header of a segment that has none yet. */
export function encodeSegmentHeader(first: NewHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  for (const stamp of [1, 2]) encodeSlot({ ...first, stamp }).copy(bytes, slotOffset(stamp));
  return bytes;
}

/**
 * Writes a header over both slots, the older one first: after a crash in the middle, one of them counts whole.
 * Both, so that damage to one of them costs nothing.
 * @param file opened durable: the header is on stable storage when this resolves.
 */
export async function writeSegmentHeader(
  file: DiskFile,
  next: NewHeader,
  former: SegmentHeader | undefined,
): Promise<void> {
  const last = former?.stamp ?? 0;
  for (const stamp of [last + 1, last + 2]) await file.write([encodeSlot({ ...next, stamp })], slotOffset(stamp));
}

function slotOffset(stamp: number): number {
  return SLOT_OFFSETS[stamp % 2] ?? 0;
}
