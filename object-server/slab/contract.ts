import type { Timestamp } from '../../common/timestamp.ts';
import type { ListingReport, Metadata } from '../contract.ts';

/**
 * Slabs: segments of one size on each device that hold needles, one needle per version of an object. Spec: docs/formats/slab.md
 *
 * A needle is the commit record of its version, and its pending listing update until that is acknowledged or noted in the index.
 *
 * How they are opened (`folder` is the device's slab folder, which must be there):
 * - `openSlabWriter({ disk, folder, share, lane, device, indexed, logger, segmentBytes? }): SlabWriter` (slab-writer.ts), after recovery;
 * - `openSlabReader({ disk, folder }): SlabReader` (slab-reader.ts);
 * - `scanSegment(disk, folder, segment, from?): AsyncGenerator<Scanned>` (scan-segment.ts), of a segment that nobody writes;
 * - `listSegments(disk, folder): Promise<SegmentInfo[]>` (list-segments.ts);
 * - `releaseSegment({ disk, folder, share }, segment)` sealed → free, `removeSegment(…)` free → absent (release-segment.ts).
 *
 * What recovery owes them: `share.nextGeneration` above every generation ever used and at least 1; `share.segments` with a state for each
 * file (free where it holds nothing, else sealed); `share.settled` of lanes without a writer.
 */

export type VersionKind = 'data' | 'metadata' | 'tombstone';

/** One version of an object, as a needle tells it. */
export interface Needle {
  kind: VersionKind;
  account: string;
  container: string;
  object: string;
  partition: number;
  policyIndex: number;
  timestamp: Timestamp;
  /** Orders versions of one kind and one timestamp, the same on every replica: 32 hex digits, by what they hold. Empty for tombstones. */
  tie: string;
  /** MD5 of the body, hex; empty where there is none. */
  etag: string;
  /** Bytes of the body, wherever it is. */
  sizeBytes: number;
  /** Undefined: a tombstone, or metadata without one. */
  contentType: string | undefined;
  fixedMetadata: Metadata;
  metadata: Metadata;
  /** Whom to tell; undefined where another replica does it, or everybody has been told. */
  listing: ListingReport | undefined;
  body: NeedleBody;
}

export type NeedleBody =
  | { where: 'none' }
  /** `checksum`: xxh64 of the bytes, seed 0: computed once for all replicas. */
  | { where: 'inline'; bytes: Uint8Array; checksum: bigint }
  /** A file of its own below `large/`, durable before the needle is written. */
  | { where: 'file'; name: string };

/** Where a needle is. Of a recycled segment the generation no longer matches. */
export interface Location {
  segment: number;
  generation: number;
  offset: number;
  /** Of the whole needle, body included. */
  lengthBytes: number;
}

/** Appends needles to the segments of one thread on one device. */
export interface SlabWriter {
  /**
   * Writes a needle. Needles that come while a batch is being written share the next one; a lone needle is not delayed.
   * Resolves when it is on stable storage *and* `indexed` of its batch has resolved. Until then nothing it refers to may change.
   * @throws InsufficientStorage (no segment to be had), DeviceUnavailable (the write failed: its segment is sealed), DeviceBusy (too many wait).
   */
  append(needle: Needle, options?: { belowReserve?: boolean }): Promise<Location>;
  /** Nobody needs to hear of this needle again after a crash but the index: see `settledTo`. */
  settle(location: Location): void;
  /** Resolves when nothing waits, is being written or is being indexed. */
  idle(): Promise<void>;
  /** Waits, seals its segment, closes its file. */
  close(): Promise<void>;
}

/** What a slab writer asks of the engine: puts the batch's needles into the index, in one step. Its error rejects all their appends. */
export type IndexBatch = (needles: readonly { needle: Needle; location: Location }[]) => Promise<void>;

/** Reads needles back, verified. One per thread and device; keeps a bounded number of files open. */
export interface SlabReader {
  /**
   * The needle at a location: its generation, offset and checksums match. Nobody writes the memory of its body again; small ones
   * share an allocation, so copy what is to be kept for long.
   * @returns undefined where the segment has been recycled (the generation is another): look up again.
   * @throws CorruptNeedleError; the disk's own errors.
   */
  read(location: Location): Promise<Needle | undefined>;
  /**
   * The inline body of a needle that is known to be at this location (it was written or read there), blocking: for what was used
   * recently. Its own checksum and the head's are compared; what else the needle says is not looked at. Undefined also where its segment
   * is not open, or it is not what it should be: then `read` opens it, or tells.
   *
   * The memory is the caller's; `giveBack` takes it when nobody looks at it any more.
   */
  bodyNow(location: Location): Uint8Array | undefined;
  close(): Promise<void>;
}

/** What a scan of one segment finds, in the order of offsets. */
export type Scanned =
  | { found: 'needle'; needle: Needle; location: Location }
  /** Bytes that no longer are what was written, with valid batches behind them. */
  | { found: 'damage'; offset: number; lengthBytes: number };

export interface SegmentInfo {
  segment: number;
  /** Undefined: it is free, or its header is torn or was never written: it holds nothing. */
  generation: number | undefined;
  /** The newest generation that its header tells of, free or not; 0: none. The next ones must be greater. */
  latestGeneration: number;
  /** No header can be read though there was one: what the segment held is lost, and it must not be used again. */
  headerDamaged: boolean;
  /** Who wrote it: number of the thread's lane. */
  lane: number;
  sizeBytes: number;
}
