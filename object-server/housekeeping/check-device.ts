import { join } from 'node:path';
import type { Logger } from '../../common/log.ts';
import { timestampFromTicks } from '../../common/timestamp.ts';
import { bodySeed } from '../contract.ts';
import type { Disk } from '../disk/contract.ts';
import { nodeDisk } from '../disk/node-disk.ts';
import { loadNote, replayFrom } from '../engine/checkpoint.ts';
import { isDamage, isUnreadable } from '../engine/damage.ts';
import { foldersOf, indexedVersionOf } from '../engine/device.ts';
import { foldVersions } from '../engine/fold.ts';
import { parseLargeLabel } from '../engine/large-label.ts';
import { loadLayout } from '../engine/layout.ts';
import { objectKeyOf } from '../engine/object-key.ts';
import { recoverDevice } from '../engine/recovery.ts';
import { openDeviceShare } from '../engine/shared-state.ts';
import { compareVersions } from '../engine/version.ts';
import type { IndexedVersion, ObjectKey, ScannedVersion, VersionIndex } from '../index/contract.ts';
import { openLevelIndex } from '../index/level-index.ts';
import type { LargeFiles } from '../large/contract.ts';
import { labelOf, openLargeFiles } from '../large/large-files.ts';
import { LARGE_FILES_PER_STEP, MOST_REPORTED_PROBLEMS, READ_ATTEMPTS, VERSIONS_PER_SURVEY_STEP } from '../limits.ts';
import type { Location, Needle, Scanned, SegmentInfo, SlabReader } from '../slab/contract.ts';
import { listSegments } from '../slab/list-segments.ts';
import { scanSegment } from '../slab/scan-segment.ts';
import { openSlabReader } from '../slab/slab-reader.ts';

export interface CheckOptions {
  /** Mends what can be mended, after recovering what a crash left; else nothing is changed but LevelDB's own files. */
  repair: boolean;
  logger: Logger;
  disk?: Disk;
  openIndex?: (folder: string) => Promise<VersionIndex>;
}

export interface DeviceCheck {
  segments: number;
  needles: number;
  versions: number;
  /** Files of large bodies. */
  largeFiles: number;
  /** Listing updates that wait to be sent. */
  pending: number;
  /** Versions that were known to be damaged before. */
  damaged: number;
  /** The first of them, at most MOST_REPORTED_PROBLEMS. */
  problems: DeviceProblem[];
  problemCount: number;
}

interface DeviceProblem {
  kind: ProblemKind;
  /** Where, and of what: for people. */
  what: string;
  repaired: boolean;
}

/**
 * - `damaged-header`: a segment whose header cannot be read; what it held is lost.
 * - `damaged-bytes`: part of a segment that is not what was written.
 * - `missing-entry`: a needle that the object needs and the index does not have. Repair: it is put there.
 * - `damaged-version`: the index has it, and no sound needle or body is where it says, or the disk does not give it back. Repair: it is
 *   marked as damaged.
 * - `sound-version`: it is marked as damaged, and all its bytes are what was written. Repair: the mark goes.
 * - `orphan-body`: a large body without a version. Repair: it is removed.
 */
type ProblemKind =
  | 'damaged-header'
  | 'damaged-bytes'
  | 'missing-entry'
  | 'damaged-version'
  | 'sound-version'
  | 'orphan-body';

/**
 * Holds the slabs, the large files and the index of one device against each other. Only while no process has the device open.
 *
 * @param path the device's folder.
 * @throws where the device cannot be read at all, was laid out for another version, or is open elsewhere (IndexError).
 */
export async function checkDevice(path: string, options: CheckOptions): Promise<DeviceCheck> {
  const { disk = nodeDisk, openIndex = openLevelIndex, repair, logger } = options;
  const layout = await loadLayout(disk, path);
  if (layout === undefined) throw new Error(`${path} is no device of this Martlet`);
  const { nameKey } = layout;
  const index = await openIndex(foldersOf(path).index);
  const reader = openSlabReader({ disk, folder: foldersOf(path).slabs });
  const large = openLargeFiles({ disk, folder: path });
  try {
    if (repair) await recoverDevice({ disk, name: path, path, share: openDeviceShare(), index, nameKey, logger });
    const check = new Check({ disk, path, nameKey, index, reader, large, repair });
    await check.run();
    if (repair) await index.flush();
    return check.result;
  } finally {
    await reader.close();
    await index.close();
  }
}

