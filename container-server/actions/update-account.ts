import type { AccountTarget, MetadataUpdate } from '../contract.ts';
import { olderVersion } from '../errors.ts';
import type { ListingDatabase } from '../store/database.ts';
import { accountKey } from '../store/keys.ts';
import { type AccountRecord, decodeRecord, isLive, mergeMetadata, NEVER } from '../store/records.ts';

export function updateAccount(
  database: ListingDatabase,
  { account }: AccountTarget,
  change: MetadataUpdate,
): Promise<{ created: boolean }> {
  const key = accountKey(account);
  return database.change(async (view) => {
    const there = decodeRecord<AccountRecord>(await view.get(key));
    if (there !== undefined && isLive(there)) {
      const record: AccountRecord = { ...there, metadata: mergeMetadata(there.metadata, change) };
      view.put(key, JSON.stringify(record));
      return { created: false };
    }
    const { timestamp } = change;
    if (there !== undefined && timestamp <= there.deletedAt) throw olderVersion(there.deletedAt);
    const record: AccountRecord = {
      v: 1,
      createdAt: timestamp,
      putTimestamp: timestamp,
      deletedAt: there?.deletedAt ?? NEVER,
      metadata: mergeMetadata({}, change),
      policies: there?.policies ?? {},
    };
    view.put(key, JSON.stringify(record));
    return { created: true };
  });
}
