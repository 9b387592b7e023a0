import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { createLogger } from '../../common/log.ts';
import type { ContainerServerConfig } from '../../container-server/config.ts';
import { type ListingPage, type ListingStore, type ObjectRow, rowsOfChunk } from '../../container-server/contract.ts';
import { type ListingStoreDeps, type LocalListingStore, openListingStore } from '../../container-server/store.ts';

export const LISTING_CONFIG: ContainerServerConfig = {
  reclaim_age_s: 604_800,
  report_interval_ms: 60_000, // tests report by hand
  report_timeout_ms: 1000,
};

export interface ListingNode {
  folder: string;
  store: LocalListingStore;
  /** Devices `d1` and `d2`; reports to accounts come back to this very store. */
  reopen(deps?: Partial<ListingStoreDeps>): Promise<LocalListingStore>;
  remove(): Promise<void>;
}

export async function makeListingNode(overrides: Partial<ListingStoreDeps> = {}): Promise<ListingNode> {
  const folder = await mkdtemp(join(tmpdir(), 'martlet-listings-'));
  const clock: Clock = { nowMs: () => 1_700_000_000_000 };
  const devices = ['d1', 'd2'].map((name) => ({ name, path: join(folder, name) }));
  for (const { path } of devices) await mkdir(path);
  const open = async (more: Partial<ListingStoreDeps>): Promise<LocalListingStore> => {
    const store: LocalListingStore = await openListingStore({
      devices,
      clock,
      logger: createLogger('silent'),
      config: LISTING_CONFIG,
      listingStoreAt: () => store,
      ...overrides,
      ...more,
    });
    return store;
  };
  const node: ListingNode = {
    folder,
    store: await open({}),
    reopen: async (more = {}) => {
      await node.store.stop();
      node.store = await open(more);
      return node.store;
    },
    remove: async () => {
      await node.store.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return node;
}

/** A timestamp `ticks` ticks of 10 µs after a moment in 2023. */
export function at(ticks: number): string {
  return `1700000000.${String(ticks).padStart(5, '0')}`;
}

export function liveRow(name: string, timestamp: string, sizeBytes = 1, etag = 'a'.repeat(32)): ObjectRow {
  return {
    name,
    deleted: false,
    timestamp,
    contentType: 'text/plain',
    contentTypeTimestamp: timestamp,
    metadataTimestamp: timestamp,
    etag,
    sizeBytes,
  };
}

export const WHOLE = {
  limit: 10_000,
  prefix: '',
  delimiter: '',
  marker: '',
  endMarker: '',
  reverse: false,
} as const;

export function rowsIn<T>({ chunks }: ListingPage): T[] {
  return chunks.flatMap(rowsOfChunk).map((row) => JSON.parse(row) as T);
}

export async function namesIn(
  store: ListingStore,
  target: { device: string; partition: number; account: string; container: string },
  query: Partial<Parameters<ListingStore['listObjects']>[1]> = {},
): Promise<string[]> {
  const page = await store.listObjects(target, { ...WHOLE, ...query });
  return rowsIn<{ name?: string; subdir?: string }>(page).map(({ name, subdir }) => name ?? `${subdir} (subdir)`);
}
