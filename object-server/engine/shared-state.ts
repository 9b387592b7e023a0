import { invariant } from '../../common/errors.ts';

/**
 * The memory that the threads of a process share for one device: a few counters and tables, each entry written with atomics.
 * Nothing in it is needed after a crash: it is rebuilt at start from the index and the slabs.
 */
export interface DeviceShare {
  /** Hand this to a worker; `openDeviceShare(buffer)` there sees the same memory. */
  readonly buffer: SharedArrayBuffer;
  /** One entry: the generation that the next segment gets. Durable above anything ever used: never given twice. */
  readonly nextGeneration: BigInt64Array;
  /** By segment number: SegmentState. */
  readonly segments: Int32Array;
  /** By lane: the slab position before which every needle is settled (`packPosition`). */
  readonly settled: BigInt64Array;
  /** By name slot: bumped after each change of an object's versions in the index, read before its versions are looked up. */
  readonly changes: Int32Array;
  /** By name slot: ticks of the newest version of any of its names; a later write needs no look-up to be the newest. */
  readonly newest: BigInt64Array;
  /** By claim slot: 0 = free, else held by a writer that must know that nobody else writes this name. */
  readonly claims: Int32Array;
}

/** Where a segment stands in its life. */
export const SegmentState = {
  /** No file of this number yet. */
  absent: 0,
  /** A file whose blocks are written and that holds nothing that is needed: the next to be used. */
  free: 1,
  /** Some thread appends to it. */
  open: 2,
  /** Full, or closed by a crash: only the housekeeper touches it. */
  sealed: 3,
} as const;

/** Segments of one device. With 64 MiB each: 4 TiB of small objects. */
const MOST_SEGMENTS = 65_536;
/** Threads that write one device; the last lane is the housekeeper's own. */
export const MOST_LANES = 64;
export const HOUSEKEEPER_LANE = MOST_LANES - 1;
/** Name slots; a power of two. Two names on one slot cost a look-up, never a wrong answer. */
export const NAME_SLOTS = 65_536;
export const CLAIM_SLOTS = 4096;

const PARTS = [
  { name: 'nextGeneration', type: BigInt64Array, length: 1 },
  { name: 'settled', type: BigInt64Array, length: MOST_LANES },
  { name: 'newest', type: BigInt64Array, length: NAME_SLOTS },
  { name: 'segments', type: Int32Array, length: MOST_SEGMENTS },
  { name: 'changes', type: Int32Array, length: NAME_SLOTS },
  { name: 'claims', type: Int32Array, length: CLAIM_SLOTS },
] as const;

const SHARE_BYTES = PARTS.reduce((sum, { type, length }) => sum + type.BYTES_PER_ELEMENT * length, 0);

/** @param buffer of a share made elsewhere in the process; a new one unless told. */
export function openDeviceShare(buffer: SharedArrayBuffer = new SharedArrayBuffer(SHARE_BYTES)): DeviceShare {
  invariant(buffer.byteLength === SHARE_BYTES, 'a device share has another size');
  let offset = 0;
  const views = PARTS.map(({ name, type, length }) => {
    const view = new type(buffer as unknown as ArrayBuffer, offset, length); // their unions do not meet in TypeScript's eyes
    offset += view.byteLength;
    return [name, view] as const;
  });
  return { buffer, ...Object.fromEntries(views) } as unknown as DeviceShare;
}

/** A place in the slabs of one lane: generations only grow, so these numbers order its needles. Offsets are below 4 GiB. */
export function packPosition(generation: number, offset: number): bigint {
  return (BigInt(generation) << 32n) | BigInt(offset);
}

export function unpackPosition(position: bigint): { generation: number; offset: number } {
  return { generation: Number(position >> 32n), offset: Number(position & 0xffff_ffffn) };
}
