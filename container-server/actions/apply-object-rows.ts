import { invariant } from '../../common/errors.ts';
import type { View } from '../store/database.ts';
import { deletedObjectRowKey } from '../store/keys.ts';
import { bytesOfObjectRow, type KeyedUpdate, mergeObjectRow, type RowState } from '../store/object-rows.ts';
import { type ContainerRecord, isLive, latest } from '../store/records.ts';

/** `recorded`: only what clients do not see has changed. */
export type AppliedRows = 'counted' | 'recorded' | 'gone';

/** Rows and the container's counters change in one batch. */
export async function applyObjectRows(
  view: View,
  { account, container }: { account: string; container: string },
  updates: readonly KeyedUpdate[],
): Promise<AppliedRows> {
  const there = await view.container(account, container);
  if (there === undefined || !isLive(there)) return 'gone';
  const record: ContainerRecord = { ...there };
  const states = await readStates(view, account, container, updates, there);
  for (const update of updates) {
    const before = states.get(update.key) ?? NOTHING;
    const next = mergeObjectRow(before, update);
    if (next === before) continue;
    states.set(update.key, next);
    if (next.live !== before.live) {
      count(record, before, -1);
      count(record, next, 1);
      if (next.live === undefined) view.remove(update.key);
      else view.put(update.key, next.live);
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
  updates: readonly KeyedUpdate[],
  { newestDeletion }: ContainerRecord,
): Promise<Map<string, RowState>> {
  const keys = [...new Set(updates.map(({ key }) => key))];
  const live = await view.getMany(keys);
  const states = new Map<string, RowState>();
  for (const [index, key] of keys.entries()) states.set(key, { live: live[index], deletedAt: undefined });
  const doubtful = updates.filter(({ timestamp }) => timestamp <= newestDeletion);
  if (doubtful.length === 0) return states;
  const deletedAt = await view.getMany(doubtful.map(({ name }) => deletedObjectRowKey(account, container, name)));
  for (const [index, { key }] of doubtful.entries())
    states.set(key, { live: states.get(key)?.live, deletedAt: deletedAt[index] });
  return states;
}

function count(record: ContainerRecord, { live }: RowState, sign: 1 | -1): void {
  if (live === undefined) return;
  record.objectCount += sign;
  record.bytesUsed += sign * bytesOfObjectRow(live);
}
