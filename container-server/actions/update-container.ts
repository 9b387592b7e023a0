import type { ContainerTarget, MetadataUpdate } from '../contract.ts';
import { containerNotFound } from '../errors.ts';
import type { ListingDatabase } from '../store/database.ts';
import { containerKey } from '../store/keys.ts';
import { type ContainerRecord, decodeRecord, isLive, mergeMetadata } from '../store/records.ts';

export function updateContainer(
  database: ListingDatabase,
  { account, container }: ContainerTarget,
  change: MetadataUpdate,
): Promise<void> {
  const key = containerKey(account, container);
  return database.change(async (view) => {
    const there = decodeRecord<ContainerRecord>(await view.get(key));
    if (there === undefined || !isLive(there)) throw containerNotFound(container);
    const record: ContainerRecord = { ...there, metadata: mergeMetadata(there.metadata, change) };
    view.put(key, JSON.stringify(record));
  });
}
