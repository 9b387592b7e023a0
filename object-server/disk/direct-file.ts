import { systemErrorCode } from '../../common/errors.ts';
import type { DiskFile } from './contract.ts';

const BLOCK_BYTES = 4096;

/**
 * One file, opened twice: whole blocks go past the page cache, all else through it. The kernel keeps the two views of a file the same
 * as long as nobody writes a block by both ways at once, which whole blocks and the rest behind them never do.
 */
export class DirectFile implements DiskFile {
  private readonly plain: DiskFile;
  /** Opened with O_DIRECT; undefined where that turned out not to work. */
  private direct: DiskFile | undefined;
  private readonly both: readonly DiskFile[];

  constructor(plain: DiskFile, direct: DiskFile) {
    this.plain = plain;
    this.direct = direct;
    this.both = [plain, direct];
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
    const [plain, direct] = await Promise.allSettled(this.both.map((file) => file.close()));
    for (const closed of [plain, direct]) if (closed?.status === 'rejected') throw closed.reason;
  }

  private async oneWay<T>(isWholeBlocks: boolean, call: (file: DiskFile) => Promise<T>): Promise<T> {
    const { direct } = this;
    if (!isWholeBlocks || !direct) return call(this.plain);
    try {
      return await call(direct);
    } catch (error) {
      // This disk wants larger blocks, or this memory lies otherwise than it should.
      if (systemErrorCode(error) !== 'EINVAL') throw error;
      this.direct = undefined;
      return call(this.plain);
    }
  }
}

/** Whether it may go past the page cache. Memory is only looked at from its buffer on: where that lies cannot be known. */
function isWhole(parts: readonly Uint8Array[], position: number): boolean {
  return (
    position % BLOCK_BYTES === 0 &&
    parts.every(({ length, byteOffset }) => length % BLOCK_BYTES === 0 && byteOffset % BLOCK_BYTES === 0)
  );
}
