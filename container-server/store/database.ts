import { Level } from 'level';
import { ApiError } from '../../common/errors.ts';
import type { Logger } from '../../common/log.ts';
import { deviceUnavailable, tooManyChanges } from '../errors.ts';
import {
  MOST_CHANGES_PER_BATCH,
  MOST_QUEUED_CHANGES,
  MOST_TAKEN_ROWS,
  TAKEN_DELAY_MS,
  WRITES_OF_FULL_BATCH,
} from '../limits.ts';
import { Batch, type View, type Write } from './batch.ts';
import { dirtyKey } from './keys.ts';
import { KnownNames } from './known-names.ts';
import { WriterMemory } from './writer-memory.ts';

/** Bytes of memory per device; the readers of other threads share it. */
export const LISTING_OPTIONS = {
  writeBufferSize: 4 << 20,
  cacheSize: 8 << 20,
  maxOpenFiles: 256,
  multithreading: true,
};

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
  private readonly logger: Logger;
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
  /** Ticket of the rows that were taken last. */
  private lastTicket = 0;
  /** Taken rows up to this ticket may be lost: they are never said to be written, and their senders tell them again. */
  private lostTicket = 0;
  /** Rows were lost, and nothing has been written since: until then nothing is taken. */
  private isFailing = false;

  private constructor(device: string, db: Level<string, string>, logger: Logger, writeBatch: WriteBatch) {
    this.device = device;
    this.db = db;
    this.logger = logger;
    this.writeBatch = writeBatch;
    this.names = new KnownNames(db);
  }

  static async open(
    device: string,
    folder: string,
    logger: Logger,
    writeBatch: WriteBatch = writeSynced,
  ): Promise<ListingDatabase> {
    const db = new Level<string, string>(folder, LISTING_OPTIONS);
    await db.open();
    return new ListingDatabase(device, db, logger, writeBatch);
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
    if (this.closing || this.isFailing || this.waited > 0 || this.takenRows + rows > MOST_TAKEN_ROWS) return false;
    for (const { account, container } of containers) if (!this.memory.isLive(account, container)) return false;
    this.queue.push({ run, resolve: onWritten, reject: onFailed, taken: { rows, ticket } });
    this.takenRows += rows;
    this.lastTicket = ticket;
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
    if (change.taken && change.taken.ticket <= this.lostTicket)
      this.refuse(change, new Error('rows before them were lost'));
    else {
      this.settled(change);
      change.resolve(result as never);
    }
  }

  private refuse(change: QueuedChange, error: unknown): void {
    this.settled(change);
    if (change.taken && change.taken.ticket > this.lostTicket) {
      this.lostTicket = this.lastTicket;
      this.isFailing = true;
      this.logger.error(
        { err: error, device: this.device },
        'rows that were taken are lost, and have to be sent again',
      );
    }
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
      if (batch.writes.size > 0) {
        await this.writeBatch(this.db, batch.encode());
        this.isFailing = false;
      }
      this.names.onDurable();
      for (const { change, result } of done) this.accept(change, result);
    } catch (error) {
      this.memory.forget(); // what it holds may not be what is stored
      this.names.forgetAll();
      for (const { change } of done) this.refuse(change, deviceUnavailable(this.device, error));
    }
  }
}
