import type { Timestamp } from '../../common/timestamp.ts';
import type { ContainerTarget, ReplicaAddress } from '../contract.ts';
import { containerNotEmpty, containerNotFound, olderVersion } from '../errors.ts';
import type { ListingDatabase } from '../store/database.ts';
import { type ContainerRecord, isLive } from '../store/records.ts';

/** The record stays, dead: rows of deleted objects outlive the container, so that nothing replayed fills its next life. */
export function removeContainer(
  database: ListingDatabase,
  { account, container }: ContainerTarget,
  removal: { timestamp: Timestamp; accounts: readonly ReplicaAddress[] },
): Promise<void> {
  return database.change(async (view) => {
    const there = await view.container(account, container);
    if (there === undefined || !isLive(there)) throw containerNotFound(container);
    if (removal.timestamp < there.putTimestamp) throw olderVersion(there.putTimestamp);
    if (there.objectCount > 0) throw containerNotEmpty(container);
    const record: ContainerRecord = {
      ...there,
      deletedAt: removal.timestamp,
      metadata: {},
      accounts: removal.accounts,
    };
    view.putContainer(account, container, record);
    view.markDirty(account, container);
  });
}
