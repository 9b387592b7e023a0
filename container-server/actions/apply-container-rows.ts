import { invariant } from '../../common/errors.ts';
import type { AccountTarget, ContainerRow } from '../contract.ts';
import { accountNotFound } from '../errors.ts';
import { MOST_ROWS_PER_CALL } from '../limits.ts';
import { type ContainerRowState, countsOfContainerRow, mergeContainerRow } from '../store/container-rows.ts';
import type { ListingDatabase } from '../store/database.ts';
import { accountKey, containerRowKey, deletedContainerRowKey } from '../store/keys.ts';
import { type AccountRecord, decodeRecord, isLive, NEVER } from '../store/records.ts';

/** An account comes into being with its first container; one that was removed only by a container put after that. */
export function applyContainerRows(
  database: ListingDatabase,
  { account }: AccountTarget,
  rows: readonly ContainerRow[],
): Promise<void> {
  invariant(rows.length <= MOST_ROWS_PER_CALL, `${rows.length} rows in one call`);
  const key = accountKey(account);
  return database.change(async (view) => {
    const record = revived(decodeRecord<AccountRecord>(await view.get(key)), account, rows);
    for (const row of rows) {
      const liveKey = containerRowKey(account, row.name);
      const deletedKey = deletedContainerRowKey(account, row.name);
      const [live, deletedAt] = await view.getMany([liveKey, deletedKey]);
      const next = mergeContainerRow({ live, deletedAt }, row);
      if (next.live !== live) {
        count(record, { live, deletedAt }, -1);
        count(record, next, 1);
        if (next.live === undefined) view.remove(liveKey);
        else view.put(liveKey, next.live);
      }
      if (next.deletedAt !== deletedAt && next.deletedAt !== undefined) view.put(deletedKey, next.deletedAt);
    }
    if (record !== undefined) view.put(key, JSON.stringify(record));
  });
}

/** @returns undefined where there is no account and no row says that a container lives: deletions are remembered all the same. @throws AccountNotFound. */
function revived(
  there: AccountRecord | undefined,
  account: string,
  rows: readonly ContainerRow[],
): AccountRecord | undefined {
  if (there !== undefined && isLive(there)) return there;
  let newestPut = NEVER;
  for (const { putTimestamp, deleteTimestamp } of rows)
    if (putTimestamp > deleteTimestamp && putTimestamp > newestPut) newestPut = putTimestamp;
  if (there !== undefined) {
    if (newestPut <= there.deletedAt) throw accountNotFound(account);
    return { ...there, createdAt: newestPut, putTimestamp: newestPut };
  }
  if (newestPut === NEVER) return undefined;
  return { v: 1, createdAt: newestPut, putTimestamp: newestPut, deletedAt: NEVER, metadata: {}, policies: {} };
}

function count(record: AccountRecord | undefined, { live }: ContainerRowState, sign: 1 | -1): void {
  if (live === undefined) return;
  invariant(record !== undefined, 'a live container without an account');
  const { policyIndex, objectCount, bytesUsed } = countsOfContainerRow(live);
  const [containers, objects, bytes] = record.policies[policyIndex] ?? [0, 0, 0];
  invariant(containers + sign >= 0, 'an account counts less than no containers');
  record.policies[policyIndex] = [containers + sign, objects + sign * objectCount, bytes + sign * bytesUsed];
  if (containers + sign === 0) delete record.policies[policyIndex];
}
