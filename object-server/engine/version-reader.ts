import { type FileHandle, open } from 'node:fs/promises';
import { invariant } from '../../common/errors.ts';
import { BLOCK_BYTES, READ_BYTES, SMALL_FILE_BYTES, TAIL_BYTES } from '../limits.ts';
import type { Device } from './device.ts';
import {
  assertHeader,
  blockChecksum,
  CHECKSUM_BYTES,
  CorruptFileError,
  decodeFooter,
  decodeRecord,
  FOOTER_BYTES,
  type Footer,
  HEADER_BYTES,
  type VersionRecord,
} from './object-file.ts';

/** Checksums that are read ahead of the blocks they belong to. */
const CHECKSUMS_PER_READ = 4096;

/** Bytes of a file: a small one held in memory, a larger one by its descriptor, which outlives the name. */
interface Source {
  /** Exactly `length` bytes at `position`, perhaps in `into`. @throws CorruptFileError where the file ends before. */
  read(position: number, length: number, into?: Buffer): Promise<Buffer>;
  close(): Promise<void>;
}

/** An open version file, its record verified; nobody can change what it will yield. */
export class VersionReader {
  readonly record: VersionRecord;
  readonly sizeBytes: number;
  /** Inode of the file, by which it is known again under its name. */
  readonly inode: number;
  private readonly footer: Footer;
  private readonly source: Source;
  private checksums: { first: number; table: Buffer } | undefined;

  private constructor(record: VersionRecord, footer: Footer, inode: number, source: Source) {
    this.record = record;
    this.sizeBytes = footer.bodyBytes;
    this.footer = footer;
    this.inode = inode;
    this.source = source;
  }

  /** @throws CorruptFileError; the system's error, ENOENT among them. */
  static async open(device: Device, path: string): Promise<VersionReader> {
    return device.io.run(async () => {
      const file = await open(path, 'r');
      try {
        return await VersionReader.decode(device, file);
      } catch (error) {
        await file.close();
        throw error;
      }
    });
  }

  private static async decode(device: Device, file: FileHandle): Promise<VersionReader> {
    const { size, ino } = await file.stat();
    const isSmall = size <= SMALL_FILE_BYTES;
    const tailBytes = isSmall ? size : TAIL_BYTES;
    const tail = await readExactly(file, size - tailBytes, tailBytes);
    const footer = decodeFooter(tail.subarray(-FOOTER_BYTES), size);
    const endBytes = footer.recordBytes + FOOTER_BYTES;
    const end =
      endBytes <= tail.length
        ? tail.subarray(tail.length - endBytes)
        : await readExactly(file, size - endBytes, endBytes);
    const record = decodeRecord(end, footer);
    const header = isSmall ? tail.subarray(0, HEADER_BYTES) : await readExactly(file, 0, HEADER_BYTES);
    assertHeader(header, footer.seed);
    if (!isSmall) return new VersionReader(record, footer, ino, new FileSource(device, file));
    await file.close();
    return new VersionReader(record, footer, ino, new MemorySource(tail));
  }

  /**
   * The bytes `start` to `end`, each block verified before any of it is yielded. One piece is read ahead. A chunk's memory is
   * used again for the one after the next.
   * @throws CorruptFileError in the middle.
   */
  async *body(start: number, end: number): AsyncGenerator<Uint8Array> {
    invariant(start >= 0 && start <= end && end <= this.sizeBytes, `bytes ${start} to ${end} of ${this.sizeBytes}`);
    if (start === end) return;
    const buffers = [Buffer.alloc(0), Buffer.alloc(0)];
    let position = start - (start % BLOCK_BYTES);
    let piece = 0;
    const readNext = (): Promise<Buffer> | undefined => {
      if (position >= end) return undefined;
      // Whole blocks: up to the end of the block that the range ends in.
      const bytes = Math.min(
        READ_BYTES,
        Math.ceil(end / BLOCK_BYTES) * BLOCK_BYTES - position,
        this.sizeBytes - position,
      );
      const index = piece % 2;
      if ((buffers[index]?.length ?? 0) < bytes) buffers[index] = Buffer.allocUnsafe(bytes);
      const reading = this.readVerified(position, bytes, buffers[index]);
      reading.catch(() => undefined); // met when it is its turn
      position += bytes;
      piece += 1;
      return reading;
    };
    let offset = position;
    let ahead = readNext();
    try {
      while (ahead !== undefined) {
        const bytes = await ahead;
        ahead = readNext();
        yield bytes.subarray(Math.max(0, start - offset), Math.min(bytes.length, end - offset));
        offset += bytes.length;
      }
    } finally {
      await ahead?.catch(() => undefined); // the descriptor may be closed next
    }
  }

  /** Never rejects. */
  async close(): Promise<void> {
    await this.source.close();
  }

  private async readVerified(position: number, bytes: number, into: Buffer | undefined): Promise<Buffer> {
    const piece = await this.source.read(HEADER_BYTES + position, bytes, into);
    for (let start = 0; start < bytes; start += BLOCK_BYTES) {
      const blockNumber = (position + start) / BLOCK_BYTES;
      const block = piece.subarray(start, Math.min(start + BLOCK_BYTES, bytes));
      if (blockChecksum(block, this.footer.seed, blockNumber) !== (await this.checksumOf(blockNumber)))
        throw new CorruptFileError(`block ${blockNumber} is damaged`);
    }
    return piece;
  }

  private async checksumOf(blockNumber: number): Promise<bigint> {
    const first = blockNumber - (blockNumber % CHECKSUMS_PER_READ);
    if (this.checksums?.first !== first) {
      const count = Math.min(Math.ceil(this.sizeBytes / BLOCK_BYTES) - first, CHECKSUMS_PER_READ);
      const at = HEADER_BYTES + this.sizeBytes + first * CHECKSUM_BYTES;
      this.checksums = { first, table: await this.source.read(at, count * CHECKSUM_BYTES) };
    }
    return this.checksums.table.readBigUInt64BE((blockNumber - first) * CHECKSUM_BYTES);
  }
}

class MemorySource implements Source {
  private readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  async read(position: number, length: number): Promise<Buffer> {
    return this.bytes.subarray(position, position + length);
  }

  async close(): Promise<void> {}
}

class FileSource implements Source {
  private readonly device: Device;
  private readonly file: FileHandle;

  constructor(device: Device, file: FileHandle) {
    this.device = device;
    this.file = file;
  }

  read(position: number, length: number, into?: Buffer): Promise<Buffer> {
    return this.device.io.run(() => readExactly(this.file, position, length, into));
  }

  async close(): Promise<void> {
    await this.file.close().catch(() => undefined);
  }
}

async function readExactly(file: FileHandle, position: number, length: number, into?: Buffer): Promise<Buffer> {
  const buffer = into === undefined || into.length < length ? Buffer.allocUnsafe(length) : into.subarray(0, length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) throw new CorruptFileError('the file ends too early');
    done += bytesRead;
  }
  return buffer;
}
