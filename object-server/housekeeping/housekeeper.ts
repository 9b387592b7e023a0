import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log.ts';
import type { ObjectServerConfig } from '../config.ts';
import { takeCheckpoint } from '../engine/checkpoint.ts';
import { isDamage, isUnreadable } from '../engine/damage.ts';
import { countSegments, type Device, foldersOf } from '../engine/device.ts';
import { HOUSEKEEPER_LANE, SegmentState, unpackPosition } from '../engine/shared-state.ts';
import { holdSpareSpace, releaseSpareIfShort } from '../engine/spare-file.ts';
import { insufficientStorage } from '../errors.ts';
import type { IndexedVersion, ObjectKey } from '../index/contract.ts';
import {
  CHECKPOINT_BYTES,
  HOUSEKEEPING_PERCENT_WHEN_LOW,
  LEAST_FREE_SEGMENTS,
  MOST_FREE_PART,
  MOST_REMEMBERED_DEAD_FILES,
  MOST_SEGMENTS_PER_ROUND,
  SPARE_BYTES,
  SURVEY_PAUSE_FACTOR,
  SURVEY_PAUSE_MS,
} from '../limits.ts';
import type { SegmentInfo, SlabWriter } from '../slab/contract.ts';
import { listSegments } from '../slab/list-segments.ts';
import { releaseSegment, removeSegment } from '../slab/release-segment.ts';
import { compactSegment } from './compact-segment.ts';
import { LargeOrphans } from './large-orphans.ts';
import { type LiveBytes, placeOf, surveyDevice } from './survey.ts';

export interface HousekeeperDeps {
  device: Device;
  segmentBytes: number;
  config: ObjectServerConfig;
  clock: Clock;
  logger: Logger;
}

/**
 * Keeps one device in order, on one thread of the process: checkpoints, compaction, recycling, files of dead versions. Only it removes
 * or releases what lanes have written. Does a little at each `tick`.
 */
export class Housekeeper {
  private readonly deps: HousekeeperDeps;
  private readonly writer: SlabWriter;
  private readonly orphans: LargeOrphans;
  /** One thing at a time. */
  private running: Promise<void> = Promise.resolve();
  private busy = false;
  private stopped = false;
  private work: AsyncGenerator<void> | undefined;
  private checkpointAtMs = Number.NEGATIVE_INFINITY;
  private surveyDueAtMs = Number.NEGATIVE_INFINITY;
  private coveredPositions = '';
  private surveyedPositions = '';
  private surveyStartedMs = 0;
  private hasSpare = false;
  private readonly recentlyRemoved = new Set<string>();
  /** Places of dead versions whose files have been removed. */
  private readonly deadFiles = new Set<string>();
  /** Segments with damage in them: they are left as they are. */
  private readonly kept = new Set<number>();

  constructor(deps: HousekeeperDeps) {
    this.deps = deps;
    this.writer = deps.device.openWriter(HOUSEKEEPER_LANE, deps.segmentBytes);
    this.orphans = new LargeOrphans(deps.device, deps.clock);
  }

  /** A little of what is due. Never rejects. @param periodMs what this device has of the time until the next one. */
  tick(periodMs: number): Promise<void> {
    if (this.busy || this.stopped) return this.running;
    return this.alone(async () => {
      // A disk that fails here fails everybody, who say so; this need not be said each second.
      await this.mindSpareSpace().catch(() => undefined);
      await this.checkpointIfDue();
      await this.goOn(periodMs);
    }).catch((error: unknown) =>
      this.deps.logger.error({ err: error, device: this.deps.device.name }, 'housekeeping met an error'),
    );
  }

  /** All that can be done, at once: surveys, compacts every segment that has enough dead bytes, and releases them. */
  housekeep(): Promise<void> {
    return this.alone(async () => {
      await this.dropWork();
      for await (const _step of this.round());
    });
  }

  checkpoint(): Promise<void> {
    return this.alone(() => this.takeCheckpoint());
  }

