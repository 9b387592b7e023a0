import { createHash } from 'node:crypto';
import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../../common/errors.ts';
import type { ObjectTarget } from '../contract.ts';
import type { Device } from './device.ts';
import { formatVersionName, parseVersionName, type VersionName } from './version-name.ts';

const HASH_DIGITS = 40;
const SUFFIX_DIGITS = 3;

/** Where the versions of one object are: `objects[-N]/<partition>/<suffix>/<hash>`. */
export interface ObjectFolder {
  readonly path: string;
  readonly hash: string;
  /** `objects`, `objects-1`, …: one per storage policy. */
  readonly policyFolder: string;
  /** From `objects[-N]` down to `path`. */
  readonly levels: readonly string[];
}

/** Names hold no NUL, so no two objects hash the same text. The hash is long enough that nobody finds two that collide. */
export function folderOf(device: Device, target: ObjectTarget): ObjectFolder {
  const { account, container, object, policyIndex, partition } = target;
  const hash = createHash('sha256').update([account, container, object].join('\0')).digest('hex').slice(0, HASH_DIGITS);
  const policyFolder = policyIndex === 0 ? 'objects' : `objects-${policyIndex}`;
  const levels: string[] = [];
  let path = device.path;
  for (const name of [policyFolder, String(partition), hash.slice(-SUFFIX_DIGITS), hash]) {
    path = join(path, name);
    levels.push(path);
  }
  return { path, hash, policyFolder, levels };
}

export function pathOf(folder: ObjectFolder, version: VersionName): string {
  return join(folder.path, formatVersionName(version));
}

/** All versions there; none where the folder does not exist. */
export async function listVersions(device: Device, folder: ObjectFolder): Promise<VersionName[]> {
  try {
    const files = await device.io.run(() => readdir(folder.path));
    return files.flatMap((file) => parseVersionName(file) ?? []);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** A crash that brings some back does no harm: the next fold finds them obsolete again. */
export async function removeVersions(
  device: Device,
  folder: ObjectFolder,
  versions: readonly VersionName[],
): Promise<void> {
  for (const version of versions) {
    try {
      await device.io.run(() => unlink(pathOf(folder, version)));
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error; // another thread was faster
    }
  }
}
