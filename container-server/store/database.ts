import { Level } from 'level';
import { ApiError } from '../../common/errors.ts';
import { deviceUnavailable, tooManyChanges } from '../errors.ts';
import {
  MOST_BLOCKING_READS_MS,
  MOST_CACHED_CONTAINERS,
  MOST_CHANGES_PER_BATCH,
  MOST_QUEUED_CHANGES,
  MOST_TAKEN_ROWS,
  TAKEN_DELAY_MS,
  WRITES_OF_FULL_BATCH,
} from '../limits.ts';
import { containerKey, dirtyKey } from './keys.ts';
import { type ContainerNames, KnownNames } from './known-names.ts';
import { type ContainerRecord, decodeContainer, isLive } from './records.ts';

export type Write = { type: 'put'; key: string; value: string } | { type: 'del'; key: string };

/** Bytes of memory per device; the readers of other threads share it. */
export const LISTING_OPTIONS = {
  writeBufferSize: 4 << 20,
  cacheSize: 8 << 20,
  maxOpenFiles: 256,
  multithreading: true,
};

/** A batch did not have this key. */
const ABSENT = Symbol('absent');

/** Value of a dirty mark: that it is there says all. */
const MARK = '1';

/** Writes a batch whole or not at all, durably. A test puts itself in between. */
export type WriteBatch = (db: Level<string, string>, writes: Write[]) => Promise<void>;

/** Operation by operation: of an array, `level` copies each operation together with the options, at twice the CPU of all the rest. */
export const writeSynced: WriteBatch = (db, writes) => {
  const batch = db.batch();
  for (const write of writes) {
    if (write.type === 'put') batch.put(write.key, write.value);
    else batch.del(write.key);
  }
  return batch.write({ sync: true });
};

/** What a change sees: the database with all changes before it, those of its own batch included. */
export interface View {
  get(key: string): Promise<string | undefined>;
  getMany(keys: readonly string[]): Promise<(string | undefined)[]>;
  put(key: string, value: string): void;
  remove(key: string): void;
  /** A container's record, from memory where it was used lately. Not to be changed in place. */
  container(account: string, container: string): Promise<ContainerRecord | undefined>;
  putContainer(account: string, container: string, record: ContainerRecord): void;
  /** What is known of the names of a container's live rows. @param objectCount of the container, as this view has it. */
  namesIn(account: string, container: string, objectCount: number): ContainerNames;
  /** Notes, beside the counts, that the container's accounts have to be told. */
  markDirty(account: string, container: string): void;
}

interface QueuedChange {
  run(view: View): Promise<unknown>;
  resolve(result: never): void;
  reject(error: unknown): void;
  /** Undefined: somebody waits for it. */
  taken?: { rows: number; ticket: number };
}

/** Rows for live containers that nobody waits for. */
export interface TakenChange<T> {
  containers: readonly { account: string; container: string }[];
  rows: number;
  /** Rises from one to the next. */
  ticket: number;
  run(view: View): Promise<T>;
  /** They are durable, and so are all that were taken before. */
  onWritten(result: T): void;
  onFailed(error: unknown): void;
}

/**
 * One device's listings: a LevelDB with one writer. Changes run one after the other, so that counters are exact; those that
 * wait meanwhile share one synced batch, and each resolves only when that batch is durable. What was taken waits for the next change
 * that somebody waits for, or a moment.
 */
export class ListingDatabase {
  readonly device: string;
  readonly db: Level<string, string>;
  private readonly writeBatch: WriteBatch;
  private readonly queue: QueuedChange[] = [];
  private readonly memory = new WriterMemory();
  private readonly names: KnownNames;
  private working: Promise<void> | undefined;
  private closing = false;
  /** Changes, queued or running, that somebody waits for. */
  private waited = 0;
  /** Rows that were taken and not yet written. */
  private takenRows = 0;
  /** Those need not wait for more. */
  private isDue = false;
  private dueTimer: NodeJS.Timeout | undefined;
  /** Taken rows were lost: from then on nothing is taken, and what was taken is never said to be written. */
  private hasLost = false;

  private constructor(device: string, db: Level<string, string>, writeBatch: WriteBatch) {
    this.device = device;
    this.db = db;
    this.writeBatch = writeBatch;
    this.names = new KnownNames(db);
  }

