import { link, rename, unlink } from 'node:fs/promises';
import { systemErrorCode } from '../../common/errors.ts';
import type { Device } from './device.ts';
import { type ObjectFolder, pathOf } from './object-folder.ts';
import type { VersionName } from './version-name.ts';

export interface Publication {
  device: Device;
  folder: ObjectFolder;
  version: VersionName;
  /** A whole and durable version file. */
  temporaryPath: string;
  /** The pending listing update: a second name of the same file; undefined where nobody is to be told. */
  pendingPath: string | undefined;
}

/**
 * Makes a version visible, durably; its pending listing update is durable before that. A crash after any line leaves
 * 1. a temporary file, removed at the next start; 2. a pending update without a version, forgotten at the next start;
 * 3. a version with its pending update, listed at the next start. The name is the content's: whoever else publishes it brings the same.
 */
export async function publishVersion(publication: Publication): Promise<void> {
  const { device, folder, version, temporaryPath, pendingPath } = publication;
  const path = pathOf(folder, version);
  await device.ensureFolders(folder.levels);
  if (pendingPath === undefined) {
    await device.io.run(() => rename(temporaryPath, path));
  } else {
    await device.io.run(() => rename(temporaryPath, pendingPath));
    try {
      await device.syncFolder(device.pendingFolder);
      await device.io.run(() => link(pendingPath, path));
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') {
        await unlink(pendingPath).catch(() => undefined);
        throw error;
      }
    }
  }
  await device.syncFolder(folder.path);
}
