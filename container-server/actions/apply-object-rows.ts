import { invariant } from '../../common/errors.ts';
import type { ContainerTarget, ObjectRow } from '../contract.ts';
import { containerNotFound } from '../errors.ts';
import { MOST_ROWS_PER_CALL } from '../limits.ts';
import type { ListingDatabase, View } from '../store/database.ts';
import { markDirty } from '../store/dirty-marks.ts';
import { containerKey, deletedObjectRowKey, objectRowKey } from '../store/keys.ts';
import { bytesOfObjectRow, mergeObjectRow, type RowState } from '../store/object-rows.ts';
import { type ContainerRecord, decodeRecord, isLive } from '../store/records.ts';

/** Rows and the container's counters change in one batch. */
export function applyObjectRows(
  database: ListingDatabase,
  { account, container }: ContainerTarget,
  rows: readonly ObjectRow[],
): Promise<void> {
  invariant(rows.length <= MOST_ROWS_PER_CALL, `${rows.length} rows in one call`);
  const key = containerKey(account, container);
  return database.change(async (view) => {
    const record = decodeRecord<ContainerRecord>(await view.get(key));
    if (record === undefined || !isLive(record)) throw containerNotFound(container);
    const states = await readStates(view, account, container, rows);
    const before = { objectCount: record.objectCount, bytesUsed: record.bytesUsed };
    for (const row of rows) {
      const liveKey = objectRowKey(account, container, row.name);
      const there = states.get(row.name) ?? { live: undefined, deletedAt: undefined };
      const next = mergeObjectRow(there, row);
      states.set(row.name, next);
      if (next.live !== there.live) {
        count(record, there, -1);
        count(record, next, 1);
        if (next.live === undefined) view.remove(liveKey);
        else view.put(liveKey, next.live);
      }
      if (next.deletedAt !== there.deletedAt && next.deletedAt !== undefined)
        view.put(deletedObjectRowKey(account, container, row.name), next.deletedAt);
    }
    invariant(record.objectCount >= 0 && record.bytesUsed >= 0, 'a container counts less than nothing');
    if (record.objectCount === before.objectCount && record.bytesUsed === before.bytesUsed) return;
    view.put(key, JSON.stringify(record));
    markDirty(view, account, container);
  });
}

async function readStates(view: View, account: string, container: string, rows: readonly ObjectRow[]) {
  const names = [...new Set(rows.map(({ name }) => name))];
  const stored = await view.getMany([
    ...names.map((name) => objectRowKey(account, container, name)),
    ...names.map((name) => deletedObjectRowKey(account, container, name)),
  ]);
  return new Map<string, RowState>(
    names.map((name, index) => [name, { live: stored[index], deletedAt: stored[names.length + index] }]),
  );
}

function count(record: ContainerRecord, { live }: RowState, sign: 1 | -1): void {
  if (live === undefined) return;
  record.objectCount += sign;
  record.bytesUsed += sign * bytesOfObjectRow(live);
}
