import { setImmediate as nextTurn } from 'node:timers/promises';
import { invariant } from '../../common/errors.ts';
import type { Logger } from '../../common/log.ts';
import type { Disk } from '../disk/contract.ts';
import type { DeviceShare } from '../engine/shared-state.ts';
import { deviceBusy, deviceUnavailable, toDeviceError } from '../errors.ts';
import { BatchLayout, paddedBatch } from './batch.ts';
import type { IndexBatch, Location, Needle, SlabWriter } from './contract.ts';
import {
  MOST_BATCH_BYTES,
  MOST_GATHERING_TURNS,
  MOST_WAITING_BYTES,
  MOST_WAITING_NEEDLES,
  SEGMENT_BYTES,
} from './limits.ts';
import { alignNeedle, type EncodedNeedle, encodeNeedle } from './needle.ts';
import { isFull, type Segment } from './segment.ts';
import { SegmentPool } from './segment-pool.ts';
import { SettledPositions } from './settled-positions.ts';

export interface SlabWriterDeps {
  disk: Disk;
  /** The device's slab folder; it is there. */
  folder: string;
  share: DeviceShare;
  /** No other writer of the device has it. */
  lane: number;
  /** Name of the device, for errors. */
  device: string;
  /** Is called for one batch after the other, in the order of their positions, without waiting for the former. */
  indexed: IndexBatch;
  logger: Logger;
  /** SEGMENT_BYTES unless told. */
  segmentBytes?: number;
}

interface Waiting {
  needle: Needle;
  encoded: EncodedNeedle;
  spare: boolean;
  resolve(location: Location): void;
  reject(error: unknown): void;
}

interface Batch {
  waiting: Waiting[];
  locations: Location[];
  generation: number;
  offset: number;
}

/**
 * A writer of one thread on one device. The share must be complete (recovery is through): what this lane wrote before counts as settled.
 * Opens its first segment with the first needle.
 */
export function openSlabWriter(deps: SlabWriterDeps): SlabWriter {
  return new GroupWriter(deps);
}

/** Group commit: one batch is being written, the next one gathers meanwhile. */
class GroupWriter implements SlabWriter {
  private readonly deps: SlabWriterDeps;
  private readonly pool: SegmentPool;
  private readonly settled: SettledPositions;
  private readonly layout = new BatchLayout();
  private segment: Segment | undefined;
  private waiting: Waiting[] = [];
  private waitingBytes = 0;
  private running = false;
  private closed = false;
  /** Batches that are written and not yet indexed. */
  private indexing = 0;
  private whenIdle: (() => void)[] = [];

  constructor(deps: SlabWriterDeps) {
    this.deps = deps;
    this.pool = new SegmentPool({ ...deps, segmentBytes: deps.segmentBytes ?? SEGMENT_BYTES });
    this.settled = new SettledPositions(
      deps.share.settled,
      deps.lane,
      Number(Atomics.load(deps.share.nextGeneration, 0)),
    );
  }

  append(needle: Needle, options?: { belowReserve?: boolean }): Promise<Location> {
    if (this.closed) return Promise.reject(deviceUnavailable(this.deps.device));
    if (this.waiting.length >= MOST_WAITING_NEEDLES || this.waitingBytes >= MOST_WAITING_BYTES)
      return Promise.reject(deviceBusy(this.deps.device));
    return new Promise((resolve, reject) => {
      const encoded = encodeNeedle(needle);
      this.waitingBytes += encoded.lengthBytes;
      this.waiting.push({ needle, encoded, spare: options?.belowReserve ?? false, resolve, reject });
      if (this.running) return;
      this.running = true;
      void this.run();
    });
  }

  settle(location: Location): void {
    this.settled.settle(location);
  }

  async idle(): Promise<void> {
    while (this.running || this.indexing > 0)
      await new Promise<void>((resolve) => {
        this.whenIdle.push(resolve);
      });
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.idle();
    await this.retire();
  }

