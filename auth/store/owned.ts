import { type KeyValueStore, MOST_RANGE_ENTRIES, prefixEnd } from '../../common/kv/contract.ts';
import type { Stored, Table } from '../../common/kv/table.ts';

/**
 * Records of one owner, found through an alternate key `<owner>/<record id>`: one short scan, whatever else the table holds.
 * What is removed while it reads is left out.
 */
export async function ownedBy<T extends { id: string }>(
  store: KeyValueStore,
  table: Table<T>,
  index: string,
  ownerId: string,
): Promise<Stored<T>[]> {
  const prefix = table.uniqueKeyOf(index, `${ownerId}/`);
  const end = prefixEnd(prefix);
  const found: Stored<T>[] = [];
  for (let start = prefix; ; ) {
    const pointers = await store.range({ start, end });
    for (const { value } of pointers) {
      const stored = await table.get(value);
      if (stored) found.push(stored);
    }
    const last = pointers.at(-1);
    if (!last || pointers.length < MOST_RANGE_ENTRIES) return found;
    start = `${last.key}\0`;
  }
}
