import { systemErrorCode } from '../../common/errors.ts';
import type { DiskFile } from './contract.ts';

const BLOCK_BYTES = 4096;

/**
 * One file, opened twice: whole blocks go past the page cache, all else through it. The kernel keeps the two views of a file the same
 * as long as nobody writes a block by both ways at once, which whole blocks and the rest behind them never do.
 */
export class DirectFile implements DiskFile {
  private readonly plain: DiskFile;
  /** Opened with O_DIRECT. */
  private readonly direct: DiskFile;

  constructor(plain: DiskFile, direct: DiskFile) {
    this.plain = plain;
    this.direct = direct;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    return this.oneWay(isWhole([into], position), (file) => file.read(into, position));
  }

  readNow(into: Uint8Array, position: number): number {
    return this.plain.readNow(into, position);
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    return this.oneWay(isWhole(parts, position), (file) => file.write(parts, position));
  }

  /** Of the inode: whatever way it was written. */
  sync(): Promise<void> {
    return this.plain.sync();
  }

  sizeBytes(): Promise<number> {
    return this.plain.sizeBytes();
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.plain.truncate(sizeBytes);
  }

  async close(): Promise<void> {
    const closed = await Promise.allSettled([this.plain.close(), this.direct.close()]);
    for (const outcome of closed) if (outcome.status === 'rejected') throw outcome.reason;
  }

  private async oneWay<T>(isWholeBlocks: boolean, call: (file: DiskFile) => Promise<T>): Promise<T> {
    if (!isWholeBlocks) return call(this.plain);
    try {
      return await call(this.direct);
    } catch (error) {
      // This disk wants larger blocks, or this memory does not lie as it should: nothing has been read or written.
      if (systemErrorCode(error) !== 'EINVAL') throw error;
      return call(this.plain);
    }
  }
}

/** Whether it may go past the page cache: of memory only shared one can lie at a page boundary, and where that is cannot be known. */
function isWhole(parts: readonly Uint8Array[], position: number): boolean {
  return position % BLOCK_BYTES === 0 && parts.every(isWholePart);
}

function isWholePart({ buffer, byteOffset, length }: Uint8Array): boolean {
  return length % BLOCK_BYTES === 0 && byteOffset % BLOCK_BYTES === 0 && buffer instanceof SharedArrayBuffer;
}
