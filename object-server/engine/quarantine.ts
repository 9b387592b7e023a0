import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../../common/errors.ts';
import type { Device } from './device.ts';
import { foldVersions } from './fold.ts';
import { listVersions, type ObjectFolder, pathOf, removeVersions } from './object-folder.ts';
import { formatVersionName, type VersionName } from './version-name.ts';

/**
 * Sets a damaged version aside, for an operator to look at, so that nobody reads it again and replication brings a good one.
 *
 * @param inode of the file that was found damaged: one that came into its place since is left alone; undefined = whatever is there.
 */
export async function quarantineVersion(
  device: Device,
  folder: ObjectFolder,
  version: VersionName,
  inode: number | undefined,
): Promise<void> {
  // What it superseded goes first, or readers would fall back to it: an old version instead of none.
  await removeVersions(device, folder, foldVersions(await listVersions(device, folder)).obsolete);
  const path = pathOf(folder, version);
  const aside = join(device.quarantineFolder, folder.policyFolder, folder.hash);
  try {
    if (inode !== undefined && (await stat(path)).ino !== inode) return;
    await mkdir(aside, { recursive: true, mode: 0o700 });
    await rename(path, join(aside, formatVersionName(version)));
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error; // another thread was faster, or the version is superseded
  }
  await device.syncFolder(folder.path);
}
