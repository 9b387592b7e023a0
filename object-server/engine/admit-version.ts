import { olderVersion } from '../errors.ts';
import type { IndexedVersion, ObjectKey } from '../index/contract.ts';
import type { Device } from './device.ts';
import { type Fold, foldVersions } from './fold.ts';
import { nameSlotOf } from './object-key.ts';
import { compareVersions, type VersionOrder } from './version.ts';

/**
 * Checks that a version with data would be the newest data; the same version once more is no error. Metadata that was posted after it is
 * not in its way: it is the metadata of these data then.
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
  const { base } = fold;
  if (base === undefined || base.timestamp < version.timestamp) return;
  const wins = base.timestamp === version.timestamp && compareVersions(base, version) <= 0;
  if (!wins) throw olderVersion(base.timestamp);
}