interface CheckDeps {
  disk: Disk;
  path: string;
  nameKey: string;
  index: VersionIndex;
  reader: SlabReader;
  large: LargeFiles;
  repair: boolean;
}

class Check {
  readonly result: DeviceCheck = {
    segments: 0,
    needles: 0,
    versions: 0,
    largeFiles: 0,
    pending: 0,
    damaged: 0,
    problems: [],
    problemCount: 0,
  };
  private readonly deps: CheckDeps;

  constructor(deps: CheckDeps) {
    this.deps = deps;
  }

  async run(): Promise<void> {
    const { disk, path, index } = this.deps;
    const note = index.fresh ? undefined : await loadNote(disk, path);
    for (const info of await listSegments(disk, foldersOf(path).slabs)) {
      this.result.segments += 1;
      if (info.headerDamaged) this.report('damaged-header', `segment ${info.segment}`, false);
      if (info.generation !== undefined) await this.checkSegment(info, replayFrom(info, note));
    }
    await this.checkEntries();
    await this.checkBodies();
    await this.countPending();
  }

  /** @param uncovered from where on the next start replays it. */
  private async checkSegment(info: SegmentInfo, uncovered: number | undefined): Promise<void> {
    const missing = new Map<string, { object: ObjectKey; versions: IndexedVersion[] }>();
    let referenced = false;
    let step: { needle: Needle; location: Location; object: ObjectKey }[] = [];
    const flush = async () => {
      const wanted = step.map(({ needle, object }) => ({ object, version: needle }));
      const entries = await this.deps.index.findAll(wanted);
      for (const [place, { needle, location, object }] of step.entries()) {
        const entry = entries[place];
        if (entry !== undefined) referenced ||= isAt(entry, location);
        else if (needle.kind !== 'tombstone') {
          const hash = object.hash.toString('latin1');
          const known = missing.get(hash)?.versions ?? [];
          missing.set(hash, { object, versions: [...known, indexedVersionOf(needle, location)] });
        }
      }
      step = [];
    };
    const { nameKey } = this.deps;
    for await (const found of this.scan(info.segment)) {
      if (found.found === 'damage') {
        const { offset, lengthBytes } = found;
        this.report('damaged-bytes', `segment ${info.segment}, ${lengthBytes} bytes at ${offset}`, false);
        continue;
      }
      this.result.needles += 1;
      if (uncovered !== undefined && found.location.offset >= uncovered) continue;
      // Of the body nothing is needed here: not to hold on to it.
      const needle: Needle = found.needle.body.where === 'inline' ? { ...found.needle, body: NO_BODY } : found.needle;
      step.push({ needle, location: found.location, object: objectKeyOf(nameKey, needle) });
      if (step.length >= VERSIONS_PER_SURVEY_STEP) await flush();
    }
    await flush();
    // Compaction takes away all entries of a segment; a kill before its release leaves one like that, and that is no loss.
    if (referenced) for (const { object, versions } of missing.values()) await this.checkMissing(object, versions);
  }

  private async *scan(segment: number): AsyncGenerator<Scanned> {
    const { disk, path } = this.deps;
    try {
      yield* scanSegment(disk, foldersOf(path).slabs, segment);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      this.report('damaged-bytes', `segment ${segment} cannot be read to its end: ${messageOf(error)}`, false);
    }
  }

  private async checkMissing(object: ObjectKey, missing: readonly IndexedVersion[]): Promise<void> {
    const { index, repair } = this.deps;
    const { base, metadata, contentType } = foldVersions([...(await index.versions(object)), ...missing]);
    for (const version of missing) {
      if (![base, metadata, contentType].includes(version)) continue;
      if (repair) await index.put([{ change: 'put', object, version }]);
      this.report('missing-entry', describe(object, version), repair);
    }
  }

  private async checkEntries(): Promise<void> {
    const { index } = this.deps;
    let after: Buffer | undefined;
    let group: ScannedVersion[] = [];
    for (;;) {
      const step = await index.scan(after, VERSIONS_PER_SURVEY_STEP);
      for (const found of step) {
        const [first] = group;
        if (first !== undefined && !first.object.hash.equals(found.object.hash)) {
          await this.checkObject(group);
          group = [];
        }
        group.push(found);
      }
      const last = step.at(-1);
      if (last === undefined) break;
      after = last.key;
    }
    await this.checkObject(group);
  }

