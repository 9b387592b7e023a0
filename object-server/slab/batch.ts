import { type Pieces, piecePool } from '../../common/memory/piece-pool.ts';
import { BLOCK_BYTES, COPY_BYTES, FEWEST_DIRECT_BYTES, LAYOUT_STEP_BYTES, NEEDLE_ALIGNMENT } from './limits.ts';
import { type BatchPlace, type EncodedNeedle, HEAD_BYTES, writeHead } from './needle.ts';

/** Bytes that a batch takes on the disk. */
export function paddedBatch(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** What of a needle is copied, with the gap behind it; larger parts go to the disk from where they are. */
function copiedBytes({ record, listing, body }: EncodedNeedle): number {
  let bytes = HEAD_BYTES + (listing?.bytes.length ?? 0) + NEEDLE_ALIGNMENT;
  if (record.bytes.length <= COPY_BYTES) bytes += record.bytes.length;
  if (body && body.length <= COPY_BYTES) bytes += body.length;
  return bytes;
}

/**
 * Lays out one batch after the other: in memory of its own, which it keeps; or, where the batch is to go past the page cache, whole in a
 * piece of the pool, which the disk takes as it lies.
 */
export class BatchLayout {
  private readonly pool: Pieces;
  private kept = Buffer.alloc(0);
  private piece: Uint8Array | undefined;
  /** Of the batch: what is kept, or the piece. */
  private memory: Uint8Array = this.kept;
  /** Up to where the memory is part of `parts`. */
  private from = 0;
  private to = 0;
  private parts: Uint8Array[] = [];

  constructor(pool: Pieces = piecePool()) {
    this.pool = pool;
  }

  /**
   * @param place `batchBytes`: from the first needle's head to the last one's end.
   * @param offsets of the needles, in the segment.
   * @returns the whole batch, padded to a whole number of blocks; good until `done`, which comes before the next call.
   */
  lay(needles: readonly EncodedNeedle[], offsets: readonly number[], place: BatchPlace): Uint8Array[] {
    this.begin(needles, paddedBatch(place.batchBytes));
    let at = place.batchOffset;
    for (const [index, needle] of needles.entries()) {
      const offset = offsets[index] ?? 0;
      this.zeros(offset - at);
      writeHead(this.memory, this.to, needle, place, offset);
      this.to += HEAD_BYTES;
      this.add(needle.record.bytes);
      if (needle.listing) this.copy(needle.listing.bytes);
      if (needle.body) this.add(needle.body);
      at = offset + needle.lengthBytes;
    }
    this.zeros(place.batchOffset + paddedBatch(place.batchBytes) - at);
    this.cut();
    return this.parts;
  }

  /** The batch is written, or has failed. */
  done(): void {
    if (this.piece) this.pool.give(this.piece);
    this.piece = undefined;
  }

  private begin(needles: readonly EncodedNeedle[], batchBytes: number): void {
    if (needles.every(({ lengthBytes }) => lengthBytes >= FEWEST_DIRECT_BYTES)) this.takePiece(batchBytes);
    this.memory = this.piece ?? this.keptFor(needles);
    this.from = 0;
    this.to = 0;
    this.parts = [];
  }

  private takePiece(batchBytes: number): void {
    const piece = this.pool.take();
    if (piece.length >= batchBytes) this.piece = piece;
    else this.pool.give(piece);
  }

  private keptFor(needles: readonly EncodedNeedle[]): Uint8Array {
    let bytes = BLOCK_BYTES;
    for (const needle of needles) bytes += copiedBytes(needle);
    if (this.kept.length < bytes)
      this.kept = Buffer.allocUnsafeSlow(Math.ceil(bytes / LAYOUT_STEP_BYTES) * LAYOUT_STEP_BYTES);
    return this.kept;
  }

  private add(part: Uint8Array): void {
    if (this.piece || part.length <= COPY_BYTES) this.copy(part);
    else {
      this.cut();
      this.parts.push(part);
    }
  }

  private copy(part: Uint8Array): void {
    this.memory.set(part, this.to);
    this.to += part.length;
  }

  private zeros(bytes: number): void {
    this.memory.fill(0, this.to, this.to + bytes);
    this.to += bytes;
  }

  private cut(): void {
    if (this.to > this.from) this.parts.push(this.memory.subarray(this.from, this.to));
    this.from = this.to;
  }
}
