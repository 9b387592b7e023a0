import { InvariantError, invariant } from '../../common/errors.ts';
import type { Pieces } from '../../common/memory/piece-pool.ts';
import { BODY_BLOCK_BYTES, blockChecksum } from '../contract.ts';
import type { Disk, DiskFile } from '../disk/contract.ts';
import type { LargeUpload } from './contract.ts';
import { ChecksumTable, encodeFooter } from './format.ts';
import { FLUSH_BYTES } from './limits.ts';

export interface LargeWriterOptions {
  disk: Disk;
  pool: Pieces;
  seed: bigint;
  name: string;
  temporaryPath: string;
  path: string;
  /** Past the page cache. */
  direct: boolean;
  /** The folders of both paths; each may be made by several uploads at once. */
  ensureFolders(): Promise<void>;
  /** Makes the final name durable. */
  syncFolder(): Promise<void>;
}

/** Writes one large body to a temporary file, and gives it its name when all of it is durable. */
export class LargeWriter implements LargeUpload {
  private readonly options: LargeWriterOptions;
  private readonly table = new ChecksumTable();
  private file: Promise<DiskFile> | undefined;
  /** Body bytes given to the disk: whole blocks, until the end. */
  private position = 0;
  /** Bytes that do not fill a block yet, or came in chunks that are no whole blocks. */
  private gathered: Uint8Array | undefined;
  private filled = 0;
  /** Of a gathered piece, behind the caller's back. */
  private writing: Promise<void> = Promise.resolve();
  private flushing: Promise<void> = Promise.resolve();
  private flushedTo = 0;
  private state: 'open' | 'finishing' | 'renaming' | 'finished' | 'discarded' = 'open';

  constructor(options: LargeWriterOptions) {
    this.options = options;
  }

  get sizeBytes(): number {
    return this.position + this.filled;
  }

  async write(chunk: Uint8Array, checksums?: BigUint64Array): Promise<void> {
    this.assertOpen();
    const direct = this.filled === 0 ? chunk.length - (chunk.length % BODY_BLOCK_BYTES) : 0;
    if (direct > 0) {
      await this.writing;
      await this.writeBlocks(chunk.subarray(0, direct), checksums);
    }
    if (direct < chunk.length) await this.gather(chunk.subarray(direct));
  }

  async finish(): Promise<{ name: string; sizeBytes: number }> {
    this.assertOpen();
    this.state = 'finishing';
    const { disk, name, temporaryPath, path, seed } = this.options;
    await this.writing;
    const rest = this.gathered?.subarray(0, this.filled) ?? new Uint8Array(0);
    this.addChecksums(rest);
    const sizeBytes = this.sizeBytes;
    const table = this.table.bytes;
    const file = await this.opened();
    const end = [rest, table, encodeFooter(table, sizeBytes, seed)].filter(({ length }) => length > 0);
    await file.write(end, this.position);
    await this.flushing;
    await file.sync();
    await file.close();
    this.file = undefined;
    this.release();
    // A crash before this line leaves a temporary file: `removeTemporaries`.
    this.state = 'renaming';
    await disk.rename(temporaryPath, path);
    // A crash from here on leaves the file under one of its names, or both; whole, and named by no needle: an orphan.
    await this.options.syncFolder();
    this.state = 'finished';
    return { name, sizeBytes };
  }

  async discard(): Promise<void> {
    if (this.state === 'finished' || this.state === 'discarded') return;
    const { disk, temporaryPath, path } = this.options;
    const mayHaveItsName = this.state === 'renaming';
    this.state = 'discarded';
    await this.writing.catch(ignore);
    await this.flushing.catch(ignore);
    this.release();
    const file = await this.file?.catch(ignore);
    await file?.close().catch(ignore);
    // Not made durable: what a crash brings back is removed as what the crash left.
    if (file || mayHaveItsName) await disk.remove(temporaryPath).catch(ignore);
    if (mayHaveItsName) await disk.remove(path).catch(ignore);
  }

  /** Copies; waits only while the disk is a whole piece behind. */
  private async gather(chunk: Uint8Array): Promise<void> {
    for (let offset = 0; offset < chunk.length; ) {
      this.gathered ??= this.options.pool.take();
      const bytes = Math.min(chunk.length - offset, this.gathered.length - this.filled);
      this.gathered.set(chunk.subarray(offset, offset + bytes), this.filled);
      this.filled += bytes;
      offset += bytes;
      if (this.filled === this.gathered.length) await this.writeGathered(this.gathered);
    }
  }

  private async writeGathered(piece: Uint8Array): Promise<void> {
    await this.writing; // rejects: the piece stays where `release` finds it
    this.gathered = undefined;
    this.filled = 0;
    this.writing = this.writeBlocks(piece).finally(() => this.options.pool.give(piece));
    this.writing.catch(ignore); // met by whoever waits for it next
  }

  private async writeBlocks(blocks: Uint8Array, checksums?: BigUint64Array): Promise<void> {
    const start = this.position;
    this.position += blocks.length;
    this.addChecksums(blocks, checksums);
    const file = await this.opened();
    await file.write([blocks], start);
    if (this.position - this.flushedTo < FLUSH_BYTES) return;
    await this.flushing; // what is not flushed stays bounded
    this.flushedTo = this.position;
    this.flushing = file.sync();
    this.flushing.catch(ignore);
  }

  private addChecksums(blocks: Uint8Array, checksums?: BigUint64Array): void {
    const { seed } = this.options;
    for (let start = 0, index = 0; start < blocks.length; start += BODY_BLOCK_BYTES, index += 1)
      this.table.add(
        checksums?.[index] ?? blockChecksum(blocks.subarray(start, start + BODY_BLOCK_BYTES), seed, this.table.blocks),
      );
  }

  private async opened(): Promise<DiskFile> {
    // A write that waited while it was discarded: nobody would remove what it makes.
    if (this.state === 'discarded') throw new InvariantError('a large file goes on after its end');
    this.file ??= this.open();
    return this.file;
  }

  private async open(): Promise<DiskFile> {
    const { disk, ensureFolders, temporaryPath, direct } = this.options;
    await ensureFolders();
    return disk.open(temporaryPath, { write: true, create: true, exclusive: true, direct });
  }

  private release(): void {
    if (this.gathered) this.options.pool.give(this.gathered);
    this.gathered = undefined;
    this.position += this.filled;
    this.filled = 0;
  }

  private assertOpen(): void {
    if (this.state !== 'open') throw new InvariantError('a large file goes on after its end');
    invariant(this.position % BODY_BLOCK_BYTES === 0, 'a body is written in whole blocks');
  }
}

function ignore(): void {}
