import { invariant } from '../../common/errors.ts';
import type { View } from '../store/database.ts';
import { deletedObjectRowKey, objectRowKey } from '../store/keys.ts';
import { bytesOfObjectRow, mergeObjectRow, type RowState, type RowUpdate } from '../store/object-rows.ts';
import { type ContainerRecord, isLive, latest } from '../store/records.ts';

/** `recorded`: only what clients do not see has changed. */
export type AppliedRows = 'counted' | 'recorded' | 'gone';

/** Rows and the container's counters change in one batch. */
export async function applyObjectRows(
  view: View,
  { account, container }: { account: string; container: string },
  updates: readonly RowUpdate[],
): Promise<AppliedRows> {
  const there = await view.container(account, container);
  if (there === undefined || !isLive(there)) return 'gone';
  const record: ContainerRecord = { ...there };
  const states = await readStates(view, account, container, updates, there);
  for (const update of updates) {
    const before = states.get(update.name) ?? NOTHING;
    const next = mergeObjectRow(before, update);
    if (next === before) continue;
    states.set(update.name, next);
    if (next.live !== before.live) {
      count(record, before, -1);
      count(record, next, 1);
      const key = objectRowKey(account, container, update.name);
      if (next.live === undefined) view.remove(key);
      else view.put(key, next.live);
    }
    if (next.deletedAt !== before.deletedAt && next.deletedAt !== undefined) {
      view.put(deletedObjectRowKey(account, container, update.name), next.deletedAt);
      record.newestDeletion = latest(record.newestDeletion, next.deletedAt);
    }
  }
  invariant(record.objectCount >= 0 && record.bytesUsed >= 0, 'a container counts less than nothing');
  const isCounted = record.objectCount !== there.objectCount || record.bytesUsed !== there.bytesUsed;
  if (isCounted || record.newestDeletion !== there.newestDeletion) view.putContainer(account, container, record);
  if (isCounted) view.markDirty(account, container);
  return isCounted ? 'counted' : 'recorded';
}

const NOTHING: RowState = { live: undefined, deletedAt: undefined };

/** One look at each name, and a second one at those that may have been deleted after what comes now. */
async function readStates(
  view: View,
  account: string,
  container: string,
  updates: readonly RowUpdate[],
  { newestDeletion }: ContainerRecord,
): Promise<Map<string, RowState>> {
  const names = [...new Set(updates.map(({ name }) => name))];
  const doubtful = new Set(updates.filter(({ timestamp }) => timestamp <= newestDeletion).map(({ name }) => name));
  const live = await view.getMany(names.map((name) => objectRowKey(account, container, name)));
  const deleted = [...doubtful];
  const deletedAt = await view.getMany(deleted.map((name) => deletedObjectRowKey(account, container, name)));
  const states = new Map<string, RowState>();
  names.forEach((name, index) => {
    states.set(name, { live: live[index], deletedAt: undefined });
  });
  deleted.forEach((name, index) => {
    states.set(name, { live: states.get(name)?.live, deletedAt: deletedAt[index] });
  });
  return states;
}

function count(record: ContainerRecord, { live }: RowState, sign: 1 | -1): void {
  if (live === undefined) return;
  record.objectCount += sign;
  record.bytesUsed += sign * bytesOfObjectRow(live);
}
