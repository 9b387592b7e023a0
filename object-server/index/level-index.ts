import { Level } from 'level';
import { IndexError } from '../errors.ts';
import {
  INDEX_CACHE_BYTES,
  INDEX_FILES,
  INDEX_WRITE_BUFFER_BYTES,
  MOST_VERSIONS_PER_STEP,
  VERSIONS_AT_FIRST,
} from '../limits.ts';
import {
  AFTER_ALL,
  boundsOf,
  decodePending,
  decodeScanned,
  decodeVersion,
  encodePendingKey,
  encodePendingValue,
  encodeVersionKey,
  encodeVersionValue,
  PENDING_SPACE_BOUNDS,
  VERSION_SPACE_BOUNDS,
} from './codec.ts';
import type { IndexChange, IndexedVersion, ObjectKey, PendingEntry, ScannedVersion, VersionIndex } from './contract.ts';

/** On Node `level` is classic-level, which can do this; its types are those of all platforms. */
type Database = Level<Buffer, Buffer> & { compactRange(start: Buffer, end: Buffer): Promise<void> };
type Write = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer };

/** There from the first opening on, before any version is. Outside the key spaces of versions and of what is pending. */
const MADE = Buffer.from('M');
/** Written after each flush: LevelDB tells of a flush that failed only to the next write. */
const FLUSHED = Buffer.from('F');
const ONE = Buffer.of(1);

/**
 * The index of a device in LevelDB, not synced. Every thread of the process opens it; another process cannot.
 *
 * @throws IndexError; its cause's `code` is LEVEL_CORRUPTION where the database is beyond reading.
 */
export async function openLevelIndex(folder: string): Promise<VersionIndex> {
  const db = new Level<Buffer, Buffer>(folder, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    multithreading: true,
    writeBufferSize: INDEX_WRITE_BUFFER_BYTES,
    cacheSize: INDEX_CACHE_BYTES,
    maxOpenFiles: INDEX_FILES,
  }) as Database;
  try {
    await db.open();
    const fresh = db.getSync(MADE) === undefined;
    if (fresh) await db.put(MADE, ONE, { sync: true });
    return new LevelIndex(db, fresh);
  } catch (error) {
    throw new IndexError('the index cannot be opened', rootOf(error));
  }
}

class LevelIndex implements VersionIndex {
  readonly fresh: boolean;
  private readonly db: Database;

  constructor(db: Database, fresh: boolean) {
    this.db = db;
    this.fresh = fresh;
  }

  async versions(object: ObjectKey): Promise<IndexedVersion[]> {
    return this.read(object, MOST_VERSIONS_PER_STEP, () => false);
  }

  async newest(object: ObjectKey): Promise<IndexedVersion[]> {
    return this.read(object, VERSIONS_AT_FIRST, ({ kind }) => kind !== 'metadata');
  }

  async put(changes: readonly IndexChange[]): Promise<void> {
    await this.guarded(() => this.db.batch(changes.map(writeOf)));
  }

  async flush(): Promise<void> {
    await this.guarded(async () => {
      // A range behind all keys: nothing is merged, but the table in memory is always written out first, and synced.
      await this.db.compactRange(Buffer.of(AFTER_ALL), Buffer.of(AFTER_ALL, AFTER_ALL));
      await this.db.put(FLUSHED, ONE); // throws where that write failed
    });
  }

  async scan(after: Buffer | undefined, limit: number): Promise<ScannedVersion[]> {
    const entries = await this.entries(after, VERSION_SPACE_BOUNDS, limit);
    return entries.map(([key, value]) => decodeScanned(key, value));
  }

  async pending(after: Buffer | undefined, limit: number): Promise<PendingEntry[]> {
    const entries = await this.entries(after, PENDING_SPACE_BOUNDS, limit);
    return entries.map(([key, value]) => decodePending(key, value));
  }

  async close(): Promise<void> {
    await this.guarded(() => this.db.close());
  }

  private async read(
    object: ObjectKey,
    stepSize: number,
    isLast: (version: IndexedVersion) => boolean,
  ): Promise<IndexedVersion[]> {
    const { from, to } = boundsOf(object);
    return this.guarded(async () => {
      const iterator = this.db.iterator({ gte: from, lt: to });
      const found: IndexedVersion[] = [];
      try {
        for (;;) {
          const step = await iterator.nextv(stepSize);
          for (const [key, value] of step) {
            const version = decodeVersion(key, value);
            found.push(version);
            if (isLast(version)) return found;
          }
          if (step.length === 0) return found;
        }
      } finally {
        iterator.close().catch(() => undefined); // nobody has to wait for it; the database does when it closes
      }
    });
  }

  private async entries(
    after: Buffer | undefined,
    { from, to }: { from: Buffer; to: Buffer },
    limit: number,
  ): Promise<[Buffer, Buffer][]> {
    return this.guarded(() =>
      this.db
        .iterator({ ...(after === undefined ? { gte: from } : { gt: after }), lt: to, limit, fillCache: false })
        .all(),
    );
  }

  private async guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw new IndexError('the index cannot be used', error);
    }
  }
}

function writeOf(change: IndexChange): Write {
  switch (change.change) {
    case 'put':
      return {
        type: 'put',
        key: encodeVersionKey(change.object, change.version),
        value: encodeVersionValue(change.version),
      };
    case 'remove':
      return { type: 'del', key: encodeVersionKey(change.object, change.version) };
    case 'put-pending':
      return {
        type: 'put',
        key: encodePendingKey(change.version),
        value: encodePendingValue(change.object, change.version, change.listing),
      };
    case 'remove-pending':
      return { type: 'del', key: change.key };
  }
}

function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}
