import type { ListedObject, ObjectList, ObjectListing } from '../contract.ts';
import { isDamage } from '../engine/damage.ts';
import type { Device } from '../engine/device.ts';
import { foldVersions } from '../engine/fold.ts';
import { endOfObject, isOfPolicy, startOfPolicy } from '../index/codec.ts';
import type { IndexedVersion, ObjectKey } from '../index/contract.ts';
import { MOST_LISTED_OBJECTS } from '../limits.ts';
import type { Needle } from '../slab/contract.ts';

/**
 * A page of the objects of a policy on one device, in the order of the index. Names are not in the index: the needle of each object is
 * read. What is written, moved or removed meanwhile may be missing.
 */
export async function listObjects(device: Device, { policyIndex, after, limit }: ObjectListing): Promise<ObjectList> {
  const start = after === undefined ? startOfPolicy(policyIndex) : Buffer.from(after, 'base64url');
  const most = Math.min(limit, MOST_LISTED_OBJECTS);
  const scanned = (await device.index.scan(start, most)).filter(({ key }) => isOfPolicy(key, policyIndex));
  const keys: ObjectKey[] = [];
  for (const { object } of scanned) if (!keys.at(-1)?.hash.equals(object.hash)) keys.push(object);
  const found = await device.index.newestOf(keys);
  const objects: ListedObject[] = [];
  for (const [place, key] of keys.entries()) {
    const { base } = foldVersions(found[place] ?? []);
    if (base?.kind !== 'data' || base.damaged) continue;
    const needle = (await needleOf(device, base)) ?? (await movedNeedle(device, key, base));
    if (needle) objects.push(namesOf(needle));
  }
  const last = scanned.at(-1);
  // The other versions of the last object are passed over.
  return {
    objects,
    after: scanned.length < most || !last ? undefined : endOfObject(last.object).toString('base64url'),
  };
}

function namesOf({ partition, account, container, object, timestamp }: Needle): ListedObject {
  return { partition, account, container, object, timestamp };
}

/** @returns undefined where the segment has been recycled, or is damaged: whoever reads the object sees to that. */
async function needleOf(device: Device, { location, timestamp }: IndexedVersion): Promise<Needle | undefined> {
  try {
    const needle = await device.reader.read(location);
    return needle?.timestamp === timestamp ? needle : undefined;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return undefined;
  }
}

async function movedNeedle(device: Device, key: ObjectKey, base: IndexedVersion): Promise<Needle | undefined> {
  const current = await device.index.find(key, base);
  return current && needleOf(device, current);
}
