import { BLOCK_BYTES, COPY_BYTES, LAYOUT_STEP_BYTES, NEEDLE_ALIGNMENT } from './limits.ts';
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

/** Lays out one batch after the other in memory of its own, which it keeps. */
export class BatchLayout {
  private memory = Buffer.alloc(0);
  /** Up to where the memory is part of `parts`. */
  private from = 0;
  private to = 0;
  private parts: Uint8Array[] = [];

  /**
   * @param place `batchBytes`: from the first needle's head to the last one's end.
   * @param offsets of the needles, in the segment.
   * @returns the whole batch, padded to a whole number of blocks; good until the next call.
   */
  lay(needles: readonly EncodedNeedle[], offsets: readonly number[], place: BatchPlace): Uint8Array[] {
    this.begin(needles);
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

  private begin(needles: readonly EncodedNeedle[]): void {
    let bytes = BLOCK_BYTES;
    for (const needle of needles) bytes += copiedBytes(needle);
    if (this.memory.length < bytes)
      this.memory = Buffer.allocUnsafeSlow(Math.ceil(bytes / LAYOUT_STEP_BYTES) * LAYOUT_STEP_BYTES);
    this.from = 0;
    this.to = 0;
    this.parts = [];
  }

  private add(part: Uint8Array): void {
    if (part.length <= COPY_BYTES) this.copy(part);
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
