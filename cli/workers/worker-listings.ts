import type { ContainerTarget, ListingStore, TakenUpdates, UpdateOutcome } from '../../container-server/contract.ts';
import { packUpdates, unpackOutcomes } from '../../container-server/packed-updates.ts';
import type { ListingReads } from '../../container-server/reader.ts';
import type { TakenRows } from '../../container-server/taken-rows.ts';
import type { WrittenWatch } from '../../container-server/written-watch.ts';
import type { ListingWrites } from './contract.ts';

export interface WorkerListingsDeps {
  reads: ListingReads;
  writes: ListingWrites;
  taken: TakenRows;
  written: WrittenWatch;
}

/** This node's listings as a data worker has them: it reads them itself, and the main thread, the only writer, writes. */
export function workerListings({ reads, writes, taken, written }: WorkerListingsDeps): ListingStore {
  const allWritten = async ({ device, account, container }: ContainerTarget) => {
    if (taken.isUnwritten(account, container)) await writes.writeTaken(device);
  };
  return {
    accountInfo: (...args) => reads.accountInfo(...args),
    listContainers: (...args) => reads.listContainers(...args),
    containerInfo: async (target) => {
      await allWritten(target);
      return reads.containerInfo(target);
    },
    listObjects: async (target, query) => {
      await allWritten(target);
      return reads.listObjects(target, query);
    },
    updateAccount: (...args) => writes.updateAccount(...args),
    removeAccount: (...args) => writes.removeAccount(...args),
    applyContainerRows: (...args) => writes.applyContainerRows(...args),
    createContainer: (...args) => writes.createContainer(...args),
    updateContainer: (...args) => writes.updateContainer(...args),
    removeContainer: (...args) => writes.removeContainer(...args),
    applyObjectRows: (...args) => writes.applyObjectRows(...args),
    applyObjectUpdates: async (updates) =>
      unpackOutcomes<UpdateOutcome[number]>(await writes.applyPackedUpdates(packUpdates(updates)), updates),
    takeObjectUpdates: async (updates) => {
      const { ticket, outcomes } = await writes.takePackedUpdates(packUpdates(updates));
      return {
        outcomes: unpackOutcomes<TakenUpdates['outcomes'][number][number]>(outcomes, updates),
        whenWritten: (device, then) => written.watch(device, ticket, then),
      };
    },
  };
}
