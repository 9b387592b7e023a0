import type { Device } from '../engine/device.ts';
import { foldVersions } from '../engine/fold.ts';
import type { IndexChange, IndexedVersion, ObjectKey, ScannedVersion } from '../index/contract.ts';
import { VERSIONS_PER_SURVEY_STEP } from '../limits.ts';

/** Bytes of needles that the fold of some object needs, by segment and generation. */
export type LiveBytes = Map<string, number>;

export function placeOf({ segment, generation }: { segment: number; generation: number }): string {
  return `${segment}/${generation}`;
}

/** Removes the body file of a version that is dead for good. */
export type RemoveDeadFile = (key: ObjectKey, version: IndexedVersion) => Promise<void>;

/**
 * Walks through the whole index, in steps: counts what is alive in which segment, has the files of dead versions removed, and forgets
 * damaged versions that have been superseded. Writers go on meanwhile: the counts are hints, for compaction looks again.
 */
export async function* surveyDevice(device: Device, removeDeadFile: RemoveDeadFile): AsyncGenerator<void, LiveBytes> {
  const live: LiveBytes = new Map();
  let after: Buffer | undefined;
  let group: ScannedVersion[] = [];
  for (;;) {
    const step = await device.index.scan(after, VERSIONS_PER_SURVEY_STEP);
    for (const found of step) {
      const [first] = group;
      if (first !== undefined && !isSameObject(first.object, found.object)) {
        await surveyObject(device, group, live, removeDeadFile);
        group = [];
      }
      group.push(found);
    }
    const last = step.at(-1);
    if (last === undefined) break;
    after = last.key;
    yield;
  }
  await surveyObject(device, group, live, removeDeadFile);
  return live;
}

async function surveyObject(
  device: Device,
  group: readonly ScannedVersion[],
  live: LiveBytes,
  removeDeadFile: RemoveDeadFile,
): Promise<void> {
  const [first] = group;
  if (first === undefined) return;
  const { object } = first;
  const { base, metadata, contentType, obsolete } = foldVersions(group.map(({ version }) => version));
  for (const version of new Set([base, metadata, contentType])) {
    if (version === undefined || version.damaged) continue;
    const place = placeOf(version.location);
    live.set(place, (live.get(place) ?? 0) + version.location.lengthBytes);
  }
  const forgotten: IndexChange[] = [];
  for (const version of obsolete) {
    if (version.large) await removeDeadFile(object, version);
    // What it hid has been superseded too; its needle is not to be found by compaction.
    if (version.damaged) forgotten.push({ change: 'remove', object, version });
  }
  if (forgotten.length > 0) await device.index.put(forgotten);
}

function isSameObject(left: ObjectKey, right: ObjectKey): boolean {
  return left.hash.equals(right.hash) && left.partition === right.partition && left.policyIndex === right.policyIndex;
}
