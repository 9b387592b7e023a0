import type { ObjectTarget } from '../contract.ts';
import { corruptObject, deviceUnavailable } from '../errors.ts';
import type { IndexedVersion, ObjectKey } from '../index/contract.ts';
import { type Device, foldersOf } from './device.ts';
import { foldVersions } from './fold.ts';
import { loadLayout } from './layout.ts';
import { saveRecord } from './record-file.ts';
import { compareVersions } from './version.ts';

/**
 * Marks a damaged version, so that nobody reads it again and replication brings a good one. Its entry in the index stays: readers must
 * not fall back to what it superseded. A record for the operator says where the bytes are.
 *
 * @returns where the version is no longer where it was read, or no longer counts: what is dead may be gone in part already. Look again.
 * @throws CorruptObject, once it is marked.
 */
export async function setAside(
  device: Device,
  { account, container, object, policyIndex, partition }: ObjectTarget,
  key: ObjectKey,
  version: IndexedVersion,
  problem: unknown,
): Promise<void> {
  const { base, metadata, contentType } = foldVersions(await device.index.newest(key));
  const current = [base, metadata, contentType].find((each) => each && compareVersions(each, version) === 0);
  if (current === undefined || current.damaged || !isSamePlace(current, version)) return;
  // A disk that is gone as a whole has not damaged this version.
  if ((await loadLayout(device.disk, device.path)) === undefined) throw deviceUnavailable(device.name, problem);
  const { kind, timestamp, tie, location } = version;
  const why = problem instanceof Error ? problem.message : String(problem);
  const known = { account, container, object, policyIndex, partition, kind, timestamp, tie, location, why };
  device.logger.error({ err: problem, device: device.name, ...known }, 'a damaged version is set aside');
  // A crash, or the index's loss of this entry, leaves a damaged version that is found once more.
  await device.index.put([{ change: 'put', object: key, version: { ...current, damaged: true } }]);
  device.changed(key);
  await saveRecord(device.disk, foldersOf(device.path).quarantine, recordName(key, version), known).catch(
    (error: unknown) => device.logger.error({ err: error }, 'a record of a damaged version cannot be written'),
  );
  throw corruptObject(problem);
}

function recordName({ policyIndex, partition, hash }: ObjectKey, { timestamp, kind }: IndexedVersion): string {
  return `${policyIndex}-${partition}-${hash.toString('hex')}-${timestamp}-${kind}`;
}

function isSamePlace({ location: left }: IndexedVersion, { location: right }: IndexedVersion): boolean {
  return left.segment === right.segment && left.generation === right.generation && left.offset === right.offset;
}
