import type { Timestamp } from '../../common/timestamp.ts';
import type { ContainerTarget, ReplicaAddress } from '../contract.ts';
import { containerNotEmpty, containerNotFound, olderVersion } from '../errors.ts';
import type { ListingDatabase } from '../store/database.ts';
import { markDirty } from '../store/dirty-marks.ts';
import { containerKey } from '../store/keys.ts';
import { type ContainerRecord, decodeRecord, isLive } from '../store/records.ts';

/** The record stays, dead: rows of deleted objects outlive the container, so that nothing replayed fills its next life. */
export function removeContainer(
  database: ListingDatabase,
  { account, container }: ContainerTarget,
  removal: { timestamp: Timestamp; accounts: readonly ReplicaAddress[] },
): Promise<void> {
  const key = containerKey(account, container);
  return database.change(async (view) => {
    const there = decodeRecord<ContainerRecord>(await view.get(key));
    if (there === undefined || !isLive(there)) throw containerNotFound(container);
    if (removal.timestamp < there.putTimestamp) throw olderVersion(there.putTimestamp);
    if (there.objectCount > 0) throw containerNotEmpty(container);
    const record: ContainerRecord = {
      ...there,
      deletedAt: removal.timestamp,
      metadata: {},
      accounts: removal.accounts,
    };
    view.put(key, JSON.stringify(record));
    markDirty(view, account, container);
  });
}
