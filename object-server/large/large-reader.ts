import { invariant } from '../../common/errors.ts';
import type { Pieces } from '../../common/memory/piece-pool.ts';
import { xxh64 } from '../../common/xxh64.ts';
import { BODY_BLOCK_BYTES, blockChecksum } from '../contract.ts';
import type { Disk, DiskFile } from '../disk/contract.ts';
import type { LargeReading } from './contract.ts';
import { assertFooter, blocksOf, CHECKSUM_BYTES, CorruptLargeFileError, FOOTER_BYTES, tableBytesOf } from './format.ts';
import { CHECKSUMS_PER_READ, FEWEST_DIRECT_BYTES, MOST_QUICK_READ_MS, QUICK_READ_BYTES, READ_BYTES } from './limits.ts';

export interface LargeReaderOptions {
  disk: Disk;
  pool: Pieces;
  path: string;
  seed: bigint;
  sizeBytes: number;
  /** Read lately: it is probably in the page cache. */
  isRecent: boolean;
  /** Any clock that only goes forward. */
  elapsedMs: () => number;
}

/** A part of the table: the checksums of the blocks from `first` on. */
interface ChecksumsAhead {
  first: number;
  table: Buffer;
}

/** An open large file whose footer is that of the body that was asked for. */
export class LargeReader implements LargeReading {
  readonly sizeBytes: number;
  private readonly file: DiskFile;
  private readonly seed: bigint;
  private readonly pool: Pieces;
  private readonly isRecent: boolean;
  private readonly elapsedMs: () => number;
  private checksums: ChecksumsAhead;

  private constructor(file: DiskFile, options: LargeReaderOptions, checksums: ChecksumsAhead) {
    this.file = file;
    this.seed = options.seed;
    this.sizeBytes = options.sizeBytes;
    this.pool = options.pool;
    this.isRecent = options.isRecent;
    this.elapsedMs = options.elapsedMs;
    this.checksums = checksums;
  }

  static async open(options: LargeReaderOptions): Promise<LargeReader> {
    const { disk, path, isRecent, sizeBytes } = options;
    // Who is first to read a long one reads past the page cache: it would drive much out of it that is used more often.
    const file = await disk.open(path, { direct: !isRecent && sizeBytes >= FEWEST_DIRECT_BYTES });
    try {
      return new LargeReader(file, options, await readTail(file, options));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async *read(start: number, end: number): AsyncGenerator<Uint8Array> {
    invariant(start >= 0 && start <= end && end <= this.sizeBytes, `bytes ${start} to ${end} of ${this.sizeBytes}`);
    if (start === end) return;
    const memory = this.pool.take();
    let offset = start - (start % BODY_BLOCK_BYTES);
    const last = Math.min(Math.ceil(end / BODY_BLOCK_BYTES) * BODY_BLOCK_BYTES, this.sizeBytes);
    try {
      for await (const blocks of this.blocks(offset, last, memory)) {
        await this.verify(blocks, offset / BODY_BLOCK_BYTES);
        yield blocks.subarray(Math.max(0, start - offset), Math.min(blocks.length, end - offset));
        offset += blocks.length;
      }
    } finally {
      this.pool.give(memory);
    }
  }

  async close(): Promise<void> {
    await this.file.close().catch(() => undefined);
  }

  /** Not verified yet. */
  private async *blocks(from: number, last: number, memory: Uint8Array): AsyncGenerator<Uint8Array> {
    let offset = from;
    for (let isQuick = this.isRecent; isQuick && offset < last; ) {
      const piece = memory.subarray(0, Math.min(QUICK_READ_BYTES, memory.length, last - offset));
      const startedAt = this.elapsedMs();
      assertWhole(piece, this.file.readNow(piece, offset));
      // Not in memory after all: the event loop waits for a disk once, no more.
      isQuick = this.elapsedMs() - startedAt < MOST_QUICK_READ_MS;
      yield piece;
      offset += piece.length;
    }
    yield* this.blocksAhead(offset, last, memory);
  }

  /** Two pieces of memory in turn: one is read while the other is used. */
  private async *blocksAhead(from: number, last: number, memory: Uint8Array): AsyncGenerator<Uint8Array> {
    const half = Math.min(READ_BYTES, memory.length / 2);
    let turn = 0;
    const readAt = async (offset: number) => {
      const into = memory.subarray(turn * half, turn * half + Math.min(half, last - offset));
      turn = 1 - turn;
      return assertWhole(into, await this.file.read(into, offset));
    };
    let ahead: Promise<Uint8Array> | undefined;
    try {
      for (let offset = from; offset < last; ) {
        const piece = await (ahead ?? readAt(offset));
        offset += piece.length;
        ahead = offset < last ? readAt(offset) : undefined;
        ahead?.catch(() => undefined); // met when it is its turn
        yield piece;
      }
    } finally {
      await ahead?.catch(() => undefined); // it still writes there
    }
  }

  /** @throws CorruptLargeFileError. */
  private async verify(bytes: Uint8Array, firstBlock: number): Promise<void> {
    for (let start = 0, block = firstBlock; start < bytes.length; start += BODY_BLOCK_BYTES, block += 1) {
      let at = (block - this.checksums.first) * CHECKSUM_BYTES;
      if (at < 0 || at >= this.checksums.table.length) {
        this.checksums = await this.readChecksums(block - (block % CHECKSUMS_PER_READ));
        at = (block - this.checksums.first) * CHECKSUM_BYTES;
      }
      const checksum = blockChecksum(bytes.subarray(start, start + BODY_BLOCK_BYTES), this.seed, block);
      if (checksum !== this.checksums.table.readBigUInt64BE(at))
        throw new CorruptLargeFileError(`block ${block} is damaged`);
    }
  }

  private async readChecksums(first: number): Promise<ChecksumsAhead> {
    const count = Math.min(blocksOf(this.sizeBytes) - first, CHECKSUMS_PER_READ);
    const table = Buffer.allocUnsafe(count * CHECKSUM_BYTES);
    if ((await this.file.read(table, this.sizeBytes + first * CHECKSUM_BYTES)) < table.length)
      throw new CorruptLargeFileError('the file ends too early');
    return { first, table };
  }
}

/** @throws CorruptLargeFileError where not all of `piece` was read. */
function assertWhole(piece: Uint8Array, bytes: number): Uint8Array {
  if (bytes < piece.length) throw new CorruptLargeFileError('the file ends too early');
  return piece;
}

/** Reads and checks the footer and, where one read has room for it, the table before it; the rest of a longer one is read as it is needed. */
async function readTail(file: DiskFile, { sizeBytes, seed }: LargeReaderOptions): Promise<ChecksumsAhead> {
  const tableBytes = tableBytesOf(sizeBytes);
  const shortBytes = tableBytes <= CHECKSUMS_PER_READ * CHECKSUM_BYTES ? tableBytes : 0;
  const tail = Buffer.allocUnsafe(shortBytes + FOOTER_BYTES + 1); // one more: nothing may follow
  if ((await file.read(tail, sizeBytes + tableBytes - shortBytes)) !== tail.length - 1)
    throw new CorruptLargeFileError('the file has a wrong length');
  const { tableChecksum } = assertFooter(tail.subarray(shortBytes, -1), sizeBytes, seed);
  const table = tail.subarray(0, shortBytes);
  if (shortBytes > 0 && xxh64(table, seed) !== tableChecksum) throw new CorruptLargeFileError('the table is damaged');
  return { first: 0, table };
}
