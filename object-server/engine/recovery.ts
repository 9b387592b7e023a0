import type { Logger } from '../../common/log.ts';
import { ticksOf } from '../../common/timestamp.ts';
import type { Disk } from '../disk/contract.ts';
import type { IndexChange, VersionIndex } from '../index/contract.ts';
import { REPLAY_BATCH } from '../limits.ts';
import type { SegmentInfo } from '../slab/contract.ts';
import { listSegments } from '../slab/list-segments.ts';
import { scanSegment } from '../slab/scan-segment.ts';
import { isFull } from '../slab/segment.ts';
import { type CheckpointNote, loadNote, replayFrom, saveNote } from './checkpoint.ts';
import { foldersOf, indexedVersionOf } from './device.ts';
import { objectKeyOf } from './object-key.ts';
import { type DeviceShare, SegmentState } from './shared-state.ts';

export interface RecoveryDeps {
  disk: Disk;
  name: string;
  path: string;
  share: DeviceShare;
  index: VersionIndex;
  nameKey: string;
  logger: Logger;
}

export interface Recovered {
  needles: number;
  damages: number;
}

/**
 * Makes the index whole again: puts into it every needle that the last checkpoint does not cover, whatever it says already, and fills
 * the share. Before any other thread opens the device.
 *
 * A crash in the middle leaves the former note, and an index that has some of these entries already: putting them twice is harmless.
 */
export async function recoverDevice(deps: RecoveryDeps): Promise<Recovered> {
  const { disk, path, share, index, logger, name } = deps;
  const note = await loadNote(disk, path);
  const covered = index.fresh ? undefined : note;
  const segments = await listSegments(disk, foldersOf(path).slabs);
  const replay = new Replay(deps);
  let nextGeneration = Math.max(1, note?.nextGeneration ?? 1);
  // A needle that was moved is found twice if all is replayed: the copy, which is of a later generation, wins.
  for (const info of segments.sort((left, right) => (left.generation ?? 0) - (right.generation ?? 0))) {
    nextGeneration = Math.max(nextGeneration, info.latestGeneration + 1);
    Atomics.store(share.segments, info.segment, stateOf(info));
    if (info.headerDamaged) logger.error({ device: name, segment: info.segment }, 'the header of a segment is damaged');
    const from = replayFrom(info, covered);
    if (from !== undefined) await replay.segment(info.segment, from);
  }
  await replay.finish();
  const newestTicks = Math.max(covered?.newestTicks ?? 0, replay.newestTicks);
  share.newest.fill(BigInt(newestTicks));
  Atomics.store(share.nextGeneration, 0, BigInt(nextGeneration));
  const fresh: CheckpointNote = { version: 1, coveredBelow: nextGeneration, lanes: {}, nextGeneration, newestTicks };
  await index.flush(); // before the note that relies on it
  try {
    await saveNote(disk, path, fresh);
  } catch (error) {
    if (!isFull(error)) throw error;
    // The former note says less, and nothing that is wrong: deletions must be possible on a full disk, to make room for the next one.
    logger.warn({ err: error, device: name }, 'the disk is too full to note that a device is recovered');
  }
  const { needles, damages } = replay;
  if (needles > 0 || damages > 0) logger.info({ device: name, needles, damages }, 'a device is recovered');
  return { needles, damages };
}

/** What a crash left half written is never continued. */
function stateOf({ generation, headerDamaged }: SegmentInfo): number {
  return generation === undefined && !headerDamaged ? SegmentState.free : SegmentState.sealed;
}

class Replay {
  needles = 0;
  damages = 0;
  newestTicks = 0;
  private readonly deps: RecoveryDeps;
  private changes: IndexChange[] = [];

  constructor(deps: RecoveryDeps) {
    this.deps = deps;
  }

  async segment(segment: number, from: number): Promise<void> {
    const { disk, path, nameKey, logger, name } = this.deps;
    for await (const found of scanSegment(disk, foldersOf(path).slabs, segment, from)) {
      if (found.found === 'damage') {
        this.damages += 1;
        logger.error({ device: name, segment, ...found }, 'bytes of a slab are damaged');
        continue;
      }
      const { needle, location } = found;
      const object = objectKeyOf(nameKey, needle);
      const version = indexedVersionOf(needle, location);
      this.needles += 1;
      this.newestTicks = Math.max(this.newestTicks, ticksOf(needle.timestamp));
      this.changes.push({ change: 'put', object, version });
      if (needle.listing) this.changes.push({ change: 'put-pending', object, version, listing: needle.listing });
      if (this.changes.length >= REPLAY_BATCH) await this.finish();
    }
  }

  async finish(): Promise<void> {
    const changes = this.changes;
    this.changes = [];
    if (changes.length > 0) await this.deps.index.put(changes);
  }
}
