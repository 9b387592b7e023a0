import { InvariantError, invariant } from '../errors.ts';
import { type Condition, type KeyValueStore, MOST_RANGE_ENTRIES, prefixEnd, type Write } from './contract.ts';

export interface TableOptions<T> {
  /** First part of every key: `volumes` makes `volumes/<id>`. Letters, digits and dashes. */
  name: string;
  /**
   * Alternate keys that no two records may share: a name to its text for a record, or undefined where the record has none.
   * Each is a key of its own (`volumes.by-name/<text>` holds the id), written in the record's batch.
   */
  unique?: Readonly<Record<string, (record: T) => string | undefined>>;
}

export interface ScanOptions {
  /** Begin behind this id. */
  afterId?: string | undefined;
  /** Records read at a time, MOST_RANGE_ENTRIES unless told: fewer hold the event loop for less. */
  pageEntries?: number;
}

/** A record as it was read: the revision guards its replacement (compare and set). */
export interface Stored<T> {
  record: T;
  revision: number;
}

/** What a commit shall check and write; made by a table, combined with those of other tables in one `commitChanges`. */
export interface Change {
  conditions: Condition[];
  writes: Write[];
}

/** Somebody else changed what this change was based on. `key` tells what: re-read and decide again. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
  readonly key: string;

  constructor(key: string) {
    super(`a concurrent change won: ${key}`);
    this.key = key;
  }
}

/** Typed records of one kind in the key-value store, with unique alternate keys. */
export class Table<T extends { id: string }> {
  readonly name: string;
  private readonly store: KeyValueStore;
  private readonly unique: Readonly<Record<string, (record: T) => string | undefined>>;

  constructor(store: KeyValueStore, options: TableOptions<T>) {
    invariant(/^[a-z][a-z0-9-]*$/.test(options.name), `table name ${options.name}`);
    this.store = store;
    this.name = options.name;
    this.unique = options.unique ?? {};
  }

  async get(id: string): Promise<Stored<T> | undefined> {
    const entry = await this.store.get(this.keyOf(id));
    return entry && { record: JSON.parse(entry.value) as T, revision: entry.revision };
  }

  /** The record whose alternate key `index` is `text`. */
  async findBy(index: string, text: string): Promise<Stored<T> | undefined> {
    const pointer = await this.store.get(this.uniqueKeyOf(index, text));
    return pointer && this.get(pointer.value);
  }

  /**
   * Every record whose id begins with `idPrefix`, in the order of ids. Pages through the store, so it yields to other work.
   * Give ids of child records their parent as a prefix (`<parent>/<child>`) and the children of one parent are one short scan.
   */
  async *scan(idPrefix = '', options: ScanOptions = {}): AsyncGenerator<Stored<T>, void, void> {
    for await (const page of this.scanPages(idPrefix, options)) yield* page;
  }

  /** The same, as many at a time as are read at once: with many records a step of a generator for each costs more than the record. */
  async *scanPages(idPrefix = '', options: ScanOptions = {}): AsyncGenerator<Stored<T>[], void, void> {
    const { afterId, pageEntries: limit = MOST_RANGE_ENTRIES } = options;
    const prefix = this.keyOf(idPrefix);
    const end = prefixEnd(prefix);
    for (let start = afterId === undefined ? prefix : `${this.keyOf(afterId)}\0`; ; ) {
      const page = await this.store.range({ start, end, limit });
      yield page.map(({ value, revision }) => ({ record: JSON.parse(value) as T, revision }));
      const last = page.at(-1);
      if (!last || page.length < limit) return;
      start = `${last.key}\0`;
    }
  }

  async list(matches: (record: T) => boolean = () => true, idPrefix = ''): Promise<T[]> {
    const records: T[] = [];
    for await (const { record } of this.scan(idPrefix)) if (matches(record)) records.push(record);
    return records;
  }

  insert(record: T): Change {
    const key = this.keyOf(record.id);
    const change: Change = {
      conditions: [{ key, revision: 0 }],
      writes: [{ key, value: JSON.stringify(record) }],
    };
    for (const pointer of this.pointersOf(record)) {
      change.conditions.push({ key: pointer, revision: 0 });
      change.writes.push({ key: pointer, value: record.id });
    }
    return change;
  }

  replace(current: Stored<T>, next: T): Change {
    invariant(current.record.id === next.id, 'a record keeps its id');
    const key = this.keyOf(next.id);
    const change: Change = {
      conditions: [{ key, revision: current.revision }],
      writes: [{ key, value: JSON.stringify(next) }],
    };
    const before = new Set(this.pointersOf(current.record));
    const after = new Set(this.pointersOf(next));
    for (const pointer of after) {
      if (before.has(pointer)) continue;
      change.conditions.push({ key: pointer, revision: 0 });
      change.writes.push({ key: pointer, value: next.id });
    }
    for (const pointer of before) if (!after.has(pointer)) change.writes.push({ key: pointer, remove: true });
    return change;
  }

  remove(current: Stored<T>): Change {
    const key = this.keyOf(current.record.id);
    return {
      conditions: [{ key, revision: current.revision }],
      writes: [key, ...this.pointersOf(current.record)].map((each) => ({ key: each, remove: true })),
    };
  }

  /** A condition for another record's change: `current` is still as it was read. */
  unchanged(current: Stored<T>): Change {
    return { conditions: [{ key: this.keyOf(current.record.id), revision: current.revision }], writes: [] };
  }

  /**
   * Reads, decides and replaces, again while others win the race.
   *
   * @param decide returns the next record, or undefined to leave it as it is; may throw to refuse.
   * @returns the record after the change, or undefined if there is none of that id.
   */
  async update(id: string, decide: (record: T) => T | undefined): Promise<T | undefined> {
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
      const current = await this.get(id);
      if (!current) return undefined;
      const next = decide(current.record);
      if (!next) return current.record;
      try {
        await commitChanges(this.store, this.replace(current, next));
        return next;
      } catch (error) {
        if (!(error instanceof ConflictError) || error.key !== this.keyOf(id)) throw error;
      }
    }
    throw new InvariantError(`${this.keyOf(id)} was changed by others ${MOST_ATTEMPTS} times in a row`);
  }

  /** The store key of an alternate key: what a ConflictError names when two records want the same one. */
  uniqueKeyOf(index: string, text: string): string {
    return `${this.name}.by-${index}/${text}`;
  }

  private keyOf(id: string): string {
    return `${this.name}/${id}`;
  }

  private pointersOf(record: T): string[] {
    return Object.entries(this.unique).flatMap(([index, textOf]) => {
      const text = textOf(record);
      return text === undefined ? [] : [this.uniqueKeyOf(index, text)];
    });
  }
}

const MOST_ATTEMPTS = 50;

/**
 * Commits changes of one or several tables as one atomic, durable batch.
 *
 * @throws ConflictError if a condition does not hold; nothing is written then.
 */
export async function commitChanges(store: KeyValueStore, ...changes: Change[]): Promise<void> {
  const result = await store.commit({
    conditions: changes.flatMap(({ conditions }) => conditions),
    writes: changes.flatMap(({ writes }) => writes),
  });
  if (result.outcome === 'conflict') throw new ConflictError(result.key);
}