  /** Ends what runs, notes what is covered. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.alone(async () => {
      await this.dropWork();
      await this.writer.close();
      await this.takeCheckpoint();
    });
  }

  private alone(work: () => Promise<void>): Promise<void> {
    const turn = this.running
      .catch(() => undefined)
      .then(async () => {
        this.busy = true;
        try {
          await work();
        } finally {
          this.busy = false;
        }
      });
    this.running = turn.catch(() => undefined);
    return turn;
  }

  /** Given up before the index needs it, for that does not ask; taken again once there is room. */
  private async mindSpareSpace(): Promise<void> {
    const { disk, path, space } = this.deps.device;
    const freeBytes = await releaseSpareIfShort(disk, path);
    if (freeBytes < SPARE_BYTES) this.hasSpare = false;
    // Devices on which nothing was ever written need none.
    else if (!this.hasSpare && this.coveredPositions !== '' && freeBytes >= MUCH_SPACE && !(await space.isLow())) {
      await holdSpareSpace(disk, path);
      this.hasSpare = true;
    }
  }

  private async checkpointIfDue(): Promise<void> {
    const { clock, config } = this.deps;
    if (clock.nowMs() - this.checkpointAtMs < config.checkpoint_interval_ms) return;
    if (this.positions() === this.coveredPositions) return;
    await this.takeCheckpoint();
  }

  private async takeCheckpoint(): Promise<void> {
    const { disk, path, share, index } = this.deps.device;
    const positions = this.positions();
    const neededBytes = (await index.bytesToFlush()) + CHECKPOINT_BYTES;
    if (neededBytes > CHECKPOINT_BYTES && (await releaseSpareIfShort(disk, path, neededBytes)) < neededBytes)
      throw insufficientStorage(this.deps.device.name); // and the index goes on as it is
    await takeCheckpoint({ disk, folder: path, share, index });
    this.recentlyRemoved.clear(); // their removal is durable
    this.coveredPositions = positions;
    this.checkpointAtMs = this.deps.clock.nowMs();
  }

  /** Moves whenever something was written and settled. */
  private positions(): string {
    return this.deps.device.share.settled.join();
  }

  private async goOn(periodMs: number): Promise<void> {
    const { clock, config, device } = this.deps;
    const startedMs = clock.nowMs();
    if (this.work === undefined && !(await this.isRoundDue())) return;
    const least = (await device.space.isLow()) ? HOUSEKEEPING_PERCENT_WHEN_LOW : 0;
    const budgetMs = (periodMs * Math.max(config.housekeeping_percent, least)) / 100;
    this.work ??= this.round();
    for (;;) {
      const { done } = await this.work.next();
      if (done) {
        this.work = undefined;
        return;
      }
      if (clock.nowMs() - startedMs >= budgetMs || this.stopped) return;
    }
  }

  private async isRoundDue(): Promise<boolean> {
    const nowMs = this.deps.clock.nowMs();
    if (this.positions() === this.surveyedPositions) return false;
    return nowMs >= this.surveyDueAtMs || (await this.deps.device.space.isLow());
  }

  private async dropWork(): Promise<void> {
    const work = this.work;
    this.work = undefined;
    await work?.return(undefined);
  }

  private async *round(): AsyncGenerator<void> {
    const { device, clock, config } = this.deps;
    this.surveyStartedMs = clock.nowMs();
    this.surveyedPositions = this.positions();
    const before = await this.sealedSegments(); // what is sealed later is not counted to its end
    const live = yield* surveyDevice(device, (key, version) => this.removeDeadFile(key, version));
    const isLow = await device.space.isLow();
    const leastDead = isLow ? Math.min(config.compact_percent, LEAST_DEAD_WHEN_LOW) : config.compact_percent;
    const candidates = this.candidates(before, live, leastDead);
    const compacted: number[] = [];
    for (const { segment } of candidates) {
      if (yield* this.compact(segment)) compacted.push(segment);
      if (compacted.length >= MOST_SEGMENTS_PER_ROUND) await this.release(compacted.splice(0));
      yield;
    }
    await this.release(compacted);
    await this.shrink(isLow);
    yield* this.orphans.sweep();
    const tookMs = clock.nowMs() - this.surveyStartedMs;
    this.surveyDueAtMs = clock.nowMs() + Math.max(SURVEY_PAUSE_MS, SURVEY_PAUSE_FACTOR * tookMs);
  }

