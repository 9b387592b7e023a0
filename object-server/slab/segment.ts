import { invariant, systemErrorCode } from '../../common/errors.ts';
import type { DiskFile } from '../disk/contract.ts';
import { BLOCK_BYTES, FIRST_ZERO_BYTES, GROWING_BATCH_BYTES, MOST_ZERO_BYTES, SEGMENT_HEADER_BYTES } from './limits.ts';
import type { SegmentIdentity } from './needle.ts';

const FULL = new Set(['ENOSPC', 'EDQUOT']);

export function isFull(error: unknown): boolean {
  return FULL.has(systemErrorCode(error) ?? '');
}

/** Shared memory lies at a page boundary: it goes to the disk past the page cache, which what is to be overwritten has no business in. */
const ZEROS = new Uint8Array(new SharedArrayBuffer(MOST_ZERO_BYTES));

/**
 * A segment that one writer appends to: where the next batch goes, and how far its blocks have been written before.
 *
 * A fresh file is zeroed ahead of small batches: to overwrite written blocks costs the file system no journal commit, to grow a file
 * does. Large batches grow it: one commit for all of them costs less than to write everything twice.
 */
export class Segment implements SegmentIdentity {
  readonly segment: number;
  readonly generation: number;
  readonly salt: bigint;
  private readonly file: DiskFile;
  /** No byte is written at or after this. */
  private limit: number;
  private zeroedTo: number;
  private stepBytes = FIRST_ZERO_BYTES;
  private zeroing: Promise<void> | undefined;
  private position = SEGMENT_HEADER_BYTES;

  /** @param zeroedTo size of the file: all its blocks have been written. @param limit largest size that it may grow to. */
  constructor(identity: SegmentIdentity, file: DiskFile, zeroedTo: number, limit: number) {
    this.segment = identity.segment;
    this.generation = identity.generation;
    this.salt = identity.salt;
    this.file = file;
    this.zeroedTo = zeroedTo;
    this.limit = limit;
  }

  get nextOffset(): number {
    return this.position;
  }

  /** What the next batch may have, at most. */
  get roomBytes(): number {
    return this.limit - this.position;
  }

  /** Whether a batch of this size can be written at once: else `zeroFor` it. */
  isReadyFor(sizeBytes: number): boolean {
    if (this.position + sizeBytes <= this.zeroedTo) return true;
    return sizeBytes >= GROWING_BATCH_BYTES && !this.zeroing; // zeros on their way would come down on it
  }

  /**
   * Zeroes what a batch of this size will overwrite.
   * @throws the disk's own errors; with ENOSPC the segment ends at what is zeroed: ask for its room again.
   */
  async zeroFor(sizeBytes: number): Promise<void> {
    invariant(sizeBytes <= this.roomBytes, 'a batch beyond the end of its segment');
    while (!this.isReadyFor(sizeBytes)) {
      this.zeroing ??= this.zeroStep();
      try {
        await this.zeroing;
      } catch (error) {
        if (isFull(error)) this.limit = Math.min(this.limit, this.zeroedTo);
        throw error;
      }
    }
  }

  /** Writes a batch, a whole number of blocks, where `zeroFor` has been. @throws the disk's own errors: then seal the segment. */
  async write(parts: readonly Uint8Array[], sizeBytes: number): Promise<void> {
    invariant(sizeBytes % BLOCK_BYTES === 0 && this.isReadyFor(sizeBytes), 'a batch where nothing may be written');
    const position = this.position;
    this.position += sizeBytes;
    this.zeroedTo = Math.max(this.zeroedTo, this.position);
    const isShort = this.zeroedTo < this.limit && this.zeroedTo - this.position < this.stepBytes;
    if (isShort && sizeBytes < GROWING_BATCH_BYTES) this.zeroAhead();
    await this.file.write(parts, position);
  }

  /** The file is closed when this resolves; nothing more is written to it. */
  async close(): Promise<void> {
    this.limit = this.position;
    await this.zeroing?.catch(() => undefined); // whoever needed the space has met the error, or nobody did
    await this.file.close();
  }

  /** In the background: an error is met again, and told, by the batch that needs the space. */
  private zeroAhead(): void {
    this.zeroing ??= this.zeroStep();
    this.zeroing.catch(() => undefined);
  }

  /** A crash in here leaves a shorter file, or zeros behind the last batch. */
  private async zeroStep(): Promise<void> {
    const bytes = Math.min(this.stepBytes, this.limit - this.zeroedTo);
    try {
      await this.file.write([ZEROS.subarray(0, bytes)], this.zeroedTo);
      this.zeroedTo += bytes;
      this.stepBytes = Math.min(2 * this.stepBytes, MOST_ZERO_BYTES);
    } finally {
      this.zeroing = undefined;
    }
  }
}
