import type { Clock } from '../../common/clock.ts';
import { secondsOf } from '../../common/timestamp.ts';
import { type Device, foldersOf, type KeyedNeedle } from '../engine/device.ts';
import { foldVersions } from '../engine/fold.ts';
import type { IndexChange, IndexedVersion, ObjectKey, VersionIdentity } from '../index/contract.ts';
import { MOST_MOVING_BYTES, NEEDLES_PER_STEP, REMOVALS_PER_BATCH } from '../limits.ts';
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
  const removals: DeadNeedle[] = [];
  let empty = true;
  let step: FoundNeedle[] = [];
  for await (const found of scanSegment(device.disk, foldersOf(device.path).slabs, segment)) {
    if (found.found === 'damage') {
      empty = false;
      continue;
    }
    step.push({ ...found, object: device.keyOf(found.needle) });
    if (step.length < NEEDLES_PER_STEP) continue;
    removals.push(...(await decide(deps, step, moving)));
    step = [];
    yield;
  }
  removals.push(...(await decide(deps, step, moving)));
  await moving.end();
  // Only now: a tombstone in this very segment has been kept for their sake, and goes in a later round.
  await forget(deps, removals);
  return { empty, movedBytes: moving.bytes };
}

interface FoundNeedle {
  needle: Needle;
  location: Location;
  object: ObjectKey;
}

/** Without its body: many are remembered at once. */
interface DeadNeedle {
  object: ObjectKey;
  version: VersionIdentity;
  location: Location;
  fileName: string | undefined;
}

/** @returns those that can go; the others are being moved. */
async function decide(deps: CompactionDeps, step: readonly FoundNeedle[], moving: Moving): Promise<DeadNeedle[]> {
  const byHash = new Map(step.map(({ object }) => [object.hash.toString('latin1'), object]));
  const looked = await deps.device.index.newestOf([...byHash.values()]);
  const newest = new Map([...byHash.keys()].map((hash, place) => [hash, looked[place] ?? []]));
  const dead: DeadNeedle[] = [];
  for (const found of step) {
    const { needle, location, object } = found;
    const { base, metadata, contentType } = foldVersions(newest.get(object.hash.toString('latin1')) ?? []);
    const entry = [base, metadata, contentType].find((version) => version !== undefined && isVersion(version, needle));
    if (entry === undefined) dead.push(deadOf(found));
    else if (entry.damaged || !isAt(entry, location)) continue;
    else if (entry.kind === 'tombstone' && !(await hasToStay(deps, object, entry))) dead.push(deadOf(found));
    else await moving.add({ ...needle, listing: undefined, objectKey: object });
  }
  return dead;
}

function deadOf({ needle: { kind, timestamp, tie, body }, location, object }: FoundNeedle): DeadNeedle {
  return {
    object,
    version: { kind, timestamp, tie },
    location,
    fileName: body.where === 'file' ? body.name : undefined,
  };
}

/** Of the newest version of its object. */
async function hasToStay(deps: CompactionDeps, object: ObjectKey, tombstone: IndexedVersion): Promise<boolean> {
  const { device, clock, reclaimAgeS, recentlyRemoved } = deps;
  if (secondsOf(tombstone.timestamp) + reclaimAgeS > clock.nowMs() / 1000) return true;
  // No tombstone goes before the data that it covers is gone for good: from the index, and that durably.
  if (recentlyRemoved.has(object.hash.toString('latin1'))) return true;
  return (await device.index.versions(object)).length > 1;
}

/** Removes dead versions whose needles are in this segment, and nowhere else. */
async function forget({ device, recentlyRemoved }: CompactionDeps, removals: readonly DeadNeedle[]): Promise<void> {
  for (let start = 0; start < removals.length; start += REMOVALS_PER_BATCH) {
    const some = removals.slice(start, start + REMOVALS_PER_BATCH);
    const entries = await device.index.findAll(some);
    const changes: IndexChange[] = [];
    for (const [place, { fileName, location, object }] of some.entries()) {
      const version = entries[place];
      if (version === undefined || version.damaged || !isAt(version, location)) continue;
      // The file first: a version without one is dead all the same, and found again; a file without a version would be an orphan.
      if (fileName !== undefined) await device.large.remove(fileName);
      changes.push({ change: 'remove', object, version });
      recentlyRemoved.add(object.hash.toString('latin1'));
    }
    if (changes.length > 0) await device.index.put(changes);
  }
}

function isVersion({ kind, timestamp, tie }: IndexedVersion, needle: Needle): boolean {
  return timestamp === needle.timestamp && kind === needle.kind && tie === needle.tie;
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
