import {
  type Batch,
  type CommitResult,
  type Entry,
  type KeyValueStore,
  MOST_RANGE_ENTRIES,
  type RangeQuery,
} from '../../../common/kv/contract.ts';

/** The key-value store without a disk: for tests that commit tens of thousands of times. */
export class MemoryStore implements KeyValueStore {
  private readonly entries = new Map<string, Entry>();
  private revision = 0;

  async get(key: string): Promise<Entry | undefined> {
    return this.entries.get(key);
  }

  async range({ start, end, limit = MOST_RANGE_ENTRIES }: RangeQuery): Promise<Entry[]> {
    const inRange = [...this.entries.values()].filter(({ key }) => key >= start && key < end);
    return inRange.sort((left, right) => (left.key < right.key ? -1 : 1)).slice(0, limit);
  }

  async commit({ conditions, writes }: Batch): Promise<CommitResult> {
    const lost = conditions.find(({ key, revision }) => (this.entries.get(key)?.revision ?? 0) !== revision);
    if (lost) return { outcome: 'conflict', key: lost.key };
    this.revision += 1;
    for (const write of writes) {
      if ('remove' in write) this.entries.delete(write.key);
      else this.entries.set(write.key, { ...write, revision: this.revision });
    }
    return { outcome: 'committed', revision: this.revision };
  }

  async close(): Promise<void> {}
}
