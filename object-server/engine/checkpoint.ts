import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { Disk } from '../disk/contract.ts';
import type { VersionIndex } from '../index/contract.ts';
import type { SegmentInfo } from '../slab/contract.ts';
import { loadRecord, saveRecord } from './record-file.ts';
import { type DeviceShare, MOST_LANES, unpackPosition } from './shared-state.ts';

const FILE = 'checkpoint';

const note = Type.Object({
  version: Type.Literal(1),
  /** Segments of lanes that are not named below are covered where their generation is smaller. */
  coveredBelow: Type.Integer({ minimum: 0 }),
  /** Lane to the place before which all its needles are covered. */
  lanes: Type.Record(Type.String({ pattern: '^\\d+$' }), Type.Tuple([Type.Integer(), Type.Integer()])),
  /** Greater than any generation that was ever given. */
  nextGeneration: Type.Integer({ minimum: 1 }),
  /** Time of the newest version that is covered, ticks. */
  newestTicks: Type.Integer({ minimum: 0 }),
});

/** What is surely in the index: recovery replays all else. Spec: docs/formats/object-device.md */
export type CheckpointNote = Static<typeof note>;

/** @returns undefined where there is none that can be read: then everything is replayed. */
export async function loadNote(disk: Disk, folder: string): Promise<CheckpointNote | undefined> {
  const record = await loadRecord(disk, folder, FILE);
  return Value.Check(note, record) ? record : undefined;
}

export function saveNote(disk: Disk, folder: string, value: CheckpointNote): Promise<void> {
  return saveRecord(disk, folder, FILE, value);
}

export interface CheckpointDeps {
  disk: Disk;
  /** The device's own. */
  folder: string;
  share: DeviceShare;
  index: VersionIndex;
}

/**
 * Notes how much of the slabs is in the index for good. The order is what makes it true:
 * generations before positions (a lane that begins in between begins at one of the next), positions before the flush (what is before
 * them was put into the index before it), the flush before the note. A crash anywhere leaves the former note, which says less.
 */
export async function takeCheckpoint({ disk, folder, share, index }: CheckpointDeps): Promise<void> {
  const nextGeneration = Number(Atomics.load(share.nextGeneration, 0));
  const lanes: CheckpointNote['lanes'] = {};
  for (let lane = 0; lane < MOST_LANES; lane += 1) {
    const position = Atomics.load(share.settled, lane);
    if (position === 0n) continue;
    const { generation, offset } = unpackPosition(position);
    lanes[lane] = [generation, offset];
  }
  const newestTicks = newestOf(share); // after the positions: a needle that is settled has raised it
  await index.flush();
  await saveNote(disk, folder, { version: 1, coveredBelow: nextGeneration, lanes, nextGeneration, newestTicks });
}

/** @returns the offset from which a segment has to be replayed; undefined where all of it is covered. */
export function replayFrom({ generation, lane }: SegmentInfo, covered: CheckpointNote | undefined): number | undefined {
  if (generation === undefined) return undefined;
  if (covered === undefined) return 0;
  const position = covered.lanes[lane];
  if (position === undefined) return generation < covered.coveredBelow ? undefined : 0;
  const [at, offset] = position;
  if (generation === at) return offset;
  return generation < at ? undefined : 0;
}

/**
 * In halves, for 65,536 big integers are slow. The lower half first: values only grow, so what is raised between the two is read as no
 * less than it was.
 */
function newestOf({ newest }: DeviceShare): number {
  const halves = new Uint32Array(newest.buffer, newest.byteOffset, 2 * newest.length);
  let greatest = 0;
  for (let low = 0; low < halves.length; low += 2) {
    const lower = Atomics.load(halves, low);
    greatest = Math.max(greatest, Atomics.load(halves, low + 1) * 2 ** 32 + lower);
  }
  return greatest;
}
