import type { KeyValueStore } from '../../common/kv/contract.ts';
import type { Change } from '../../common/kv/table.ts';

/**
 * "Has no children" as a condition: every new child writes its parent's guard key, and who removes the parent demands that the
 * key is as it was before the children were looked for.
 */
export function childAdded(parentId: string): Change {
  return { conditions: [], writes: [{ key: guardKey(parentId), value: '1' }] };
}

/** Read this first, then look for children, then commit with it. */
export async function noChildSince(store: KeyValueStore, parentId: string): Promise<Change> {
  const guard = await store.get(guardKey(parentId));
  return { conditions: [{ key: guardKey(parentId), revision: guard?.revision ?? 0 }], writes: [] };
}

function guardKey(parentId: string): string {
  return `auth-children/${parentId}`;
}
