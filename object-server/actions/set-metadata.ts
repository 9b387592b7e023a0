import type { MetadataChange, ObjectState, ObjectTarget } from '../contract.ts';
import type { KeyedNeedle } from '../engine/device.ts';
import { newestTimestamp } from '../engine/fold.ts';
import { findObject, isExpired } from '../engine/read-object.ts';
import { compareVersions, tieOfMetadata } from '../engine/version.ts';
import { objectNotFound, olderVersion } from '../errors.ts';
import { rowOf } from '../updates/listing-rows.ts';
import type { ActionContext } from './context.ts';
import { reportLater, reportVersion } from './report-version.ts';
import { orderOf } from './store-version.ts';

const NO_METADATA = {};

export async function setMetadata(
  context: ActionContext,
  target: ObjectTarget,
  change: MetadataChange,
): Promise<ObjectState> {
  const { device, clock } = context;
  await device.space.assertRoom(0);
  const { key, fold, live } = await findObject(device, target);
  if (live === undefined) throw objectNotFound(fold.base?.damaged ? undefined : fold.base?.timestamp);
  if (isExpired(live, clock.nowMs())) throw objectNotFound(live.state.timestamp);
  const { account, container, object, partition, policyIndex } = target;
  const { timestamp, metadata, contentType, listing } = change;
  const needle: KeyedNeedle = {
    kind: 'metadata',
    account,
    container,
    object,
    partition,
    policyIndex,
    timestamp,
    tie: tieOfMetadata(metadata, contentType),
    etag: '',
    sizeBytes: 0,
    contentType,
    fixedMetadata: NO_METADATA,
    metadata,
    listing,
    body: { where: 'none' },
    objectKey: key,
  };
  const newest = newestTimestamp(fold) ?? '';
  const winsTie = timestamp === newest && fold.metadata && compareVersions(fold.metadata, orderOf(needle)) <= 0;
  if (timestamp <= newest && !winsTie) throw olderVersion(newest);

  const location = await device.slabs.append(needle);
  const after = await findObject(device, target).catch(async (error: unknown) => {
    await reportLater(context, needle, location);
    throw error;
  });
  // Without a container nothing is listed, and nothing taken back: the object is as old as it was.
  if ((await reportVersion(context, target, needle, location, rowOf(target.object, after))) === 'gone')
    device.slabs.settle(location);
  if (after.live === undefined) throw objectNotFound(after.fold.base?.timestamp); // deleted in this very moment
  return after.live.state;
}
