import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log.ts';
import { ticksOf } from '../../common/timestamp.ts';
import type { ObjectTarget } from '../contract.ts';
import type { Disk } from '../disk/contract.ts';
import { deviceBusy } from '../errors.ts';
import type { IndexedVersion, ObjectKey, VersionIndex } from '../index/contract.ts';
import type { LargeFiles } from '../large/contract.ts';
import { type LargeFilesMeans, openLargeFiles } from '../large/large-files.ts';
import { FRACTION_OF_DEVICE, LEAST_SEGMENT_BYTES, MOST_WAITING_OPERATIONS } from '../limits.ts';
import type { Location, Needle, SlabReader, SlabWriter } from '../slab/contract.ts';
import { SEGMENT_BYTES } from '../slab/limits.ts';
import { openSlabReader } from '../slab/slab-reader.ts';
import { openSlabWriter } from '../slab/slab-writer.ts';
import { Claims } from './claims.ts';
import { IoLimit } from './io-limit.ts';
import { DELETE_AT } from './live-object.ts';
import { nameSlotOf, objectKeyOf } from './object-key.ts';
import { type DeviceShare, SegmentState } from './shared-state.ts';
import { Space } from './space.ts';
import type { StateCache } from './state-cache.ts';

/** Where things are below a device's folder. */
export function foldersOf(path: string) {
  return {
    slabs: join(path, 'slabs'),
    large: join(path, 'large'),
    index: join(path, 'index'),
    quarantine: join(path, 'quarantine'),
  };
}

export interface DeviceDeps {
  name: string;
  path: string;
  /** Complete: recovery is through. */
  share: DeviceShare;
  lane: number;
  disk: Disk;
  index: VersionIndex;
  /** Keys the hashes of names. */
  nameKey: string;
  segmentBytes: number;
  reservePercent: number;
  ioInFlight: number;
  cache: StateCache;
  large: LargeFilesMeans;
  clock: Clock;
  logger: Logger;
}

/** A needle whose object's key has been made once. */
export interface KeyedNeedle extends Needle {
  objectKey: ObjectKey;
}

/** One disk's folder, as one thread uses it. Threads share the index, the share, and what is durable; each writes slabs of its own. */
export class Device {
  readonly name: string;
  readonly path: string;
  readonly share: DeviceShare;
  readonly disk: Disk;
  readonly index: VersionIndex;
  readonly slabs: SlabWriter;
  readonly reader: SlabReader;
  readonly large: LargeFiles;
  readonly space: Space;
  /** Bounds the reads in flight: a hung disk holds a bounded part of the thread pool. */
  readonly io: IoLimit;
  readonly claims: Claims;
  readonly cache: StateCache;
  readonly logger: Logger;
  private readonly nameKey: string;

  constructor(deps: DeviceDeps) {
    const { name, path, share, disk, index, logger, clock, lane, segmentBytes } = deps;
    const folders = foldersOf(path);
    this.name = name;
    this.path = path;
    this.share = share;
    this.disk = disk;
    this.index = index;
    this.cache = deps.cache;
    this.logger = logger;
    this.nameKey = deps.nameKey;
    this.slabs = this.openWriter(lane, segmentBytes);
    this.reader = openSlabReader({ disk, folder: folders.slabs });
    this.large = openLargeFiles({ ...deps.large, disk, folder: path });
    this.space = new Space({
      disk,
      device: name,
      folder: path,
      clock,
      reservePercent: deps.reservePercent,
      segmentBytes,
      recycledBytes: () => segmentBytes * countSegments(share, SegmentState.free),
    });
    this.io = new IoLimit(deps.ioInFlight, MOST_WAITING_OPERATIONS, () => deviceBusy(name));
    this.claims = new Claims(share, () => deviceBusy(name));
  }

  /** A writer that puts what it has written into the index, and says so to all threads. */
  openWriter(lane: number, segmentBytes: number): SlabWriter {
    const { disk, share, logger, name } = this;
    return openSlabWriter({
      disk,
      folder: foldersOf(this.path).slabs,
      share,
      lane,
      device: name,
      segmentBytes,
      logger,
      indexed: (batch) => this.putIntoIndex(batch),
    });
  }

  keyOf(target: Omit<ObjectTarget, 'device'>): ObjectKey {
    return objectKeyOf(this.nameKey, target);
  }

  /** What the state cache knows the object by. */
  cacheName({ policyIndex, account, container, object }: ObjectTarget): string {
    return `${this.name}/${policyIndex}/${account}/${container}/${object}`;
  }

  /** Bumped after each change of a name in this slot; read it *before* looking up what is to be remembered. */
  changesOf(slot: number): number {
    return Atomics.load(this.share.changes, slot);
  }

  /** Whether a version of this time is newer than all there is of any name in the slot, without a look-up. */
  isNewest(slot: number, timestamp: string): boolean {
    return BigInt(ticksOf(timestamp)) > Atomics.load(this.share.newest, slot);
  }

  /** To be called after any change of the object's entries in the index. */
  changed(object: ObjectKey): void {
    Atomics.add(this.share.changes, nameSlotOf(object), 1);
  }

  async close(): Promise<void> {
    await this.slabs.close();
    await this.reader.close();
    await this.index.close();
  }

  private async putIntoIndex(batch: readonly { needle: Needle; location: Location }[]): Promise<void> {
    const entries = batch.map(({ needle, location }) => {
      const object = 'objectKey' in needle ? (needle as KeyedNeedle).objectKey : this.keyOf(needle);
      return { change: 'put' as const, object, version: indexedVersionOf(needle, location) };
    });
    await this.index.put(entries);
    for (const { object, version } of entries) {
      raise(this.share.newest, nameSlotOf(object), BigInt(ticksOf(version.timestamp)));
      this.changed(object);
    }
  }
}

export function indexedVersionOf(needle: Needle, location: Location): IndexedVersion {
  const { kind, timestamp, tie, contentType, body, metadata } = needle;
  return {
    kind,
    timestamp,
    tie,
    typed: kind === 'metadata' && contentType !== undefined,
    large: body.where === 'file',
    damaged: false,
    lasting: metadata[DELETE_AT] === undefined,
    location,
  };
}

/** Atomic maximum. */
function raise(values: BigInt64Array, place: number, value: bigint): void {
  for (let seen = Atomics.load(values, place); seen < value; ) {
    const found = Atomics.compareExchange(values, place, seen, value);
    if (found === seen) return;
    seen = found;
  }
}

export function countSegments({ segments }: DeviceShare, state: number): number {
  let count = 0;
  for (let segment = segments.indexOf(state); segment >= 0; segment = segments.indexOf(state, segment + 1)) count += 1;
  return count;
}

/** Small devices have small segments: a few that are half empty must not fill them. */
export function segmentBytesFor(totalBytes: number): number {
  const part = Math.floor(totalBytes / FRACTION_OF_DEVICE / LEAST_SEGMENT_BYTES) * LEAST_SEGMENT_BYTES;
  return Math.min(Math.max(part, LEAST_SEGMENT_BYTES), SEGMENT_BYTES);
}
