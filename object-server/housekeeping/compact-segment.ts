import type { Clock } from '../../common/clock.ts';
import { secondsOf } from '../../common/timestamp.ts';
import { type Device, foldersOf, indexedVersionOf, type KeyedNeedle } from '../engine/device.ts';
import { foldVersions } from '../engine/fold.ts';
import { compareVersions } from '../engine/version.ts';
import type { IndexChange, IndexedVersion, ObjectKey } from '../index/contract.ts';
import { MOST_MOVING_BYTES, NEEDLES_PER_STEP } from '../limits.ts';
import type { Location, Needle, SlabWriter } from '../slab/contract.ts';
import { scanSegment } from '../slab/scan-segment.ts';

export interface CompactionDeps {
  device: Device;
  /** The housekeeper's own: what is moved goes there. */
  writer: SlabWriter;
  clock: Clock;
  /** Tombstones younger than this stay: a replica that was away may still bring what they cover. Seconds. */
  reclaimAgeS: number;
  /** Hashes of objects that lost versions since the index was flushed last: their tombstones stay for now. */
  recentlyRemoved: Set<string>;
}

export interface Compacted {
  /** False: there is damage in it, which is kept for whoever wants to look at it. */
  empty: boolean;
  movedBytes: number;
}

/**
 * Moves what is needed out of a sealed segment, and removes the rest from the index, in steps. Each needle is looked at again: counts of
 * dead bytes are hints.
 *
 * A crash anywhere leaves the segment as it is, for it is released only after a checkpoint that covers all of this; needles that were
 * moved are there twice, and the index has one of the places.
 */
export async function* compactSegment(deps: CompactionDeps, segment: number): AsyncGenerator<void, Compacted> {
  const { device } = deps;
  const moving = new Moving(deps.writer);
  const removals: { change: IndexChange; object: ObjectKey }[] = [];
  let empty = true;
  let seen = 0;
  for await (const found of scanSegment(device.disk, foldersOf(device.path).slabs, segment)) {
    seen += 1;
    if (seen % NEEDLES_PER_STEP === 0) yield;
    if (found.found === 'damage') {
      empty = false;
      continue;
    }
    const { needle, location } = found;
    const object = device.keyOf(needle);
    const entry = await device.index.find(object, needle);
    if (entry === undefined || entry.damaged || !isAt(entry, location)) continue;
    if (await isNeeded(deps, object, entry)) await moving.add({ ...needle, listing: undefined, objectKey: object });
    else {
      // The file first: a version without one is dead all the same, and found again; a file without a version would be an orphan.
      if (needle.body.where === 'file') await device.large.remove(needle.body.name);
      removals.push({ object, change: { change: 'remove', object, version: indexedVersionOf(needle, location) } });
    }
  }
  await moving.end();
  // Only now: a tombstone in this very segment has been kept for their sake, and goes in a later round.
  if (removals.length > 0) await device.index.put(removals.map(({ change }) => change));
  for (const { object } of removals) {
    deps.recentlyRemoved.add(object.hash.toString('latin1'));
    device.changed(object);
  }
  return { empty, movedBytes: moving.bytes };
}

/** Whether the fold of the object needs the version, or it is a tombstone that has to stay. */
async function isNeeded(deps: CompactionDeps, object: ObjectKey, version: IndexedVersion): Promise<boolean> {
  const { device, clock, reclaimAgeS, recentlyRemoved } = deps;
  const { base, metadata, contentType } = foldVersions(await device.index.newest(object));
  if (![base, metadata, contentType].some((found) => found !== undefined && isSame(found, version))) return false;
  if (version.kind !== 'tombstone') return true;
  if (secondsOf(version.timestamp) + reclaimAgeS > clock.nowMs() / 1000) return true;
  // No tombstone goes before the data that it covers is gone for good: from the index, and that durably.
  if (recentlyRemoved.has(object.hash.toString('latin1'))) return true;
  return (await device.index.versions(object)).length > 1;
}

function isSame(left: IndexedVersion, right: IndexedVersion): boolean {
  return compareVersions(left, right) === 0;
}

function isAt({ location }: IndexedVersion, { segment, generation, offset }: Location): boolean {
  return location.segment === segment && location.generation === generation && location.offset === offset;
}

/** Copies under way, bounded in bytes. */
class Moving {
  bytes = 0;
  private readonly writer: SlabWriter;
  private underWay: Promise<void>[] = [];
  private bytesUnderWay = 0;

  constructor(writer: SlabWriter) {
    this.writer = writer;
  }

  async add(needle: KeyedNeedle): Promise<void> {
    const sizeBytes = bytesOf(needle);
    this.bytes += sizeBytes;
    this.bytesUnderWay += sizeBytes;
    // Nobody is to be told of it again: the update of the original is settled, or noted.
    const copy = this.writer.append(needle, { belowReserve: true }).then((location) => this.writer.settle(location));
    copy.catch(() => undefined); // met at the end of the round
    this.underWay.push(copy);
    if (this.bytesUnderWay >= MOST_MOVING_BYTES || this.underWay.length >= NEEDLES_PER_STEP) await this.end();
  }

  async end(): Promise<void> {
    const round = this.underWay;
    this.underWay = [];
    this.bytesUnderWay = 0;
    await Promise.all(round);
  }
}

function bytesOf({ body }: Needle): number {
  return body.where === 'inline' ? body.bytes.length : 0;
}
