import type { ObjectState, ObjectTarget } from '../contract.ts';
import { deviceBusy } from '../errors.ts';
import type { IndexedVersion, ObjectKey } from '../index/contract.ts';
import { MOST_LOOKUPS } from '../limits.ts';
import type { Location, Needle } from '../slab/contract.ts';
import { CorruptNeedleError } from '../slab/corrupt-needle.ts';
import { FEWEST_DIRECT_BYTES } from '../slab/limits.ts';
import { isDamage } from './damage.ts';
import { type Device, indexedVersionOf, type KeyedNeedle } from './device.ts';
import { type Fold, foldVersions } from './fold.ts';
import { DELETE_AT, type LiveObject } from './live-object.ts';
import { nameSlotOf } from './object-key.ts';
import { setAside } from './quarantine.ts';

export interface FoundObject {
  key: ObjectKey;
  fold: Fold<IndexedVersion>;
  /** Undefined where the fold is a tombstone, nothing, or known to be damaged. */
  live: LiveObject | undefined;
  /** Of the data, where it has just been read. */
  needle: Needle | undefined;
}

/** What is remembered of a live object, if nothing of its name has changed since. */
export function recallObject(device: Device, target: ObjectTarget): LiveObject | undefined {
  const live = device.cache.get(device.cacheName(target));
  if (live === undefined || live.changes !== device.changesOf(live.slot) || live.partition !== target.partition)
    return undefined;
  return live;
}

/**
 * Looks an object up and reads its state. A needle that is moved or recycled meanwhile is looked up again.
 *
 * @throws CorruptObject, after setting the damaged version aside.
 */
export async function findObject(device: Device, target: ObjectTarget): Promise<FoundObject> {
  const known = recallObject(device, target);
  if (known !== undefined) return { key: known.key, fold: known.fold, live: known, needle: undefined };
  const key = device.keyOf(target);
  for (let lookup = 1; lookup <= MOST_LOOKUPS; lookup += 1) {
    const found = await readObject(device, target, key);
    if (found !== undefined) return found;
  }
  throw deviceBusy(device.name);
}

/** @returns undefined where a needle was not where the index had it: look again. */
async function readObject(device: Device, target: ObjectTarget, key: ObjectKey): Promise<FoundObject | undefined> {
  const slot = nameSlotOf(key);
  const changes = device.changesOf(slot);
  const fold = foldVersions(await device.index.newest(key));
  const { base, metadata, contentType } = fold;
  if (base?.kind !== 'data' || base.damaged) return { key, fold, live: undefined, needle: undefined };
  const read = (version: IndexedVersion | undefined) =>
    version === undefined || version.damaged ? NOTHING : readVersion(device, target, key, version);
  const [data, posted, typed] = await Promise.all([
    read(base),
    read(metadata),
    contentType === metadata ? NOTHING : read(contentType),
  ]);
  const isComplete =
    data !== undefined &&
    (posted !== undefined || metadata === undefined || metadata.damaged) &&
    (typed !== undefined || contentType === metadata || contentType === undefined || contentType.damaged);
  if (!isComplete) return undefined;
  const state = stateOf(data, posted, typed ?? (contentType === metadata ? posted : undefined));
  const live: LiveObject = {
    key,
    slot,
    changes,
    partition: target.partition,
    fold,
    base,
    state,
    deleteAtMs: deleteAtMsOf(state),
    fileName: data.body.where === 'file' ? data.body.name : undefined,
    isCold: false,
  };
  device.cache.set(device.cacheName(target), live);
  return { key, fold, live, needle: data };
}

/** Of a version that was just written, and is all that there is of its object since `changes`. */
export function rememberData(
  device: Device,
  target: ObjectTarget,
  needle: KeyedNeedle,
  location: Location,
  changes: number,
): void {
  const base = indexedVersionOf(needle, location);
  const state = stateOf(needle, undefined, undefined);
  device.cache.set(device.cacheName(target), {
    key: needle.objectKey,
    slot: nameSlotOf(needle.objectKey),
    changes,
    partition: target.partition,
    fold: { base, metadata: undefined, contentType: undefined, obsolete: [] },
    base,
    state,
    deleteAtMs: deleteAtMsOf(state),
    fileName: needle.body.where === 'file' ? needle.body.name : undefined,
    isCold: location.lengthBytes >= FEWEST_DIRECT_BYTES,
  });
}

const NOTHING = Promise.resolve(undefined);

/**
 * One version's needle, verified to be that version of that object.
 * @returns undefined where it is somewhere else by now, or gone.
 * @throws CorruptObject, after setting it aside; the disk's own errors, which set nothing aside.
 */
export async function readVersion(
  device: Device,
  target: ObjectTarget,
  key: ObjectKey,
  version: IndexedVersion,
): Promise<Needle | undefined> {
  let problem: unknown;
  try {
    const needle = await device.io.run(() => device.reader.read(version.location));
    if (needle !== undefined && isVersionOf(needle, target, version)) return needle;
    problem = new CorruptNeedleError(
      needle === undefined
        ? 'the segment has been recycled under a needle'
        : 'the needle belongs to another object or version',
    );
  } catch (error) {
    if (!isDamage(error)) throw error;
    problem = error;
  }
  await setAside(device, target, key, version, problem);
  return undefined;
}

function isVersionOf(needle: Needle, target: ObjectTarget, version: IndexedVersion): boolean {
  return (
    needle.object === target.object &&
    needle.container === target.container &&
    needle.account === target.account &&
    needle.timestamp === version.timestamp &&
    needle.kind === version.kind &&
    needle.tie === version.tie
  );
}

/** @param posted the newest metadata after the data. @param typed the newest such that carries a content type. */
function stateOf(data: Needle, posted: Needle | undefined, typed: Needle | undefined): ObjectState {
  return {
    timestamp: posted?.timestamp ?? data.timestamp,
    dataTimestamp: data.timestamp,
    metadataTimestamp: posted?.timestamp ?? data.timestamp,
    contentType: typed?.contentType ?? data.contentType ?? '',
    contentTypeTimestamp: typed?.contentType === undefined ? data.timestamp : typed.timestamp,
    etag: data.etag,
    sizeBytes: data.sizeBytes,
    fixedMetadata: data.fixedMetadata,
    metadata: posted?.metadata ?? data.metadata,
  };
}

function deleteAtMsOf({ metadata }: ObjectState): number {
  const deleteAt = metadata[DELETE_AT];
  return deleteAt === undefined ? Number.POSITIVE_INFINITY : Number(deleteAt) * 1000;
}

/** Past its `X-Delete-At`: as good as not there, until the expirer removes it. */
export function isExpired({ deleteAtMs }: LiveObject, nowMs: number): boolean {
  return deleteAtMs <= nowMs;
}
