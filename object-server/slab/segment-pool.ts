import { randomBytes } from 'node:crypto';
import { invariant, systemErrorCode } from '../../common/errors.ts';
import type { Disk, DiskFile } from '../disk/contract.ts';
import { type DeviceShare, SegmentState } from '../engine/shared-state.ts';
import { insufficientStorage, toDeviceError } from '../errors.ts';
import { BLOCK_BYTES, FIRST_ZERO_BYTES, SEGMENT_HEADER_BYTES, SPARE_SEGMENTS } from './limits.ts';
import { isFull, Segment } from './segment.ts';
import { segmentPath } from './segment-file.ts';
import { encodeSegmentHeader, readSegmentHeader, type SegmentHeader, writeSegmentHeader } from './segment-header.ts';

/** Positions pack a generation beside 32 bits of offset into a signed 64-bit integer. */
const MOST_GENERATION = 2 ** 31 - 1;

export interface SegmentPoolDeps {
  disk: Disk;
  /** The device's slab folder; it is there. */
  folder: string;
  share: DeviceShare;
  lane: number;
  /** Name of the device, for errors. */
  device: string;
  segmentBytes: number;
}

/**
 * Where one thread gets its segments from: free ones first, then new files. Threads meet only in the states of the share.
 */
export class SegmentPool {
  private readonly deps: SegmentPoolDeps;

  constructor(deps: SegmentPoolDeps) {
    this.deps = deps;
  }

  /**
   * A segment of a new generation with room for a batch of `batchBytes`.
   * @param spare may take the last free segments, which others leave alone as long as new files can be made.
   * @throws InsufficientStorage, DeviceUnavailable.
   */
  async claim(batchBytes: number, spare: boolean): Promise<Segment> {
    const { share, device } = this.deps;
    const recycled = this.takeFree(spare ? 0 : SPARE_SEGMENTS);
    if (recycled !== undefined) return this.prepare(recycled, batchBytes, false);
    const fresh = take(share.segments, SegmentState.absent);
    if (fresh === undefined) throw insufficientStorage(device);
    return this.prepare(fresh, batchBytes, true);
  }

  /** What was written stays; only the housekeeper touches it from now on. */
  seal({ segment }: Segment): void {
    Atomics.store(this.deps.share.segments, segment, SegmentState.sealed);
  }

  private takeFree(leave: number): number | undefined {
    const { segments } = this.deps.share;
    if (leave > 0) {
      let free = 0;
      let segment = segments.indexOf(SegmentState.free);
      for (; segment >= 0 && free <= leave; segment = segments.indexOf(SegmentState.free, segment + 1)) free += 1;
      if (free <= leave) return undefined;
    }
    return take(segments, SegmentState.free);
  }

  private async prepare(segment: number, batchBytes: number, fresh: boolean): Promise<Segment> {
    const { disk, folder, share, lane, device, segmentBytes } = this.deps;
    const limit = Math.max(segmentBytes, SEGMENT_HEADER_BYTES + batchBytes);
    let file: DiskFile | undefined;
    try {
      const options = { write: true, exclusive: fresh, durable: true, direct: true };
      file = await disk.open(segmentPath(folder, segment), options);
      if (fresh) await disk.syncFolder(folder);
      const generation = Number(Atomics.add(share.nextGeneration, 0, 1n));
      invariant(generation > 0 && generation <= MOST_GENERATION, `generation ${generation} of a segment`);
      const identity = { segment, generation, salt: randomBytes(8).readBigUInt64LE() };
      const zeroedTo = await begin(file, { ...identity, lane, use: 'used' }, Math.min(FIRST_ZERO_BYTES, limit));
      return new Segment(identity, file, zeroedTo, limit);
    } catch (error) {
      await file?.close().catch(() => undefined); // the first error is the one to tell
      Atomics.store(share.segments, segment, await this.stateAfter(error, segment, fresh));
      throw toDeviceError(device, error);
    }
  }

  /** Of a segment that could not be claimed: nobody has written a needle to it. */
  private async stateAfter(error: unknown, segment: number, fresh: boolean): Promise<number> {
    const code = systemErrorCode(error);
    if (!fresh)
      return isFull(error) ? SegmentState.free : code === 'ENOENT' ? SegmentState.absent : SegmentState.sealed;
    if (code === 'EEXIST') return SegmentState.sealed; // not ours: let nobody write it
    try {
      await this.deps.disk.remove(segmentPath(this.deps.folder, segment));
    } catch (removal) {
      if (systemErrorCode(removal) !== 'ENOENT') return SegmentState.sealed;
    }
    return SegmentState.absent;
  }
}

/**
 * Makes the generation of a segment durable: no needle of it is written before.
 * A crash in here leaves a file that holds nothing, the segment as it was, or an empty one of the new generation.
 * @returns up to where its blocks have been written.
 */
async function begin(file: DiskFile, next: Omit<SegmentHeader, 'stamp'>, firstBytes: number): Promise<number> {
  const sizeBytes = await file.sizeBytes();
  if (sizeBytes < SEGMENT_HEADER_BYTES) {
    await file.write([encodeSegmentHeader(next), Buffer.alloc(firstBytes - SEGMENT_HEADER_BYTES)], 0);
    return firstBytes;
  }
  const { header } = await readSegmentHeader(file, next.segment);
  await writeSegmentHeader(file, next, header);
  return sizeBytes - (sizeBytes % BLOCK_BYTES);
}

/** The first segment in a state, now open. */
function take(segments: Int32Array, state: number): number | undefined {
  for (let segment = segments.indexOf(state); segment >= 0; segment = segments.indexOf(state, segment + 1))
    if (Atomics.compareExchange(segments, segment, state, SegmentState.open) === state) return segment;
  return undefined;
}
