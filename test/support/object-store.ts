import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiError } from '../../common/errors.ts';
import { createLogger } from '../../common/log.ts';
import type { ObjectRow, ObjectUpdate, UpdateOutcome } from '../../container-server/contract.ts';
import type { ObjectServerConfig } from '../../object-server/config.ts';
import type {
  ListingReport,
  NewObject,
  ObjectReading,
  ObjectStore,
  ObjectTarget,
} from '../../object-server/contract.ts';
import { openDeviceShare } from '../../object-server/engine/shared-state.ts';
import { type LocalObjectStore, type ObjectStoreDeps, openObjectStore } from '../../object-server/store.ts';
import { at } from './listing-store.ts';

export const OBJECT_CONFIG: ObjectServerConfig = {
  reserve_percent: 0,
  io_in_flight: 16,
  listing_timeout_ms: 5000,
  update_interval_ms: 3_600_000, // tests send by hand
  checkpoint_interval_ms: 10_000,
  housekeeping_percent: 10,
  compact_percent: 40,
  reclaim_age_s: 604_800,
};

export const LISTING: ListingReport = { ip: '127.0.0.1', port: 6201, device: 'd1', partition: 5 };

/** Container replicas that remember what they were told, and answer as a test wants it. */
export class FakeListings {
  rows: ObjectRow[] = [];
  mode: 'takes' | 'gone' | 'fails' | 'hangs' = 'takes';
  private readonly waiting: (() => void)[] = [];

  async applyObjectUpdates(updates: readonly ObjectUpdate[]): Promise<UpdateOutcome[]> {
    if (this.mode === 'hangs') await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.mode === 'fails') throw new ApiError({ status: 507, code: 'DeviceUnavailable', message: 'no such disk' });
    const outcome = this.mode === 'gone' ? 'gone' : 'listed';
    return updates.map(({ replicas, row }) =>
      replicas.map(() => {
        if (outcome === 'listed') this.rows.push(row);
        return outcome;
      }),
    );
  }

  /** Lets those that hang go on, in the new mode. */
  release(mode: FakeListings['mode']): void {
    this.mode = mode;
    for (const resume of this.waiting.splice(0)) resume();
  }
}

export interface ObjectNode {
  folder: string;
  /** Of the first thread, which is the housekeeper's. */
  store: LocalObjectStore;
  listings: FakeListings;
  clock: { nowMs: () => number };
  /** Another thread's store on the same devices. */
  open(deps?: Partial<ObjectStoreDeps>): Promise<LocalObjectStore>;
  /** Ends all stores in good order, or as a kill would; then the housekeeper of another process opens the devices. */
  restart(how: 'stopped' | 'killed', deps?: Partial<ObjectStoreDeps>): Promise<LocalObjectStore>;
  /** Paths of all files of device `d1`, relative to it. */
  files(): Promise<string[]>;
  remove(): Promise<void>;
}

export async function makeObjectNode(overrides: Partial<ObjectStoreDeps> = {}): Promise<ObjectNode> {
  const folder = await mkdtemp(join(tmpdir(), 'martlet-objects-'));
  const names = ['d1', 'd2'];
  for (const name of names) await mkdir(join(folder, name));
  const listings = new FakeListings();
  const clock = { nowMs: () => 1_700_000_000_000 };
  let opened: LocalObjectStore[] = [];
  let killed: LocalObjectStore[] = [];
  let devices = newDevices();

  function newDevices() {
    return names.map((name) => ({ name, path: join(folder, name), share: openDeviceShare().buffer }));
  }

  async function open(more: Partial<ObjectStoreDeps> = {}): Promise<LocalObjectStore> {
    const store = openObjectStore({
      devices,
      lane: opened.length,
      clock,
      logger: createLogger('silent'),
      config: OBJECT_CONFIG,
      listingStoreAt: () => listings,
      housekeeping: opened.length === 0,
      timers: false,
      segmentBytes: 1 << 20,
      ...overrides,
      ...more,
    });
    opened.push(store);
    await store.start();
    return store;
  }

  return {
    folder,
    store: await open(),
    listings,
    clock,
    open,
    async restart(how, more) {
      if (how === 'stopped') for (const store of opened.toReversed()) await store.stop();
      else killed = [...killed, ...opened];
      opened = [];
      devices = newDevices();
      return open(more);
    },
    files: async () => {
      const entries = await readdir(join(folder, 'd1'), { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, 'd1').length + 1))
        .sort();
    },
    remove: async () => {
      listings.release('fails');
      for (const store of [...opened, ...killed].toReversed()) await store.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export const TARGET: ObjectTarget = {
  device: 'd1',
  partition: 12,
  account: 'AUTH_a',
  container: 'c é',
  object: 'dir/o //ü?#%41',
  policyIndex: 0,
};

export function newObject(ticks: number, more: Partial<NewObject> = {}): NewObject {
  return {
    timestamp: at(ticks),
    contentType: 'text/plain',
    fixedMetadata: {},
    metadata: {},
    onlyIfAbsent: false,
    listing: LISTING,
    ...more,
  };
}

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

export async function put(
  store: ObjectStore,
  target: ObjectTarget,
  ticks: number,
  body: Uint8Array,
  more: Partial<NewObject> = {},
): Promise<void> {
  const upload = await store.create(target, newObject(ticks, more));
  try {
    for (let start = 0; start < body.length; start += 100_000)
      await upload.write(body.subarray(start, start + 100_000));
    await upload.commit({ etag: md5(body), sizeBytes: body.length });
  } catch (error) {
    await upload.abort();
    throw error;
  }
}

export async function read(reading: ObjectReading, start = 0, end = reading.state.sizeBytes): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of reading.body(start, end)) chunks.push(Buffer.from(chunk));
  } finally {
    await reading.close();
  }
  return Buffer.concat(chunks);
}

export async function get(store: ObjectStore, target: ObjectTarget, start?: number, end?: number): Promise<Buffer> {
  return read(await store.open(target), start, end);
}

export async function refusalOf(work: Promise<unknown>): Promise<{ code: string; status: number; details: unknown }> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ApiError)) throw new Error('expected a refusal', { cause: error });
  return { code: error.code, status: error.status, details: error.details };
}
