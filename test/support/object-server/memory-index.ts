import {
  boundsOf,
  decodePending,
  decodeScanned,
  decodeVersion,
  encodePendingKey,
  encodePendingValue,
  encodeVersionKey,
  encodeVersionValue,
} from '../../../object-server/index/codec.ts';
import type {
  IndexChange,
  IndexedVersion,
  ObjectKey,
  PendingEntry,
  ScannedVersion,
  VersionIdentity,
  VersionIndex,
} from '../../../object-server/index/contract.ts';

type Entries = Map<string, Buffer>;
type Write = [key: string, value: Buffer | undefined];

/**
 * What an index leaves on its disk. `open` gives an index over it, as often as wanted; after `crash` those that were open are of no
 * use, and what they put since the last flush is there in any part.
 */
export class MemoryIndexStore {
  private stable: Entries = new Map();
  private current: Entries = new Map();
  /** Puts since the last flush, in their order. */
  private unflushed: Write[][] = [];
  private made = false;
  private life = 0;

  open(): VersionIndex {
    const fresh = !this.made;
    this.made = true;
    return new MemoryIndex(this, fresh, this.life);
  }

  /** @param survives says of each put since the last flush whether it is found again. */
  crash(survives: () => boolean): void {
    this.life += 1;
    const found = new Map(this.stable);
    for (const writes of this.unflushed) if (survives()) apply(found, writes);
    this.stable = found;
    this.current = new Map(found);
    this.unflushed = [];
  }

  /** As if the database had been destroyed. */
  forgetAll(): void {
    this.crash(() => false);
    this.stable = new Map();
    this.current = new Map();
    this.made = false;
  }

  isOf(life: number): boolean {
    return this.life === life;
  }

  write(writes: Write[]): void {
    this.unflushed.push(writes);
    apply(this.current, writes);
  }

  flush(): void {
    this.stable = new Map(this.current);
    this.unflushed = [];
  }

  get(key: Buffer): Buffer | undefined {
    return this.current.get(key.toString('latin1'));
  }

  /** Entries with `from` <= key < `to`, in order. */
  range(from: Buffer, to: Buffer): [Buffer, Buffer][] {
    const low = from.toString('latin1');
    const high = to.toString('latin1');
    return [...this.current]
      .filter(([key]) => key >= low && key < high)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, value]) => [Buffer.from(key, 'latin1'), value]);
  }
}

class MemoryIndex implements VersionIndex {
  readonly fresh: boolean;
  private readonly store: MemoryIndexStore;
  private readonly life: number;

  constructor(store: MemoryIndexStore, fresh: boolean, life: number) {
    this.store = store;
    this.fresh = fresh;
    this.life = life;
  }

  async versions(object: ObjectKey): Promise<IndexedVersion[]> {
    await this.turn();
    const { from, to } = boundsOf(object);
    return this.store.range(from, to).map(([key, value]) => decodeVersion(key, value));
  }

  async newest(object: ObjectKey): Promise<IndexedVersion[]> {
    const all = await this.versions(object);
    const base = all.findIndex(({ kind }) => kind !== 'metadata');
    return base === -1 ? all : all.slice(0, base + 1);
  }

  newestOf(objects: readonly ObjectKey[]): Promise<IndexedVersion[][]> {
    return Promise.all(objects.map((object) => this.newest(object)));
  }

  findAll(wanted: readonly { object: ObjectKey; version: VersionIdentity }[]): Promise<(IndexedVersion | undefined)[]> {
    return Promise.all(wanted.map(({ object, version }) => this.find(object, version)));
  }

  async find(object: ObjectKey, version: VersionIdentity): Promise<IndexedVersion | undefined> {
    await this.turn();
    const key = encodeVersionKey(object, version);
    const value = this.store.get(key);
    return value && decodeVersion(key, value);
  }

  async put(changes: readonly IndexChange[]): Promise<void> {
    await this.turn();
    this.store.write(changes.map(writeOf));
    await this.turn();
  }

  async flush(): Promise<void> {
    await this.turn();
    this.store.flush();
    await this.turn();
  }

  async bytesToFlush(): Promise<number> {
    return 0;
  }

  async scan(after: Buffer | undefined, limit: number): Promise<ScannedVersion[]> {
    const entries = await this.page('V', after, limit);
    return entries.map(([key, value]) => decodeScanned(key, value));
  }

  async pending(after: Buffer | undefined, limit: number): Promise<PendingEntry[]> {
    const entries = await this.page('P', after, limit);
    return entries.map(([key, value]) => decodePending(key, value));
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  private async page(space: 'V' | 'P', after: Buffer | undefined, limit: number): Promise<[Buffer, Buffer][]> {
    await this.turn();
    const from = after === undefined ? Buffer.from(space) : Buffer.concat([after, Buffer.of(0)]);
    return this.store.range(from, Buffer.of(space.charCodeAt(0) + 1)).slice(0, limit);
  }

  /** What was open when the power went finds nobody there. */
  private async turn(): Promise<void> {
    await Promise.resolve();
    if (!this.store.isOf(this.life))
      throw Object.assign(new Error('the power is off'), { code: 'EIO', syscall: 'index' });
  }
}

function apply(entries: Entries, writes: readonly Write[]): void {
  for (const [key, value] of writes) {
    if (value === undefined) entries.delete(key);
    else entries.set(key, value);
  }
}

function writeOf(change: IndexChange): Write {
  switch (change.change) {
    case 'put':
      return [encodeVersionKey(change.object, change.version).toString('latin1'), encodeVersionValue(change.version)];
    case 'remove':
      return [encodeVersionKey(change.object, change.version).toString('latin1'), undefined];
    case 'put-pending':
      return [
        encodePendingKey(change.version).toString('latin1'),
        encodePendingValue(change.object, change.version, change.listing),
      ];
    case 'remove-pending':
      return [change.key.toString('latin1'), undefined];
  }
}
