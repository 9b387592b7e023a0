import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { invariant, systemErrorCode } from '../../common/errors.ts';
import { syncDirectory } from '../../common/files/durable-file.ts';
import { storageFull } from '../errors.ts';
import { FILE_BLOCK_BYTES } from '../limits.ts';
import type { ByteSpan, ImageStore, StoreLocation } from './contract.ts';

/**
 * Images as plain files, `<folder>/<image id>`; one that is being written is `<folder>/.<image id>.part`, which a crash can leave
 * and `discard` removes.
 */
export class FileStore implements ImageStore {
  readonly kind = 'file';
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  async isAvailable(): Promise<boolean> {
    return true;
  }

  async write(imageId: string, data: AsyncIterable<Buffer>): Promise<StoreLocation> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const part = this.partPath(imageId);
    try {
      const sizeBytes = await writeDurably(part, data);
      await rename(part, this.pathOf(imageId));
      await syncDirectory(this.folder);
      return { kind: 'file', sizeBytes, name: imageId };
    } catch (error) {
      throw isDiskFull(error) ? storageFull(error) : error;
    }
  }

  async *read(location: StoreLocation, { start, end }: ByteSpan): AsyncGenerator<Buffer, void, void> {
    invariant(location.kind === 'file', 'a location of this store');
    const file = await open(this.pathOf(location.name), 'r');
    try {
      for (let offset = start; offset < end; ) {
        const length = Math.min(FILE_BLOCK_BYTES, end - offset);
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, offset);
        if (bytesRead === 0) throw new Error(`image file ${location.name} ends at ${offset}, before ${end}`);
        offset += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  async delete(location: StoreLocation): Promise<void> {
    invariant(location.kind === 'file', 'a location of this store');
    await this.remove([this.pathOf(location.name)]);
  }

  async discard(imageId: string): Promise<void> {
    await this.remove([this.partPath(imageId), this.pathOf(imageId)]);
  }

  private async remove(paths: string[]): Promise<void> {
    for (const path of paths) await rm(path, { force: true });
    await syncDirectory(this.folder).catch((error: unknown) => {
      if (systemErrorCode(error) !== 'ENOENT') throw error; // nothing was ever written
    });
  }

  private pathOf(name: string): string {
    invariant(/^[0-9a-f-]{36}$/.test(name), 'images are named by their id');
    return join(this.folder, name);
  }

  private partPath(imageId: string): string {
    return join(this.folder, `.${imageId}.part`);
  }
}

/** Writes and fsyncs a new file. Small chunks are gathered: each write costs a trip through the thread pool. */
async function writeDurably(path: string, data: AsyncIterable<Buffer>): Promise<number> {
  const file = await open(path, 'w', 0o600);
  try {
    let sizeBytes = 0;
    let gathered: Buffer[] = [];
    let gatheredBytes = 0;
    const flush = async (): Promise<void> => {
      if (gatheredBytes === 0) return;
      const { bytesWritten } = await file.writev(gathered, sizeBytes);
      if (bytesWritten !== gatheredBytes) throw new Error(`short write: ${bytesWritten} of ${gatheredBytes} bytes`);
      sizeBytes += bytesWritten;
      gathered = [];
      gatheredBytes = 0;
    };
    for await (const chunk of data) {
      gathered.push(chunk);
      gatheredBytes += chunk.length;
      if (gatheredBytes >= FILE_BLOCK_BYTES) await flush();
    }
    await flush();
    await file.sync();
    return sizeBytes;
  } finally {
    await file.close();
  }
}

function isDiskFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(systemErrorCode(error) ?? '');
}