  static async open(device: string, folder: string, writeBatch: WriteBatch = writeSynced): Promise<ListingDatabase> {
    const db = new Level<string, string>(folder, LISTING_OPTIONS);
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
      this.waited += 1;
      this.working ??= this.work();
    });
  }

  /**
   * Takes rows to be written before long, if all it takes to know that they will be is in memory.
   *
   * @returns false: nothing was taken, and they have to be waited for.
   */
  take<T>({ containers, rows, ticket, run, onWritten, onFailed }: TakenChange<T>): boolean {
    // A change before them may remove a container; one behind them sees them.
    if (this.closing || this.hasLost || this.waited > 0 || this.takenRows + rows > MOST_TAKEN_ROWS) return false;
    for (const { account, container } of containers) if (!this.memory.isLive(account, container)) return false;
    this.queue.push({ run, resolve: onWritten, reject: onFailed, taken: { rows, ticket } });
    this.takenRows += rows;
    if (this.takenRows >= WRITES_OF_FULL_BATCH / 2) this.writeTaken();
    else this.writeSoon();
    return true;
  }

  /** Changes with every change of the container's counts. Read it before the record, and hand it to `clearDirty`. */
  dirtyVersion(account: string, container: string): number | undefined {
    return this.memory.dirty.get(dirtyKey(account, container));
  }

  /**
   * Forgets, of each container, that its accounts have to be told, unless its counts have changed since that version was read.
   * @returns whether each was forgotten.
   */
  clearDirty(
    containers: readonly { account: string; container: string; version: number | undefined }[],
  ): Promise<boolean[]> {
    return this.change(async (view) =>
      containers.map(({ account, container, version }) => {
        const key = dirtyKey(account, container);
        if (this.memory.dirty.get(key) !== version) return false;
        view.remove(key);
        return true;
      }),
    );
  }

  async close(): Promise<void> {
    this.closing = true;
    this.writeTaken();
    await this.working;
    await this.names.close();
    await this.db.close();
  }

  private async work(): Promise<void> {
    await Promise.resolve(); // callers of this turn share the first batch
    while (this.queue.length > 0 && (this.waited > 0 || this.isDue)) {
      this.isDue = false; // what is taken from now on waits for its own moment
      await this.commit();
    }
    this.working = undefined;
    if (this.queue.length > 0) this.writeSoon();
  }

  private writeSoon(): void {
    this.dueTimer ??= setTimeout(() => this.writeTaken(), TAKEN_DELAY_MS);
  }

  private writeTaken(): void {
    clearTimeout(this.dueTimer);
    this.dueTimer = undefined;
    if (this.queue.length === 0) return;
    this.isDue = true;
    this.working ??= this.work();
  }

  private settled({ taken }: QueuedChange): void {
    if (taken) this.takenRows -= taken.rows;
    else this.waited -= 1;
  }

  private accept(change: QueuedChange, result: unknown): void {
    if (change.taken && this.hasLost) this.refuse(change, new Error('rows before them were lost'));
    else {
      this.settled(change);
      change.resolve(result as never);
    }
  }

  private refuse(change: QueuedChange, error: unknown): void {
    this.settled(change);
    if (change.taken) this.hasLost = true;
    change.reject(error);
  }

  private async commit(): Promise<void> {
    const batch = new Batch(this.db, this.memory, this.names);
    const done: { change: QueuedChange; result: unknown }[] = [];
    for (let count = 0; count < MOST_CHANGES_PER_BATCH && batch.writes.size < WRITES_OF_FULL_BATCH; count += 1) {
      const change = this.queue.shift();
      if (change === undefined) break;
      try {
        done.push({ change, result: await change.run(batch) });
        batch.keep();
      } catch (error) {
        batch.discard();
        this.refuse(change, error instanceof ApiError ? error : deviceUnavailable(this.device, error));
      }
    }
    try {
      if (batch.writes.size > 0) await this.writeBatch(this.db, batch.encode());
      this.names.onDurable();
      for (const { change, result } of done) this.accept(change, result);
    } catch (error) {
      this.memory.forget(); // what it holds may not be what is stored
      this.names.forgetAll();
      for (const { change } of done) this.refuse(change, deviceUnavailable(this.device, error));
    }
  }
}

/** What the one writer remembers of the database: always what the next change would read there. */
class WriterMemory {
  /** By their keys, the least recently used first; undefined: there is none. */
  private readonly containers = new Map<string, ContainerRecord | undefined>();
  /** Containers with a dirty mark that was made since the start, by its key. */
  readonly dirty = new Map<string, number>();
  private version = 0;

  has(key: string): boolean {
    return this.containers.has(key);
  }

  get(key: string): ContainerRecord | undefined {
    const record = this.containers.get(key);
    this.containers.delete(key);
    this.containers.set(key, record);
    return record;
  }

