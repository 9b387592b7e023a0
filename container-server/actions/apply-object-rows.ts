import { invariant } from '../../common/errors.ts';
import type { View } from '../store/batch.ts';
import { deletedObjectRowKey } from '../store/keys.ts';
import type { ContainerNames } from '../store/known-names.ts';
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
  const names = view.namesIn(account, container, there.objectCount);
  const states = await readLive(view, names, updates);
  await readDeleted(
    view,
    states,
    updates.filter(({ timestamp }) => timestamp <= there.newestDeletion),
    (name) => deletedObjectRowKey(account, container, name),
  );
  for (const update of updates) {
    const before = states.get(update.key) ?? NOTHING;
    const next = mergeObjectRow(before, update);
    if (next === before) continue;
    states.set(update.key, next);
    if (next.live !== before.live) {
      count(record, before, -1);
      count(record, next, 1);
      if (next.live === undefined) view.remove(update.key);
      else {
        names.filter?.add(update.nameHash);
        view.put(update.key, next.live);
      }
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

/** One look at each name, by its row's key; none where it is surely new. */
async function readLive(
  view: View,
  names: ContainerNames,
  updates: readonly KeyedUpdate[],
): Promise<Map<string, RowState>> {
  const states = new Map<string, RowState>();
  const unsure: string[] = [];
  for (const { key, nameHash } of updates) {
    if (states.has(key)) continue;
    states.set(key, NOTHING);
    if (!names.isSurelyAbsent(nameHash)) unsure.push(key);
  }
  if (unsure.length === 0) return states;
  const rows = await view.getMany(unsure);
  for (const [index, key] of unsure.entries()) {
    const live = rows[index];
    if (live === undefined) names.misses += 1;
    else states.set(key, { live, deletedAt: undefined });
  }
  return states;
}

/** A second look, at those that may have been deleted after what comes now. */
async function readDeleted(
  view: View,
  states: Map<string, RowState>,
  doubtful: readonly KeyedUpdate[],
  keyOf: (name: string) => string,
): Promise<void> {
  if (doubtful.length === 0) return;
  const deletedAt = await view.getMany(doubtful.map(({ name }) => keyOf(name)));
  for (const [index, { key }] of doubtful.entries())
    states.set(key, { live: states.get(key)?.live, deletedAt: deletedAt[index] });
}

function count(record: ContainerRecord, { live }: RowState, sign: 1 | -1): void {
  if (live === undefined) return;
  record.objectCount += sign;
  record.bytesUsed += sign * bytesOfObjectRow(live);
}
