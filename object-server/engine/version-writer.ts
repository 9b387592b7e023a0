import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { invariant } from '../../common/errors.ts';
import { BLOCK_BYTES, WRITE_BYTES } from '../limits.ts';
import type { Device } from './device.ts';
import { blockChecksum, encodeHeader, encodeTrailer, HEADER_BYTES, type VersionRecord } from './object-file.ts';

const FIRST_BUFFER_BYTES = 64 << 10;

/**
 * Writes one version to a temporary file: gathered into large writes, one of which runs while the next is gathered; durable when
 * `finish` resolves. A small version is one write.
 */
export class VersionWriter {
  readonly path: string;
  private readonly device: Device;
  private readonly seed: bigint;
  private readonly mayUseReserve: boolean;
  private readonly checksums: bigint[] = [];
  private file: FileHandle | undefined;
  private buffer: Buffer;
  private spare: Buffer | undefined;
  private filled = 0;
  private bodyBytes = 0;
  private position = 0;
  private writing: Promise<void> = Promise.resolve();

  /**
   * @param expectedBytes how long the body probably is.
   * @param mayUseReserve for what a full disk must still take, such as tombstones.
   */
  constructor(device: Device, seed: bigint, expectedBytes: number | undefined, mayUseReserve = false) {
    this.device = device;
    this.seed = seed;
    this.mayUseReserve = mayUseReserve;
    this.path = join(device.temporaryFolder, `${device.processToken}.${randomBytes(8).toString('hex')}`);
    this.buffer = Buffer.allocUnsafe(Math.min(expectedBytes ?? FIRST_BUFFER_BYTES, WRITE_BYTES));
  }

  get sizeBytes(): number {
    return this.bodyBytes + this.filled;
  }

  /** Copies the chunk; waits only while the disk is a whole buffer behind. */
  async append(chunk: Uint8Array): Promise<void> {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.filled === this.buffer.length) this.grow();
      const bytes = Math.min(chunk.length - offset, this.buffer.length - this.filled);
      this.buffer.set(chunk.subarray(offset, offset + bytes), this.filled);
      this.filled += bytes;
      offset += bytes;
      if (this.filled === WRITE_BYTES) await this.flush();
    }
  }

  /** Writes what is left and the trailer, then waits until the file's bytes are on stable storage. */
  async finish(record: VersionRecord): Promise<void> {
    await this.writing;
    const rest = this.takeBlocks();
    const trailer = encodeTrailer(record, this.checksums, this.bodyBytes, this.seed);
    if (!this.mayUseReserve) await this.device.claimSpace(rest.length + trailer.length);
    const file = await this.opened();
    await this.device.io.run(async () => {
      await this.writeAll(file, [...this.header(), rest, trailer]);
      await file.datasync();
      await file.close();
    });
    this.file = undefined;
  }

  /** Removes the temporary file, if it is still where it was written. Never rejects. */
  async discard(): Promise<void> {
    await this.writing.catch(() => undefined);
    await this.file?.close().catch(() => undefined);
    this.file = undefined;
    await rm(this.path, { force: true }).catch(() => undefined);
  }

  private async flush(): Promise<void> {
    await this.writing;
    const full = this.buffer;
    this.buffer = this.spare ?? Buffer.allocUnsafe(WRITE_BYTES);
    const blocks = this.takeBlocks(full);
    this.writing = this.writeBlocks(blocks).then(() => {
      this.spare = full;
    });
    this.writing.catch(() => undefined); // met by whoever waits for it next
  }

  private async writeBlocks(blocks: Buffer): Promise<void> {
    await this.device.claimSpace(blocks.length);
    const file = await this.opened();
    await this.device.io.run(() => this.writeAll(file, [...this.header(), blocks]));
  }

  private takeBlocks(buffer = this.buffer): Buffer {
    const blocks = buffer.subarray(0, this.filled);
    for (let start = 0; start < blocks.length; start += BLOCK_BYTES)
      this.checksums.push(blockChecksum(blocks.subarray(start, start + BLOCK_BYTES), this.seed, this.checksums.length));
    this.bodyBytes += this.filled;
    this.filled = 0;
    return blocks;
  }

  private header(): Buffer[] {
    return this.position === 0 ? [encodeHeader(this.seed)] : [];
  }

  private async opened(): Promise<FileHandle> {
    this.file ??= await this.device.io.run(() => open(this.path, 'wx', 0o600));
    return this.file;
  }

  /** A disk that takes less than it was given is asked again for the rest. */
  private async writeAll(file: FileHandle, buffers: readonly Buffer[]): Promise<void> {
    let left = buffers.filter(({ length }) => length > 0);
    invariant(this.position > 0 || left[0]?.length === HEADER_BYTES, 'a version file begins with its header');
    while (left.length > 0) {
      const { bytesWritten } = await file.writev(left, this.position);
      invariant(bytesWritten > 0, 'a write took nothing');
      this.position += bytesWritten;
      left = withoutFirst(left, bytesWritten);
    }
  }

  private grow(): void {
    const larger = Buffer.allocUnsafe(Math.min(Math.max(this.buffer.length * 2, FIRST_BUFFER_BYTES), WRITE_BYTES));
    larger.set(this.buffer.subarray(0, this.filled));
    this.buffer = larger;
  }
}

function withoutFirst(buffers: readonly Buffer[], bytes: number): Buffer[] {
  let skip = bytes;
  const rest: Buffer[] = [];
  for (const buffer of buffers) {
    if (skip < buffer.length) rest.push(buffer.subarray(skip));
    skip = Math.max(0, skip - buffer.length);
  }
  return rest;
}