  set(key: string, record: ContainerRecord | undefined): void {
    this.containers.delete(key);
    this.containers.set(key, record);
    if (this.containers.size <= MOST_CACHED_CONTAINERS) return;
    for (const oldest of this.containers.keys()) {
      this.containers.delete(oldest);
      return;
    }
  }

  isLive(account: string, container: string): boolean {
    const record = this.containers.get(containerKey(account, container));
    return record !== undefined && isLive(record);
  }

  /** @returns whether the mark is new, and has to be stored. */
  markDirty(key: string): boolean {
    const isNew = !this.dirty.has(key);
    this.version += 1;
    this.dirty.set(key, this.version);
    return isNew;
  }

  forgetKey(key: string): void {
    this.containers.delete(key);
    this.dirty.delete(key);
  }

  forget(): void {
    this.containers.clear();
    this.dirty.clear();
  }
}

/** The writes of one batch, over the database: what each of its changes sees. */
class Batch implements View {
  /** Undefined: removed. */
  readonly writes = new Map<string, string | undefined>();
  private readonly db: Level<string, string>;
  private readonly memory: WriterMemory;
  private readonly names: KnownNames;
  /** What the running change has replaced. */
  private readonly replacedKeys: string[] = [];
  private readonly replacedValues: (string | undefined | typeof ABSENT)[] = [];

  constructor(db: Level<string, string>, memory: WriterMemory, names: KnownNames) {
    this.db = db;
    this.memory = memory;
    this.names = names;
  }

  async get(key: string): Promise<string | undefined> {
    return this.writes.has(key) ? this.writes.get(key) : this.db.getSync(key);
  }

  /** What is in memory is read at once; when that turns out to be slow (a cold disk), the rest waits on other threads. */
  async getMany(keys: readonly string[]): Promise<(string | undefined)[]> {
    const values: (string | undefined)[] = [];
    const until = performance.now() + MOST_BLOCKING_READS_MS;
    for (const [index, key] of keys.entries()) {
      if (this.writes.has(key)) {
        values.push(this.writes.get(key));
        continue;
      }
      if (performance.now() > until) return this.getSlowly(values, keys.slice(index));
      values.push(this.db.getSync(key));
    }
    return values;
  }

  put(key: string, value: string): void {
    this.write(key, value);
  }

  remove(key: string): void {
    this.memory.forgetKey(key);
    this.write(key, undefined);
  }

  async container(account: string, container: string): Promise<ContainerRecord | undefined> {
    const key = containerKey(account, container);
    if (this.memory.has(key)) return this.memory.get(key);
    const record = decodeContainer(await this.get(key));
    this.memory.set(key, record);
    return record;
  }

  putContainer(account: string, container: string, record: ContainerRecord): void {
    const key = containerKey(account, container);
    this.write(key, JSON.stringify(record));
    this.memory.set(key, record);
  }

  namesIn(account: string, container: string, objectCount: number): ContainerNames {
    return this.names.of(account, container, objectCount);
  }

  markDirty(account: string, container: string): void {
    const key = dirtyKey(account, container);
    if (this.memory.markDirty(key)) this.write(key, MARK);
  }

  keep(): void {
    this.replacedKeys.length = 0;
    this.replacedValues.length = 0;
  }

  /** As if the running change had never been. */
  discard(): void {
    for (let key = this.replacedKeys.pop(); key !== undefined; key = this.replacedKeys.pop()) {
      const value = this.replacedValues.pop();
      this.memory.forgetKey(key);
      if (value === ABSENT) this.writes.delete(key);
      else this.writes.set(key, value);
    }
  }

  encode(): Write[] {
    const encoded: Write[] = [];
    for (const [key, value] of this.writes)
      encoded.push(value === undefined ? { type: 'del', key } : { type: 'put', key, value });
    return encoded;
  }

  private write(key: string, value: string | undefined): void {
    this.replacedKeys.push(key);
    this.replacedValues.push(this.writes.has(key) ? this.writes.get(key) : ABSENT);
    this.writes.set(key, value);
  }

  private async getSlowly(values: (string | undefined)[], keys: readonly string[]): Promise<(string | undefined)[]> {
    const missing = keys.filter((key) => !this.writes.has(key));
    const stored = missing.length === 0 ? [] : await this.db.getMany(missing);
    let next = 0;
    for (const key of keys) values.push(this.writes.has(key) ? this.writes.get(key) : stored[next++]);
    return values;
  }
}
