import { ApiError } from '../../common/errors.ts';
import type { ObjectRemoval, ObjectTarget } from '../contract.ts';
import { isUnreadable } from '../engine/damage.ts';
import { type Fold, foldVersions, newestTimestamp } from '../engine/fold.ts';
import { nameSlotOf } from '../engine/object-key.ts';
import { findObject, isExpired, recallObject } from '../engine/read-object.ts';
import { olderVersion } from '../errors.ts';
import type { IndexedVersion, ObjectKey } from '../index/contract.ts';
import type { ActionContext } from './context.ts';
import { reportVersion } from './report-version.ts';
import { tombstoneOf } from './tombstone.ts';

/** A full disk takes tombstones still: what is below the reserve is for them. */
export async function removeObject(
  context: ActionContext,
  target: ObjectTarget,
  { timestamp, listing, existed: existedElsewhere = false }: ObjectRemoval,
): Promise<{ existed: boolean }> {
  const { device } = context;
  const tombstone = tombstoneOf(device, target, timestamp, listing);
  let existed = existedElsewhere;
  if (!existed || !device.isNewest(nameSlotOf(tombstone.objectKey), timestamp)) {
    const found = await lookUp(context, target, tombstone.objectKey);
    const newest = newestTimestamp(found.fold);
    if (newest !== undefined && newest > timestamp) throw olderVersion(newest);
    existed ||= found.existed;
  }
  const location = await device.slabs.append(tombstone, { belowReserve: true });
  const row = { name: target.object, timestamp, deleted: true } as const;
  if ((await reportVersion(context, target, tombstone, location, row)) === 'gone') device.slabs.settle(location); // no container: nothing is listed
  return { existed };
}

export async function objectExists(context: ActionContext, target: ObjectTarget): Promise<boolean> {
  return (await lookUp(context, target, context.device.keyOf(target))).existed;
}

interface Found {
  fold: Fold<IndexedVersion>;
  existed: boolean;
}

/** Nothing of the object is read where the index says enough. */
async function lookUp({ device, clock }: ActionContext, target: ObjectTarget, key: ObjectKey): Promise<Found> {
  if (recallObject(device, target) === undefined) {
    const fold = foldVersions(await device.index.newest(key));
    const existed = existsByIndex(fold);
    if (existed !== undefined) return { fold, existed };
  }
  try {
    const { fold, live } = await findObject(device, target);
    return { fold, existed: live !== undefined && !isExpired(live, clock.nowMs()) };
  } catch (error) {
    const isDamaged = error instanceof ApiError && error.code === 'CorruptObject';
    if (!isDamaged && !isUnreadable(error)) throw error;
    return { fold: foldVersions(await device.index.newest(key)), existed: true };
  }
}

/** @returns undefined: it may have expired. */
function existsByIndex({ base, metadata }: Fold<IndexedVersion>): boolean | undefined {
  if (base?.kind !== 'data' || base.damaged) return false;
  const last = metadata ?? base;
  return last.lasting && !last.damaged ? true : undefined;
}
