import type { ContainerCreation, ContainerTarget } from '../contract.ts';
import { olderVersion, policyConflict } from '../errors.ts';
import type { ListingDatabase } from '../store/database.ts';
import { type ContainerRecord, isLive, latest, mergeMetadata, NEVER } from '../store/records.ts';

/** A container that comes back begins a new life: without its old metadata, and with the policy asked for now. */
export function createContainer(
  database: ListingDatabase,
  { account, container }: ContainerTarget,
  creation: ContainerCreation,
): Promise<{ created: boolean }> {
  const { timestamp, policyIndex, defaultPolicyIndex, accounts } = creation;
  return database.change(async (view) => {
    const there = await view.container(account, container);
    if (there !== undefined && isLive(there)) {
      if (policyIndex !== undefined && policyIndex !== there.policyIndex) throw policyConflict(there.policyIndex);
      const record: ContainerRecord = {
        ...there,
        putTimestamp: latest(there.putTimestamp, timestamp),
        metadata: mergeMetadata(there.metadata, creation),
        accounts,
      };
      view.putContainer(account, container, record);
      view.markDirty(account, container);
      return { created: false };
    }
    if (there !== undefined && timestamp <= there.deletedAt) throw olderVersion(there.deletedAt);
    const record: ContainerRecord = {
      v: 1,
      createdAt: timestamp,
      putTimestamp: timestamp,
      deletedAt: there?.deletedAt ?? NEVER,
      policyIndex: policyIndex ?? defaultPolicyIndex,
      objectCount: 0,
      bytesUsed: 0,
      newestDeletion: there?.newestDeletion ?? NEVER,
      metadata: mergeMetadata({}, creation),
      accounts,
    };
    view.putContainer(account, container, record);
    view.markDirty(account, container);
    return { created: true };
  });
}
