import { invariant } from '../../common/errors.ts';
import type { Disk } from '../disk/contract.ts';
import { type DeviceShare, SegmentState } from '../engine/shared-state.ts';
import { segmentPath } from './segment-file.ts';
import { readSegmentHeader, writeSegmentHeader } from './segment-header.ts';

export interface ReleaseDeps {
  disk: Disk;
  /** The device's slab folder. */
  folder: string;
  share: DeviceShare;
}

/**
 * Makes a sealed segment free: the next to be used. Only when nothing in it is needed *and* a checkpoint covers what was moved out of it.
 *
 * The header says so first, durably: bytes of a free segment are never scanned again, not even where the checkpoint's note is lost.
 * A crash before that leaves a sealed segment in which nothing lives; compaction finds it again.
 */
export async function releaseSegment({ disk, folder, share }: ReleaseDeps, segment: number): Promise<void> {
  invariant(Atomics.load(share.segments, segment) === SegmentState.sealed, `segment ${segment} is not sealed`);
  const file = await disk.open(segmentPath(folder, segment), { write: true, durable: true });
  try {
    const { header } = await readSegmentHeader(file, segment);
    if (header && header.use !== 'free') await writeSegmentHeader(file, { ...header, use: 'free' }, header);
  } finally {
    await file.close();
  }
  Atomics.store(share.segments, segment, SegmentState.free);
}

/**
 * Gives the space of a free segment back to the file system.
 * @returns false where somebody else has taken it meanwhile.
 */
export async function removeSegment({ disk, folder, share }: ReleaseDeps, segment: number): Promise<boolean> {
  const { free, open, absent } = SegmentState;
  if (Atomics.compareExchange(share.segments, segment, free, open) !== free) return false;
  try {
    await disk.remove(segmentPath(folder, segment));
    await disk.syncFolder(folder);
  } catch (error) {
    Atomics.store(share.segments, segment, SegmentState.sealed); // whether it is there is unknown: nobody may write it
    throw error;
  }
  Atomics.store(share.segments, segment, absent);
  return true;
}
