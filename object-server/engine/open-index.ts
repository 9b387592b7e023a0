import { join } from 'node:path';
import { systemErrorCode } from '../../common/errors.ts';
import type { Disk } from '../disk/contract.ts';
import { IndexError } from '../errors.ts';
import type { VersionIndex } from '../index/contract.ts';
import { foldersOf } from './device.ts';

/**
 * Opens a device's index. The housekeeper moves one that is beyond reading out of the way: the slabs have all that it needs, so an empty
 * one is filled again by recovery.
 *
 * @throws IndexError.
 */
export async function openIndexOrRebuild(
  disk: Disk,
  devicePath: string,
  openIndex: (folder: string) => Promise<VersionIndex>,
  mayRebuild: boolean,
): Promise<VersionIndex> {
  const { index: folder, quarantine } = foldersOf(devicePath);
  try {
    return await openIndex(folder);
  } catch (error) {
    const isCorrupt = error instanceof IndexError && systemErrorCode(error.cause) === 'LEVEL_CORRUPTION';
    if (!mayRebuild || !isCorrupt) throw error;
    const kept = new Set(await disk.list(quarantine));
    let number = 1;
    while (kept.has(`index-${number}`)) number += 1;
    // A crash behind this line leaves no index: the next start begins with a fresh one too.
    await disk.rename(folder, join(quarantine, `index-${number}`));
    await disk.syncFolder(devicePath);
    await disk.makeFolder(folder);
    return openIndex(folder);
  }
}
