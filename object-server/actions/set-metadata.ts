import type { MetadataChange, ObjectState, ObjectTarget } from '../contract.ts';
import { newestTimestamp } from '../engine/fold.ts';
import type { VersionRecord } from '../engine/object-file.ts';
import { publishRecord } from '../engine/publish-record.ts';
import { isExpired, readObject } from '../engine/read-object.ts';
import { compareVersions, tieOfMetadata, type VersionName } from '../engine/version-name.ts';
import { objectNotFound, olderVersion } from '../errors.ts';
import { rowOf } from '../updates/listing-rows.ts';
import { pendingPathOf } from '../updates/pending-name.ts';
import type { ActionContext } from './context.ts';

export async function setMetadata(
  context: ActionContext,
  target: ObjectTarget,
  change: MetadataChange,
): Promise<ObjectState> {
  const { device, clock, logger } = context;
  await device.assertSpace(0);
  const { fold, folder, data } = await readObject(device, target, logger);
  await data?.reader.close();
  if (data === undefined) throw objectNotFound(fold.base?.timestamp);
  if (isExpired(data.state, clock.nowMs())) throw objectNotFound(data.state.timestamp);
  const { timestamp, metadata, contentType, listing } = change;
  const version: VersionName = {
    kind: 'metadata',
    timestamp,
    tie: tieOfMetadata(metadata, contentType),
    typed: contentType !== undefined,
  };
  const newest = newestTimestamp(fold) ?? '';
  const winsTie = timestamp === newest && fold.metadata && compareVersions(fold.metadata, version) <= 0;
  if (timestamp <= newest && !winsTie) throw olderVersion(newest);

  const { account, container, object, partition, policyIndex } = target;
  const record: VersionRecord = {
    kind: 'metadata',
    account,
    container,
    object,
    partition,
    policyIndex,
    timestamp,
    tie: version.tie,
    etag: '',
    fixedMetadata: {},
    metadata,
    ...(contentType === undefined ? {} : { contentType }),
    ...(listing === undefined ? {} : { listing }),
  };
  const pendingPath = listing && pendingPathOf(device, folder, version);
  await publishRecord(device, target, folder, record, version, pendingPath);
  const after = await readObject(device, target, logger);
  await after.data?.reader.close();
  const row = rowOf(target.object, after);
  if (listing !== undefined && pendingPath !== undefined && row !== undefined)
    await context.reporter.report({ target, listing, row, pendingPath, takeBack: async () => undefined });
  if (after.data === undefined) throw objectNotFound(after.fold.base?.timestamp); // deleted in this very moment
  return after.data.state;
}
