import { join } from 'node:path';
import { systemErrorCode } from '../../common/errors.ts';
import type { Disk } from '../disk/contract.ts';
import { SPARE_BYTES, SPARE_PIECE_BYTES } from '../limits.ts';
import { isFull } from '../slab/segment.ts';

const FILE = 'spare';

/**
 * Takes space that is given up when the disk is full: then the index must be able to write out what it holds, for without a checkpoint
 * no space is ever released, and an index that failed to do so takes nothing more before the next start.
 *
 * @param folder the device's own.
 */
export async function holdSpareSpace(disk: Disk, folder: string): Promise<void> {
  const path = join(folder, FILE);
  const has = (await disk.sizeOf(path)) ?? 0;
  if (has >= SPARE_BYTES) return;
  const file = await disk.open(path, { write: true, create: true });
  try {
    for (let at = has; at < SPARE_BYTES; at += SPARE_PIECE_BYTES)
      await file.write([Buffer.alloc(Math.min(SPARE_PIECE_BYTES, SPARE_BYTES - at))], at);
    await file.sync(); // its blocks are its own from here on
  } catch (error) {
    if (!isFull(error)) throw error;
    await disk.remove(path);
  } finally {
    await file.close();
  }
}

/** @returns whether there was any. */
async function releaseSpareSpace(disk: Disk, folder: string): Promise<boolean> {
  try {
    await disk.remove(join(folder, FILE));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
  await disk.syncFolder(folder);
  return true;
}

/** Gives it up where less than it is free. @returns bytes that are free then. */
export async function releaseSpareIfShort(disk: Disk, folder: string, neededBytes = SPARE_BYTES): Promise<number> {
  const { freeBytes } = await disk.space(folder);
  if (freeBytes >= neededBytes || !(await releaseSpareSpace(disk, folder))) return freeBytes;
  return (await disk.space(folder)).freeBytes;
}
