import type { ObjectRow } from '../../container-server/contract.ts';
import { listedRowOf, type ObjectTarget, type WriteCondition } from '../contract.ts';
import { admitVersion } from '../engine/admit-version.ts';
import type { Device, KeyedNeedle } from '../engine/device.ts';
import { type Fold, foldVersions } from '../engine/fold.ts';
import { nameSlotOf } from '../engine/object-key.ts';
import { findObject, isExpired, recallObject, rememberData } from '../engine/read-object.ts';
import type { VersionOrder } from '../engine/version.ts';
import { containerNotFound, objectChanged, objectExists } from '../errors.ts';
import type { IndexedVersion } from '../index/contract.ts';
import type { Location } from '../slab/contract.ts';
import { rowOf } from '../updates/listing-rows.ts';
import type { ActionContext } from './context.ts';
import { reportLater, reportVersion } from './report-version.ts';
import { tombstoneOf } from './tombstone.ts';

/**
 * Makes a version with data durable, visible and listed. A body in a file of its own is durable already.
 *
 * @param admitted called once the version is sure to be tried: what becomes of its needle is not known if the rest fails.
 * @throws OlderVersion, ObjectExists, ObjectChanged, ContainerNotFound; what the slabs refuse.
 */
export async function storeVersion(
  context: ActionContext,
  target: ObjectTarget,
  needle: KeyedNeedle,
  options: WriteCondition & { readFirst?: boolean; admitted?: () => void },
): Promise<void> {
  const { device } = context;
  const slot = nameSlotOf(needle.objectKey);
  const changes = device.changesOf(slot);
  let before: Fold<IndexedVersion> | undefined;
  let location: Location;
  if (options.onlyIfAbsent || options.onlyIfUnchangedSince !== undefined) {
    // Held until the version is in the index: of two that find what they want there, the second waits, and finds the first, even where that
    // is the newer one: its condition is looked at before its age.
    location = await device.claims.hold(needle.objectKey, async () => {
      await assertCondition(context, target, options);
      before = await admitVersion(device, needle.objectKey, orderOf(needle));
      options.admitted?.();
      return device.slabs.append(needle);
    });
  } else {
    before = await admitVersion(device, needle.objectKey, orderOf(needle));
    options.admitted?.();
    location = await device.slabs.append(needle);
  }
  // Nothing but this version came into the slot since it was looked at. Else a newer POST may have, and its row may have told of data that
  // was deleted before this came: whoever of the two looks last tells of both.
  const isAlone = before?.metadata === undefined && device.changesOf(slot) === ((changes + 1) | 0);
  if (isAlone && options.readFirst !== false) rememberData(device, target, needle, location, (changes + 1) | 0);
  let row = needle.listing && listedRowOf(needle.object, needle);
  if (needle.listing !== undefined && !isAlone) {
    try {
      row = await currentRow(device, target);
    } catch (error) {
      context.logger.error({ err: error, device: device.name }, 'what is listed of an object is told later');
      return reportLater(context, needle, location);
    }
  }
  if ((await reportVersion(context, target, needle, location, row)) !== 'gone') return;
  await takeBack(device, target, needle.timestamp);
  device.slabs.settle(location);
  throw containerNotFound(`${target.account}/${target.container}`);
}

/** @throws ObjectExists, ObjectChanged. */
export async function assertCondition(
  { device, clock }: ActionContext,
  target: ObjectTarget,
  { onlyIfAbsent, onlyIfUnchangedSince }: WriteCondition,
): Promise<void> {
  if (onlyIfAbsent) {
    const { live } = await findObject(device, target);
    if (live !== undefined && !isExpired(live, clock.nowMs())) throw objectExists(live.state.timestamp);
  }
  if (onlyIfUnchangedSince !== undefined) {
    const { base } =
      recallObject(device, target)?.fold ?? foldVersions(await device.index.newest(device.keyOf(target)));
    if (base !== undefined && base.timestamp > onlyIfUnchangedSince) throw objectChanged(base.timestamp);
  }
}

/** A tombstone of the version's own time beats it, and nothing that came after it. */
export async function takeBack(device: Device, target: ObjectTarget, timestamp: string): Promise<void> {
  const tombstone = tombstoneOf(device, target, timestamp, undefined);
  device.slabs.settle(await device.slabs.append(tombstone, { belowReserve: true }));
}

/** What the listing should say now; undefined where nothing is known of the object. */
export async function currentRow(device: Device, target: ObjectTarget): Promise<ObjectRow | undefined> {
  return rowOf(target.object, await findObject(device, target));
}

export function orderOf({ kind, timestamp, tie, contentType }: KeyedNeedle): VersionOrder {
  return { kind, timestamp, tie, typed: kind === 'metadata' && contentType !== undefined };
}
