import { mkdir, open, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { invariant, systemErrorCode } from '../../common/errors.ts';
import { syncDirectory } from '../../common/files/durable-file.ts';
import { poolFull } from '../errors.ts';
import { backingName, type PoolStats, type VolumeBacking, type VolumeDriver } from './contract.ts';
import { assertVolumeId } from './volume-id.ts';

/** Volumes as sparse raw files of one folder: the embedded default. Needs no privilege and no tool. */
export class FileDriver implements VolumeDriver {
  readonly kind = 'file';
  readonly freshVolumesReadZero = true;
  private readonly folder: string;

  /** @param folder absolute path; made at start, readable by our user only. */
  constructor(folder: string) {
    invariant(folder.startsWith('/'), 'the folder of volumes is an absolute path');
    this.folder = folder;
  }

  async start(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
  }

  async create(volumeId: string, sizeBytes: number): Promise<void> {
    // A crash after open leaves a file that is too short: the same call again makes it whole.
    await this.growTo(volumeId, sizeBytes, 'a');
    await syncDirectory(this.folder);
  }

  async delete(volumeId: string): Promise<void> {
    await rm(this.pathOf(volumeId), { force: true });
    await syncDirectory(this.folder);
  }

  async extend(volumeId: string, sizeBytes: number): Promise<void> {
    await this.growTo(volumeId, sizeBytes, 'r+');
  }

  async backing(volumeId: string): Promise<VolumeBacking> {
    const path = this.pathOf(volumeId);
    const { size } = await stat(path);
    return { sizeBytes: size, extents: [{ path, offsetBytes: 0, lengthBytes: size }] };
  }

  async stats(): Promise<PoolStats> {
    const { bsize, blocks, bavail } = await statfs(this.folder);
    return { totalBytes: bsize * blocks, freeBytes: bsize * bavail, thin: true };
  }

  private async growTo(volumeId: string, sizeBytes: number, flags: 'a' | 'r+'): Promise<void> {
    const file = await open(this.pathOf(volumeId), flags, 0o600);
    try {
      const { size } = await file.stat();
      if (size < sizeBytes) await file.truncate(sizeBytes);
      await file.sync();
    } catch (error) {
      if (systemErrorCode(error) === 'ENOSPC') throw poolFull(this.kind);
      throw error;
    } finally {
      await file.close();
    }
  }

  private pathOf(volumeId: string): string {
    return join(this.folder, backingName(assertVolumeId(volumeId)));
  }
}
