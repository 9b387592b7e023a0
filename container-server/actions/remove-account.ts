import type { Timestamp } from '../../common/timestamp.ts';
import type { AccountTarget } from '../contract.ts';
import { accountNotFound, olderVersion } from '../errors.ts';
import type { ListingDatabase } from '../store/database.ts';
import { accountKey } from '../store/keys.ts';
import { type AccountRecord, decodeRecord, isLive } from '../store/records.ts';

/** Marks the account removed; its containers are the reaper's. */
export function removeAccount(
  database: ListingDatabase,
  { account }: AccountTarget,
  { timestamp }: { timestamp: Timestamp },
): Promise<void> {
  const key = accountKey(account);
  return database.change(async (view) => {
    const there = decodeRecord<AccountRecord>(await view.get(key));
    if (there === undefined || !isLive(there)) throw accountNotFound(account);
    if (timestamp < there.putTimestamp) throw olderVersion(there.putTimestamp);
    const record: AccountRecord = { ...there, deletedAt: timestamp, metadata: {} };
    view.put(key, JSON.stringify(record));
  });
}
