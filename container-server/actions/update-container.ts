import type { ContainerTarget, MetadataUpdate } from '../contract.ts';
import { containerNotFound } from '../errors.ts';
import type { ListingDatabase } from '../store/database.ts';
import { type ContainerRecord, isLive, mergeMetadata } from '../store/records.ts';

export function updateContainer(
  database: ListingDatabase,
  { account, container }: ContainerTarget,
  change: MetadataUpdate,
): Promise<void> {
  return database.change(async (view) => {
    const there = await view.container(account, container);
    if (there === undefined || !isLive(there)) throw containerNotFound(container);
    const record: ContainerRecord = { ...there, metadata: mergeMetadata(there.metadata, change) };
    view.putContainer(account, container, record);
  });
}
