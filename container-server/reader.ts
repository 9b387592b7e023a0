import { join } from 'node:path';
import { Level } from 'level';
import type { Logger } from '../common/log.ts';
import { accountInfo, containerInfo, listContainers, listObjects } from './actions/read-listing.ts';
import type { ListingStore } from './contract.ts';
import { deviceUnavailable } from './errors.ts';
import { LISTING_OPTIONS } from './store/database.ts';
import { PageMemory } from './store/page-memory.ts';

/** What can be asked of listings without changing them. */
export type ListingReads = Pick<ListingStore, 'accountInfo' | 'listContainers' | 'containerInfo' | 'listObjects'>;

export interface ListingReader extends ListingReads {
  close(): Promise<void>;
}

export interface ListingReaderDeps {
  /** This node's devices, by the very paths that the writer opened them by: threads share a database by its path. */
  devices: readonly { name: string; path: string }[];
  logger: Logger;
}

/**
 * Reads the listings that another thread of this process writes: what was acknowledged there is seen here. To be opened after the
 * writer. A device whose listings cannot be opened is logged, and answers `DeviceUnavailable`.
 */
export async function openListingReader({ devices, logger }: ListingReaderDeps): Promise<ListingReader> {
  const memory = new PageMemory();
  const databases = new Map<string, Level<string, string>>();
  await Promise.all(
    devices.map(async ({ name, path }) => {
      const db = new Level<string, string>(join(path, 'listings'), { ...LISTING_OPTIONS, createIfMissing: false });
      try {
        await db.open();
        databases.set(name, db);
      } catch (error) {
        logger.error({ err: error, device: name }, 'the listings of a device cannot be read');
      }
    }),
  );
  const find = ({ device }: { device: string }): Level<string, string> => {
    const found = databases.get(device);
    if (found === undefined) throw deviceUnavailable(device);
    return found;
  };
  return {
    accountInfo: async (target) => accountInfo(find(target), target),
    listContainers: async (target, query) => listContainers(find(target), target, query, memory),
    containerInfo: async (target) => containerInfo(find(target), target),
    listObjects: async (target, query) => listObjects(find(target), target, query, memory),
    close: async () => {
      await Promise.all([...databases.values()].map((db) => db.close()));
    },
  };
}