  /** @returns whether nothing is needed in it any more. */
  private async *compact(segment: number): AsyncGenerator<void, boolean> {
    const { device, clock, config, logger } = this.deps;
    const { reclaim_age_s: reclaimAgeS } = config;
    const { recentlyRemoved, writer } = this;
    try {
      const { empty, movedBytes } = yield* compactSegment(
        { device, writer, clock, reclaimAgeS, recentlyRemoved },
        segment,
      );
      logger.debug({ device: device.name, segment, movedBytes, empty }, 'a segment is compacted');
      if (!empty) this.kept.add(segment);
      return empty;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      // It stays as it is until a later round; the others need not wait for it.
      logger.error({ err: error, device: device.name, segment }, 'a segment cannot be read, and is not compacted');
      return false;
    }
  }

  /** Only after a checkpoint covers what was moved out of them. A crash between the two leaves sealed segments in which nothing lives. */
  private async release(segments: readonly number[]): Promise<void> {
    if (segments.length === 0) return;
    await this.takeCheckpoint();
    const { disk, path, share } = this.deps.device;
    for (const segment of segments) await releaseSegment({ disk, folder: foldersOf(path).slabs, share }, segment);
  }

  /** Gives free segments beyond a bound back to the file system. */
  private async shrink(isLow: boolean): Promise<void> {
    const { disk, path, share } = this.deps.device;
    const used = countSegments(share, SegmentState.sealed) + countSegments(share, SegmentState.open);
    const keep = isLow ? LEAST_FREE_SEGMENTS : Math.max(LEAST_FREE_SEGMENTS, Math.ceil(used * MOST_FREE_PART));
    let excess = countSegments(share, SegmentState.free) - keep;
    const { segments } = share;
    for (let end = segments.length; end > 0 && excess > 0; ) {
      const segment = segments.lastIndexOf(SegmentState.free, end - 1);
      if (segment < 0) return;
      if (await removeSegment({ disk, folder: foldersOf(path).slabs, share }, segment)) excess -= 1;
      end = segment;
    }
  }

  /** Sealed, readable, and with no needle that is still to be settled. */
  private async sealedSegments(): Promise<SegmentInfo[]> {
    const { disk, path, share } = this.deps.device;
    const segments = await listSegments(disk, foldersOf(path).slabs);
    return segments.filter(({ segment, generation, lane }) => {
      if (generation === undefined || this.kept.has(segment)) return false;
      if (Atomics.load(share.segments, segment) !== SegmentState.sealed) return false;
      const position = Atomics.load(share.settled, lane);
      return position === 0n || unpackPosition(position).generation > generation;
    });
  }

  /** The emptiest first. */
  private candidates(sealed: readonly SegmentInfo[], live: LiveBytes, leastDeadPercent: number): SegmentInfo[] {
    return sealed
      .map((info) => {
        const liveBytes = live.get(placeOf({ segment: info.segment, generation: info.generation ?? 0 })) ?? 0;
        return { info, livePart: liveBytes / Math.max(1, info.sizeBytes) };
      })
      .filter(({ livePart }) => livePart * 100 <= 100 - leastDeadPercent)
      .sort((left, right) => left.livePart - right.livePart)
      .map(({ info }) => info);
  }

  /**
   * The version is dead for good, for what supersedes it is durable: its file can go before its entry does. A crash in between leaves
   * a dead version without a file.
   */
  private async removeDeadFile(key: ObjectKey, version: IndexedVersion): Promise<void> {
    const { device, logger } = this.deps;
    const place = `${placeOf(version.location)}/${version.location.offset}`;
    if (this.deadFiles.has(place)) return;
    try {
      const needle = await device.reader.read(version.location);
      if (needle?.body.where === 'file') await device.large.remove(needle.body.name);
    } catch (error) {
      if (isUnreadable(error)) return; // the next survey tries again
      if (!isDamage(error)) throw error;
      logger.warn({ err: error, hash: key.hash.toString('hex') }, 'the file of a dead version is not known any more');
    }
    if (this.deadFiles.size >= MOST_REMEMBERED_DEAD_FILES) this.deadFiles.clear();
    this.deadFiles.add(place);
  }
}

/** Bytes: what is kept aside must not be what is missed a moment later. */
const MUCH_SPACE = 4 * SPARE_BYTES;
/** Percent. */
const LEAST_DEAD_WHEN_LOW = 5;
