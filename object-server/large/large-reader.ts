import { invariant } from '../../common/errors.ts';
import type { PiecePool } from '../../common/memory/piece-pool.ts';
import { xxh64 } from '../../common/xxh64.ts';
import { BODY_BLOCK_BYTES, blockChecksum } from '../contract.ts';
import type { Disk, DiskFile } from '../disk/contract.ts';
import type { LargeReading } from './contract.ts';
import { assertFooter, blocksOf, CHECKSUM_BYTES, CorruptLargeFileError, FOOTER_BYTES, tableBytesOf } from './format.ts';
import { CHECKSUMS_PER_READ, READ_BYTES } from './limits.ts';

export interface LargeReaderOptions {
  disk: Disk;
  pool: PiecePool;
  path: string;
  seed: bigint;
  sizeBytes: number;
  /** Past the page cache. */
  direct: boolean;
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
  private readonly pool: PiecePool;
  private checksums: ChecksumsAhead;

  private constructor(file: DiskFile, { seed, sizeBytes, pool }: LargeReaderOptions, checksums: ChecksumsAhead) {
    this.file = file;
    this.seed = seed;
    this.sizeBytes = sizeBytes;
    this.pool = pool;
    this.checksums = checksums;
  }

  static async open(options: LargeReaderOptions): Promise<LargeReader> {
    const { disk, path, direct } = options;
    const file = await disk.open(path, { direct });
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
    const { pool } = this;
    const memory = pool.take();
    const half = Math.min(READ_BYTES, memory.length / 2);
    const halves = [memory.subarray(0, half), memory.subarray(half, 2 * half)];
    const last = Math.min(Math.ceil(end / BODY_BLOCK_BYTES) * BODY_BLOCK_BYTES, this.sizeBytes);
    let offset = start - (start % BODY_BLOCK_BYTES);
    let turn = 0;
    const readAt = (position: number) => {
      const reading = this.readBlocks(position, Math.min(half, last - position), halves[turn % 2] as Uint8Array);
      turn += 1;
      reading.catch(() => undefined); // met when it is its turn
      return reading;
    };
    let ahead = readAt(offset);
    try {
      while (offset < end) {
        const bytes = await ahead;
        if (offset + bytes.length < last) ahead = readAt(offset + bytes.length);
        await this.verify(bytes, offset / BODY_BLOCK_BYTES);
        yield bytes.subarray(Math.max(0, start - offset), Math.min(bytes.length, end - offset));
        offset += bytes.length;
      }
    } finally {
      await ahead.catch(() => undefined); // it still writes there
      pool.give(memory);
    }
  }

  async close(): Promise<void> {
    await this.file.close().catch(() => undefined);
  }

  /** Whole blocks, the body's last one excepted. */
  private async readBlocks(position: number, bytes: number, into: Uint8Array): Promise<Uint8Array> {
    const piece = into.subarray(0, bytes);
    if ((await this.file.read(piece, position)) < bytes) throw new CorruptLargeFileError('the file ends too early');
    return piece;
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
