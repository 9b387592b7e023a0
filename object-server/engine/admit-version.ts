import { olderVersion } from '../errors.ts';
import type { IndexedVersion, ObjectKey } from '../index/contract.ts';
import type { Device } from './device.ts';
import { type Fold, foldVersions, newestTimestamp } from './fold.ts';
import { nameSlotOf } from './object-key.ts';
import { compareVersions, type VersionOrder } from './version.ts';

/**
 * Checks that a version with data would be the newest; the same version once more is no error.
 *
 * @returns what is there now; undefined: nothing that could matter, known without a look-up.
 * @throws OlderVersion.
 */
export async function admitVersion(
  device: Device,
  key: ObjectKey,
  version: VersionOrder,
): Promise<Fold<IndexedVersion> | undefined> {
  if (device.isNewest(nameSlotOf(key), version.timestamp)) return undefined;
  const fold = foldVersions(await device.index.newest(key));
  assertNewer(fold, version);
  return fold;
}

/** @throws OlderVersion. */
function assertNewer(fold: Fold<IndexedVersion>, version: VersionOrder): void {
  const newest = newestTimestamp(fold);
  if (newest === undefined || newest < version.timestamp) return;
  const { base } = fold;
  const wins = newest === version.timestamp && base !== undefined && compareVersions(base, version) <= 0;
  if (!wins) throw olderVersion(newest);
}
