import { Level } from 'level';
import { ApiError } from '../../common/errors.ts';
import { deviceUnavailable, tooManyChanges } from '../errors.ts';
import { MOST_CHANGES_PER_BATCH, MOST_QUEUED_CHANGES } from '../limits.ts';

export type Write = { type: 'put'; key: string; value: string } | { type: 'del'; key: string };

/** Writes a batch whole or not at all, durably. A test puts itself in between. */
export type WriteBatch = (db: Level<string, string>, writes: Write[]) => Promise<void>;

export const writeSynced: WriteBatch = (db, writes) => db.batch(writes, { sync: true });

/** What a change sees: the database with all changes before it, those of its own batch included. */
export interface View {
  get(key: string): Promise<string | undefined>;
  getMany(keys: readonly string[]): Promise<(string | undefined)[]>;
  put(key: string, value: string): void;
  remove(key: string): void;
}

interface QueuedChange {
  run(view: StagedView): Promise<unknown>;
  resolve(result: never): void;
  reject(error: unknown): void;
}

/**
 * One device's listings: a LevelDB with one writer. Changes run one after the other, so that counters are exact; those that
 * wait meanwhile share one synced batch, and each resolves only when that batch is durable.
 */
export class ListingDatabase {
  readonly device: string;
  readonly db: Level<string, string>;
  private readonly writeBatch: WriteBatch;
  private readonly queue: QueuedChange[] = [];
  private working: Promise<void> | undefined;
  private closing = false;

  private constructor(device: string, db: Level<string, string>, writeBatch: WriteBatch) {
    this.device = device;
    this.db = db;
    this.writeBatch = writeBatch;
  }

  static async open(device: string, folder: string, writeBatch: WriteBatch = writeSynced): Promise<ListingDatabase> {
    const db = new Level<string, string>(folder, { writeBufferSize: 4 << 20, cacheSize: 8 << 20, maxOpenFiles: 256 });
    await db.open();
    return new ListingDatabase(device, db, writeBatch);
  }

  /**
   * @param run reads and writes through the view; an error it throws rejects this change alone and discards its writes.
   * @returns what `run` returned, once its writes are durable.
   */
  change<T>(run: (view: View) => Promise<T>): Promise<T> {
    if (this.closing) return Promise.reject(deviceUnavailable(this.device));
    if (this.queue.length >= MOST_QUEUED_CHANGES) return Promise.reject(tooManyChanges(this.device));
    return new Promise((resolve, reject) => {
      this.queue.push({ run, resolve, reject });
      this.working ??= this.work();
    });
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.working;
    await this.db.close();
  }

  private async work(): Promise<void> {
    await Promise.resolve(); // callers of this turn share the first batch
    while (this.queue.length > 0) await this.commit(this.queue.splice(0, MOST_CHANGES_PER_BATCH));
    this.working = undefined;
  }

  private async commit(changes: readonly QueuedChange[]): Promise<void> {
    const batch = new Map<string, string | undefined>();
    const done: { change: QueuedChange; result: unknown }[] = [];
    for (const change of changes) {
      const view = new StagedView(this.db, batch);
      try {
        const result = await change.run(view);
        for (const [key, value] of view.staged) batch.set(key, value);
        done.push({ change, result });
      } catch (error) {
        change.reject(error instanceof ApiError ? error : deviceUnavailable(this.device, error));
      }
    }
    try {
      const writes = [...batch].map(
        ([key, value]): Write => (value === undefined ? { type: 'del', key } : { type: 'put', key, value }),
      );
      if (writes.length > 0) await this.writeBatch(this.db, writes);
      for (const { change, result } of done) change.resolve(result as never);
    } catch (error) {
      for (const { change } of done) change.reject(deviceUnavailable(this.device, error));
    }
  }
}

/** Own writes over those of the batch over the database. */
class StagedView implements View {
  readonly staged = new Map<string, string | undefined>();
  private readonly db: Level<string, string>;
  private readonly batch: ReadonlyMap<string, string | undefined>;

  constructor(db: Level<string, string>, batch: ReadonlyMap<string, string | undefined>) {
    this.db = db;
    this.batch = batch;
  }

  async get(key: string): Promise<string | undefined> {
    const layer = this.layerOf(key);
    return layer ? layer.get(key) : this.db.get(key);
  }

  async getMany(keys: readonly string[]): Promise<(string | undefined)[]> {
    const missing = keys.filter((key) => !this.layerOf(key));
    const stored = missing.length === 0 ? [] : await this.db.getMany(missing);
    let next = 0;
    return keys.map((key) => {
      const layer = this.layerOf(key);
      return layer ? layer.get(key) : stored[next++];
    });
  }

  put(key: string, value: string): void {
    this.staged.set(key, value);
  }

  remove(key: string): void {
    this.staged.set(key, undefined);
  }

  private layerOf(key: string): ReadonlyMap<string, string | undefined> | undefined {
    if (this.staged.has(key)) return this.staged;
    return this.batch.has(key) ? this.batch : undefined;
  }
}
