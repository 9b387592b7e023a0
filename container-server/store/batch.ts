import type { Level } from 'level';
import { MOST_BLOCKING_READS_MS } from '../limits.ts';
import { containerKey, dirtyKey } from './keys.ts';
import type { ContainerNames, KnownNames } from './known-names.ts';
import { type ContainerRecord, decodeContainer } from './records.ts';
import type { WriterMemory } from './writer-memory.ts';

export type Write = { type: 'put'; key: string; value: string } | { type: 'del'; key: string };

/** A batch did not have this key. */
const ABSENT = Symbol('absent');

/** Value of a dirty mark: that it is there says all. */
const MARK = '1';

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

/** The writes of one batch, over the database: what each of its changes sees. */
export class Batch implements View {
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
