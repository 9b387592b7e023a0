/**
 * The ordered key-value store that keeps the control plane's records.
 *
 * Promises, shown by `test/contract/kv.ts` for every implementation:
 * - Keys are UTF-8 strings, ordered by their bytes; values are UTF-8 strings (JSON records).
 * - `commit` is atomic and durable: once it resolves with `committed`, a power cut does not undo it.
 * - Revisions are store-wide, strictly increasing and never reused; 0 means "absent".
 * - `range` reads one snapshot: no commit that happens while it pages is half seen.
 */
export interface KeyValueStore {
  get(key: string): Promise<Entry | undefined>;
  range(query: RangeQuery): Promise<Entry[]>;
  commit(batch: Batch): Promise<CommitResult>;
  /** Waits for running commits, then closes. Further calls reject. */
  close(): Promise<void>;
}

export interface Entry {
  key: string;
  value: string;
  /** The store's revision when this key was last written. */
  revision: number;
}

export interface RangeQuery {
  /** First key, inclusive. */
  start: string;
  /** End key, exclusive. */
  end: string;
  /** Most entries to return: 1..MOST_RANGE_ENTRIES, which is the default. */
  limit?: number;
}

export interface Batch {
  /** All must hold, or nothing is written. At most MOST_CONDITIONS. */
  conditions: Condition[];
  /** At most MOST_WRITES, each key once, MOST_BATCH_BYTES in all. */
  writes: Write[];
}

/** `key` was last written at `revision`; 0 = the key is absent. */
export interface Condition {
  key: string;
  revision: number;
}

export type Write = { key: string; value: string } | { key: string; remove: true };

export type CommitResult = { outcome: 'committed'; revision: number } | { outcome: 'conflict'; key: string };

export const MOST_CONDITIONS = 100;
export const MOST_WRITES = 100;
export const MOST_BATCH_BYTES = 1 << 20;
export const MOST_RANGE_ENTRIES = 1000;

/** The exclusive end of the range of all keys that begin with `prefix`. */
export function prefixEnd(prefix: string): string {
  return `${prefix}\u{10ffff}`;
}
