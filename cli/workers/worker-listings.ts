import type { ListingStore } from '../../container-server/contract.ts';
import { packUpdates, unpackOutcomes } from '../../container-server/packed-updates.ts';
import type { ListingReads } from '../../container-server/reader.ts';
import type { ListingWrites } from './contract.ts';

/** This node's listings as a data worker has them: it reads them itself, and the main thread, the only writer, writes. */
export function workerListings(reads: ListingReads, writes: ListingWrites): ListingStore {
  return {
    accountInfo: (...args) => reads.accountInfo(...args),
    listContainers: (...args) => reads.listContainers(...args),
    containerInfo: (...args) => reads.containerInfo(...args),
    listObjects: (...args) => reads.listObjects(...args),
    updateAccount: (...args) => writes.updateAccount(...args),
    removeAccount: (...args) => writes.removeAccount(...args),
    applyContainerRows: (...args) => writes.applyContainerRows(...args),
    createContainer: (...args) => writes.createContainer(...args),
    updateContainer: (...args) => writes.updateContainer(...args),
    removeContainer: (...args) => writes.removeContainer(...args),
    applyObjectRows: (...args) => writes.applyObjectRows(...args),
    applyObjectUpdates: async (updates) =>
      unpackOutcomes(await writes.applyPackedUpdates(packUpdates(updates)), updates),
  };
}
