import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
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
import type {
  IndexChange,
  IndexedVersion,
  ObjectKey,
  PendingEntry,
  ScannedVersion,
  VersionIdentity,
  VersionIndex,
} from './contract.ts';

/** On Node `level` is classic-level, which can do this; its types are those of all platforms. */
type Database = Level<Buffer, Buffer> & { compactRange(start: Buffer, end: Buffer): Promise<void> };
type Write = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer };

/** There from the first opening on, before any version is. Outside the key spaces of versions and of what is pending. */
const MADE = Buffer.from('M');
/** Written after each flush: LevelDB tells of a flush that failed only to the next write. */
const FLUSHED = Buffer.from('F');
const ONE = Buffer.of(1);

/**
 * Databases of this thread by folder, with how many have them open. The first thread that opens one lends all others the memory of its
 * cache, and takes it away when it closes: within a thread nobody closes before the last, and of the threads the first must be the last.
 */
const openHere = new Map<string, { opening: Promise<{ db: Database; fresh: boolean }>; users: number }>();

/**
 * The index of a device in LevelDB, not synced. Every thread of the process opens it, the housekeeper's before the others, and closes it
 * after them; another process cannot.
 *
 * @throws IndexError; its cause's `code` is LEVEL_CORRUPTION where the database is beyond reading.
 */
export async function openLevelIndex(folder: string): Promise<VersionIndex> {
  let open = openHere.get(folder);
  if (open === undefined) {
    open = { opening: openDatabase(folder), users: 0 };
    openHere.set(folder, open);
  }
  open.users += 1;
  const isFirst = open.users === 1;
  try {
    const { db, fresh } = await open.opening;
    return new LevelIndex(db, folder, fresh && isFirst, () => release(folder));
  } catch (error) {
    openHere.delete(folder);
    throw new IndexError('the index cannot be opened', rootOf(error));
  }
}

async function openDatabase(folder: string): Promise<{ db: Database; fresh: boolean }> {
  const db = new Level<Buffer, Buffer>(folder, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    multithreading: true,
    writeBufferSize: INDEX_WRITE_BUFFER_BYTES,
    cacheSize: INDEX_CACHE_BYTES,
    maxOpenFiles: INDEX_FILES,
  }) as Database;
  await db.open();
  const fresh = db.getSync(MADE) === undefined;
  if (fresh) await db.put(MADE, ONE, { sync: true });
  return { db, fresh };
}

async function release(folder: string): Promise<void> {
  const open = openHere.get(folder);
  if (open === undefined) return;
  open.users -= 1;
  if (open.users > 0) return;
  openHere.delete(folder);
  const { db } = await open.opening;
  await db.close();
}

class LevelIndex implements VersionIndex {
  readonly fresh: boolean;
  private readonly db: Database;
  private readonly folder: string;
  private readonly release: () => Promise<void>;
  private closed = false;

  constructor(db: Database, folder: string, fresh: boolean, onClose: () => Promise<void>) {
    this.db = db;
    this.folder = folder;
    this.fresh = fresh;
    this.release = onClose;
  }

  async versions(object: ObjectKey): Promise<IndexedVersion[]> {
    return this.read(object, MOST_VERSIONS_PER_STEP, () => false);
  }

  async newest(object: ObjectKey): Promise<IndexedVersion[]> {
    return this.read(object, VERSIONS_AT_FIRST, ({ kind }) => kind !== 'metadata');
  }

  async newestOf(objects: readonly ObjectKey[]): Promise<IndexedVersion[][]> {
    return this.guarded(async () => {
      const { from, to } = VERSION_SPACE_BOUNDS;
      const iterator = this.db.iterator({ gte: from, lt: to, fillCache: false });
      const all: IndexedVersion[][] = [];
      try {
        for (const object of objects) {
          const bounds = boundsOf(object);
          iterator.seek(bounds.from);
          all.push(await readNewest(iterator, bounds.to));
        }
        return all;
      } finally {
        iterator.close().catch(() => undefined);
      }
    });
  }

  async findAll(
    wanted: readonly { object: ObjectKey; version: VersionIdentity }[],
  ): Promise<(IndexedVersion | undefined)[]> {
    const keys = wanted.map(({ object, version }) => encodeVersionKey(object, version));
    const values = await this.guarded(() => this.db.getMany(keys, { fillCache: false }));
    return keys.map((key, place) => {
      const value = values[place];
      return value && decodeVersion(key, value);
    });
  }

  async find(object: ObjectKey, version: VersionIdentity): Promise<IndexedVersion | undefined> {
    const key = encodeVersionKey(object, version);
    const value = await this.guarded(() => this.db.get(key));
    return value && decodeVersion(key, value);
  }

  async put(changes: readonly IndexChange[]): Promise<void> {
    await this.guarded(() => {
      const batch = this.db.batch(); // of an array, `level` copies each operation together with the options
      for (const change of changes) {
        const write = writeOf(change);
        if (write.type === 'put') batch.put(write.key, write.value);
        else batch.del(write.key);
      }
      return batch.write();
    });
  }

  async flush(): Promise<void> {
    await this.guarded(async () => {
      // A range behind all keys: nothing is merged, but the table in memory is always written out first, and synced.
      await this.db.compactRange(Buffer.of(AFTER_ALL), Buffer.of(AFTER_ALL, AFTER_ALL));
      await this.db.put(FLUSHED, ONE); // throws where that write failed
    });
  }

  /** What is in memory is in its logs, too. */
  async bytesToFlush(): Promise<number> {
    return this.guarded(async () => {
      const logs = (await readdir(this.folder)).filter((name) => name.endsWith('.log'));
      // One that goes meanwhile has been written out.
      const sizes = logs.map((name) =>
        stat(join(this.folder, name)).then(
          ({ size }) => size,
          () => 0,
        ),
      );
      return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
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
    if (this.closed) return;
    this.closed = true;
    await this.release().catch((error: unknown) => {
      throw new IndexError('the index cannot be closed', error);
    });
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
      if (this.closed) throw new Error('it is closed');
      return await work();
    } catch (error) {
      throw new IndexError('the index cannot be used', error);
    }
  }
}

/** From where the iterator stands to the first data or tombstone, or to the end of the object. */
async function readNewest(
  iterator: { nextv(size: number): Promise<[Buffer, Buffer][]> },
  end: Buffer,
): Promise<IndexedVersion[]> {
  const found: IndexedVersion[] = [];
  for (let size = 1; ; size = VERSIONS_AT_FIRST) {
    const step = await iterator.nextv(size);
    if (step.length === 0) return found;
    for (const [key, value] of step) {
      if (key.compare(end) >= 0) return found;
      const version = decodeVersion(key, value);
      found.push(version);
      if (version.kind !== 'metadata') return found;
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