  /** Writes batch after batch until nobody waits. Never rejects. */
  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      await this.gather();
      const { segment } = this;
      const picked = segment ? this.pick(segment) : NOTHING;
      if (!segment || picked.count === 0 || !segment.isReadyFor(paddedBatch(picked.sizeBytes))) {
        await this.makeRoom(segment, picked);
        continue;
      }
      const batch = this.take(segment, picked);
      try {
        await this.write(segment, batch, picked.sizeBytes);
        this.index(batch); // which goes on while the next one gathers and is written
      } catch (error) {
        await this.fail(segment, batch, error);
      }
    }
    this.running = false;
    this.tellIdle();
  }

  /** Waits for as long as each turn of the event loop brings more, within bounds: who is alone waits for one turn. */
  private async gather(): Promise<void> {
    let gathered = 0;
    for (let turns = 0; turns < MOST_GATHERING_TURNS && this.waitingBytes < MOST_BATCH_BYTES; turns += 1) {
      if (this.waiting.length === gathered) return;
      gathered = this.waiting.length;
      await nextTurn();
    }
  }

  /** How many of those that wait fit into the next batch. */
  private pick(segment: Segment): Picked {
    const most = Math.min(MOST_BATCH_BYTES, segment.roomBytes);
    let sizeBytes = 0;
    let count = 0;
    for (const { encoded } of this.waiting) {
      const end = alignNeedle(sizeBytes) + encoded.lengthBytes;
      if (paddedBatch(end) > (count === 0 ? segment.roomBytes : most)) break;
      sizeBytes = end;
      count += 1;
    }
    return { count, sizeBytes };
  }

  private async makeRoom(segment: Segment | undefined, picked: Picked): Promise<void> {
    try {
      if (segment && picked.count > 0) await segment.zeroFor(paddedBatch(picked.sizeBytes));
      else await this.nextSegment();
    } catch (error) {
      if (segment && picked.count > 0 && isFull(error)) return; // the segment ends here: perhaps fewer fit
      if (segment && picked.count > 0) await this.retire();
      this.refuse(error);
    }
  }

  /** Only then is the former one sealed: small needles may still fit where there is no other. */
  private async nextSegment(): Promise<void> {
    const [first] = this.waiting;
    invariant(first, 'a segment for nobody');
    const next = await this.pool.claim(paddedBatch(first.encoded.lengthBytes), first.spare);
    await this.retire();
    this.segment = next;
  }

  /** There is no space for the first: nor for the others, but for those that may take what is spared. */
  private refuse(error: unknown): void {
    const spare = this.waiting[0]?.spare;
    const refused = this.waiting.filter((each) => each.spare === spare);
    this.waiting = this.waiting.filter((each) => each.spare !== spare);
    const cause = toDeviceError(this.deps.device, error);
    for (const { encoded, reject } of refused) {
      this.waitingBytes -= encoded.lengthBytes;
      reject(cause);
    }
  }

  private take(segment: Segment, { count }: Picked): Batch {
    const { segment: number, generation, nextOffset } = segment;
    const waiting = this.waiting.splice(0, count);
    let offset = nextOffset;
    const locations = waiting.map(({ encoded: { lengthBytes } }) => {
      const location = { segment: number, generation, offset, lengthBytes };
      offset = alignNeedle(offset + lengthBytes);
      this.waitingBytes -= lengthBytes;
      return location;
    });
    return { waiting, locations, generation, offset: nextOffset };
  }

  private async write(segment: Segment, { waiting, locations, offset }: Batch, batchBytes: number): Promise<void> {
    const place = {
      segment: segment.segment,
      generation: segment.generation,
      salt: segment.salt,
      batchOffset: offset,
      batchBytes,
    };
    const parts = this.layout.lay(
      waiting.map((each) => each.encoded),
      locations.map((location) => location.offset),
      place,
    );
    // Before the write: a checkpoint that is made meanwhile must not pass it.
    this.settled.began(segment.generation, offset, offset + paddedBatch(batchBytes), locations);
    try {
      await segment.write(parts, paddedBatch(batchBytes));
    } finally {
      this.layout.done();
    }
  }

  /** Nothing may be assumed about the bytes: the segment is never continued, so that its scan can tell a torn tail from damage. */
  private async fail(segment: Segment, batch: Batch, error: unknown): Promise<void> {
    this.deps.logger.error(
      { err: error, device: this.deps.device, segment: segment.segment },
      'a batch was not written',
    );
    await this.retire();
    this.settled.settleBatch(batch.generation, batch.offset); // after a crash it may be found, or not: its callers were told neither
    const cause = toDeviceError(this.deps.device, error);
    for (const { reject } of batch.waiting) reject(cause);
  }

  private index(batch: Batch): void {
    const { waiting, locations } = batch;
    this.indexing += 1;
    this.put(waiting, locations).then(
      () => {
        this.indexing -= 1;
        for (const [index, { resolve }] of waiting.entries()) {
          const location = locations[index];
          if (location) resolve(location);
        }
        this.tellIdle();
      },
      (error: unknown) => {
        this.indexing -= 1;
        this.settled.settleBatch(batch.generation, batch.offset); // nobody else can: nobody is told where they are
        for (const { reject } of waiting) reject(error);
        this.tellIdle();
      },
    );
  }

  private async put(waiting: readonly Waiting[], locations: readonly Location[]): Promise<void> {
    const placed = waiting.flatMap(({ needle }, index) => {
      const location = locations[index];
      return location ? [{ needle, location }] : [];
    });
    await this.deps.indexed(placed);
  }

  private async retire(): Promise<void> {
    const { segment } = this;
    if (!segment) return;
    this.segment = undefined;
    this.pool.seal(segment);
    await segment.close().catch((error: unknown) => {
      this.deps.logger.warn({ err: error, segment: segment.segment }, 'a segment could not be closed');
    });
  }

  private tellIdle(): void {
    if (this.running || this.indexing > 0) return;
    for (const resolve of this.whenIdle.splice(0)) resolve();
  }
}

/** The first needles that wait, and their bytes up to the end of the last. */
interface Picked {
  count: number;
  sizeBytes: number;
}

const NOTHING: Picked = { count: 0, sizeBytes: 0 };
