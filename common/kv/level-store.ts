import { mkdir } from 'node:fs/promises';
import { Level } from 'level';
import { InvariantError, invariant, StartError } from '../errors.ts';
import { EX_CANTCREAT } from '../exit-codes.ts';
import {
  type Batch,
  type CommitResult,
  type Entry,
  type KeyValueStore,
  MOST_BATCH_BYTES,
  MOST_CONDITIONS,
  MOST_RANGE_ENTRIES,
  MOST_WRITES,
  type RangeQuery,
} from './contract.ts';

/** The store's own bookkeeping sorts before every key of a record: those begin with a letter. */
const REVISION_KEY = '!revision';
const LOWEST_KEY = '"';

/**
 * The embedded store: one LevelDB, one writer. A value is stored as `<revision> <value>`, the newest revision under a key of its
 * own in the same synced batch, so that neither can be ahead of the other.
 */
export class LevelStore implements KeyValueStore {
  private readonly db: Level<string, string>;
  private revision: number;
  /** Commits run one after the other: a condition that was checked still holds when its batch is written. */
  private tail: Promise<unknown> = Promise.resolve();
  private closed = false;

  private constructor(db: Level<string, string>, revision: number) {
    this.db = db;
    this.revision = revision;
  }

  /** @throws StartError when the folder cannot be made or another process has it open. */
  static async open(folder: string): Promise<LevelStore> {
    const db = new Level<string, string>(folder, { writeBufferSize: 1 << 20, cacheSize: 1 << 20, maxOpenFiles: 64 });
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await db.open();
    } catch (error) {
      throw new StartError(`cannot open the database ${folder}: ${reasonOf(error)}`, EX_CANTCREAT, error);
    }
    const stored = await db.get(REVISION_KEY);
    return new LevelStore(db, stored === undefined ? 0 : Number(stored));
  }

  async get(key: string): Promise<Entry | undefined> {
    const stored = await this.db.get(key);
    return stored === undefined ? undefined : decode(key, stored);
  }

  async range(query: RangeQuery): Promise<Entry[]> {
    const limit = query.limit ?? MOST_RANGE_ENTRIES;
    invariant(limit >= 1 && limit <= MOST_RANGE_ENTRIES, `range limit ${limit} is out of bounds`);
    const start = query.start > LOWEST_KEY ? query.start : LOWEST_KEY;
    const rows = await this.db.iterator({ gte: start, lt: query.end, limit }).all();
    return rows.map(([key, stored]) => decode(key, stored));
  }

  commit(batch: Batch): Promise<CommitResult> {
    assertBounded(batch);
    const result = this.tail.then(() => this.commitAlone(batch));
    this.tail = result.catch(() => undefined);
    return result;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.tail;
    await this.db.close();
  }

  private async commitAlone(batch: Batch): Promise<CommitResult> {
    if (this.closed && this.db.status !== 'open') throw new InvariantError('commit on a closed store');
    for (const { key, revision } of batch.conditions) {
      const current = await this.get(key);
      if ((current?.revision ?? 0) !== revision) return { outcome: 'conflict', key };
    }
    const next = this.revision + 1;
    const operations = batch.writes.map((write) =>
      'remove' in write
        ? { type: 'del' as const, key: write.key }
        : { type: 'put' as const, key: write.key, value: `${next} ${write.value}` },
    );
    await this.db.batch([...operations, { type: 'put', key: REVISION_KEY, value: String(next) }], { sync: true });
    this.revision = next;
    return { outcome: 'committed', revision: next };
  }
}

function decode(key: string, stored: string): Entry {
  const space = stored.indexOf(' ');
  return { key, value: stored.slice(space + 1), revision: Number(stored.slice(0, space)) };
}

function assertBounded(batch: Batch): void {
  invariant(batch.conditions.length <= MOST_CONDITIONS, `${batch.conditions.length} conditions in one batch`);
  invariant(
    batch.writes.length >= 1 && batch.writes.length <= MOST_WRITES,
    `${batch.writes.length} writes in one batch`,
  );
  const keys = new Set(batch.writes.map(({ key }) => key));
  invariant(keys.size === batch.writes.length, 'a key is written twice in one batch');
  let bytes = 0;
  for (const write of batch.writes) {
    invariant(write.key > LOWEST_KEY, `key ${JSON.stringify(write.key)} is in the store's own space`);
    bytes += Buffer.byteLength(write.key) + ('remove' in write ? 0 : Buffer.byteLength(write.value));
  }
  invariant(bytes <= MOST_BATCH_BYTES, `a batch of ${bytes} bytes`);
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
