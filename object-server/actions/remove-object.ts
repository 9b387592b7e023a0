import { ApiError } from '../../common/errors.ts';
import type { ObjectRemoval, ObjectTarget } from '../contract.ts';
import { type Fold, foldVersions, newestTimestamp } from '../engine/fold.ts';
import { findObject, isExpired } from '../engine/read-object.ts';
import { olderVersion } from '../errors.ts';
import type { IndexedVersion } from '../index/contract.ts';
import type { ActionContext } from './context.ts';
import { reportVersion } from './report-version.ts';
import { tombstoneOf } from './tombstone.ts';

/** A full disk takes tombstones still: what is below the reserve is for them. */
export async function removeObject(
  context: ActionContext,
  target: ObjectTarget,
  { timestamp, listing }: ObjectRemoval,
): Promise<{ existed: boolean }> {
  const { device } = context;
  const tombstone = tombstoneOf(device, target, timestamp, listing);
  const { fold, existed } = await lookUp(context, target);
  const newest = newestTimestamp(fold);
  if (newest !== undefined && newest > timestamp) throw olderVersion(newest);
  const location = await device.slabs.append(tombstone, { belowReserve: true });
  const row = { name: target.object, timestamp, deleted: true } as const;
  if ((await reportVersion(context, target, tombstone, location, row)) === 'gone') device.slabs.settle(location); // no container: nothing is listed
  return { existed };
}

async function lookUp(
  { device, clock }: ActionContext,
  target: ObjectTarget,
): Promise<{ fold: Fold<IndexedVersion>; existed: boolean }> {
  try {
    const { fold, live } = await findObject(device, target);
    return { fold, existed: live !== undefined && !isExpired(live, clock.nowMs()) };
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'CorruptObject') throw error;
    return { fold: foldVersions(await device.index.newest(device.keyOf(target))), existed: true };
  }
}
