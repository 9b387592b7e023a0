import type { Timestamp } from '../../common/timestamp.ts';
import type { ListingReport, ObjectTarget } from '../contract.ts';
import type { Device } from './device.ts';
import { foldVersions } from './fold.ts';
import { seedOf, type VersionRecord } from './object-file.ts';
import { listVersions, type ObjectFolder, removeVersions } from './object-folder.ts';
import { publishVersion } from './publish.ts';
import type { VersionName } from './version-name.ts';
import { VersionWriter } from './version-writer.ts';

/** Writes a version without a body, makes it visible and removes what it supersedes. */
export async function publishRecord(
  device: Device,
  target: ObjectTarget,
  folder: ObjectFolder,
  record: VersionRecord,
  version: VersionName,
  pendingPath?: string,
): Promise<void> {
  const writer = new VersionWriter(device, seedOf(target, record.timestamp), 0, record.kind === 'tombstone');
  try {
    await Promise.all([writer.finish(record), device.ensureFolders(folder.levels)]);
    await publishVersion({ device, folder, version, temporaryPath: writer.path, pendingPath });
  } catch (error) {
    await writer.discard();
    throw error;
  }
  await removeVersions(device, folder, foldVersions(await listVersions(device, folder)).obsolete);
}

export function tombstoneRecord(target: ObjectTarget, timestamp: Timestamp, listing?: ListingReport): VersionRecord {
  const { account, container, object, partition, policyIndex } = target;
  return {
    kind: 'tombstone',
    account,
    container,
    object,
    partition,
    policyIndex,
    timestamp,
    tie: '',
    etag: '',
    fixedMetadata: {},
    metadata: {},
    ...(listing === undefined ? {} : { listing }),
  };
}

export function tombstoneName(timestamp: Timestamp): VersionName {
  return { kind: 'tombstone', timestamp, tie: '', typed: false };
}