  /** Versions that the object does not need any more are not looked at: their files may be gone. */
  private async checkObject(group: readonly ScannedVersion[]): Promise<void> {
    this.result.versions += group.length;
    const { base, metadata, contentType } = foldVersions(group.map(({ version }) => version));
    for (const version of new Set([base, metadata, contentType])) {
      const object = group[0]?.object;
      if (version === undefined || object === undefined) continue;
      if (version.damaged) this.result.damaged += 1;
      const problem = await this.problemOf(object, version);
      if ((problem !== undefined) === version.damaged) continue;
      const { index, repair } = this.deps;
      if (repair) await index.put([{ change: 'put', object, version: { ...version, damaged: problem !== undefined } }]);
      if (problem === undefined) this.report('sound-version', describe(object, version), repair);
      else this.report('damaged-version', `${describe(object, version)}: ${problem}`, repair);
    }
  }

  /** What is wrong with a version; undefined: it is sound. What cannot be read is tried again before it counts. */
  private async problemOf(object: ObjectKey, version: IndexedVersion): Promise<string | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.damageOf(object, version);
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        if (attempt >= READ_ATTEMPTS) return messageOf(error);
      }
    }
  }

  private async damageOf(object: ObjectKey, version: IndexedVersion): Promise<string | undefined> {
    const { reader, large, nameKey } = this.deps;
    try {
      const needle = await reader.read(version.location);
      if (needle === undefined) return 'its segment has been used again';
      const key = objectKeyOf(nameKey, needle);
      if (!key.hash.equals(object.hash) || compareVersions(indexedVersionOf(needle, version.location), version) !== 0)
        return 'another needle is in its place';
      if (needle.body.where !== 'file') return undefined;
      const body = await large.open(needle.body.name, bodySeed(needle, needle.timestamp), needle.sizeBytes);
      try {
        for await (const _verified of body.read(0, needle.sizeBytes));
      } finally {
        await body.close();
      }
      return undefined;
    } catch (error) {
      if (!isDamage(error)) throw error;
      return messageOf(error);
    }
  }

  private async checkBodies(): Promise<void> {
    const { large, repair } = this.deps;
    let after = '';
    for (;;) {
      const names = await large.list(after, LARGE_FILES_PER_STEP);
      for (const name of names) {
        this.result.largeFiles += 1;
        if (await this.hasVersion(name)) continue;
        if (repair) await large.remove(name);
        this.report('orphan-body', name, repair);
      }
      const last = names.at(-1);
      if (last === undefined) return;
      after = last;
    }
  }

  private async hasVersion(name: string): Promise<boolean> {
    const label = parseLargeLabel(labelOf(name) ?? '');
    if (label === undefined) return true;
    const timestamp = timestampFromTicks(label.ticks);
    const versions = await this.deps.index.versions(label.key);
    return versions.some((version) => version.large && version.timestamp === timestamp);
  }

  private async countPending(): Promise<void> {
    let after: Buffer | undefined;
    do {
      const step = await this.deps.index.pending(after, VERSIONS_PER_SURVEY_STEP);
      this.result.pending += step.length;
      after = step.at(-1)?.key;
    } while (after !== undefined);
  }

  private report(kind: ProblemKind, what: string, repaired: boolean): void {
    this.result.problemCount += 1;
    if (this.result.problems.length < MOST_REPORTED_PROBLEMS) this.result.problems.push({ kind, what, repaired });
  }
}

const NO_BODY = { where: 'inline', bytes: new Uint8Array(0), checksum: 0n } as const;

function isAt({ location }: IndexedVersion, { segment, generation, offset }: Location): boolean {
  return location.segment === segment && location.generation === generation && location.offset === offset;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function describe({ policyIndex, partition, hash }: ObjectKey, { kind, timestamp, location }: IndexedVersion): string {
  const place = join(String(policyIndex), String(partition), hash.toString('hex'));
  return `${kind} of ${timestamp} of ${place} in segment ${location.segment} at ${location.offset}`;
}
