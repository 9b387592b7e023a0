import type { Level } from 'level';
import {
  FEWEST_MISSES_BEFORE_SCAN,
  MOST_BYTES_PER_FETCH,
  MOST_CONTAINERS_WITH_KNOWN_NAMES,
  MOST_ENTRIES_PER_FETCH,
  MOST_KNOWN_NAMES_BYTES,
  ROWS_PER_MISS,
} from '../limits.ts';
import { objectRowsBounds } from './keys.ts';
import { hashOfName, NameFilter, type NameHash } from './name-filter.ts';

/** Bytes of a filter's memory for each name, with room to grow. */
const BYTES_PER_NAME = 4;
/** Memory is looked at once in so many batches. */
const BATCHES_PER_BOUND = 64;

/** What is known of the names of one container's live rows. */
export class ContainerNames {
  /** Of every name that was added since it was made. */
  filter: NameFilter | undefined;
  /** Whether the filter has all names that there are. */
  isComplete = false;
  /** Looks at the database that found nothing. */
  misses = 0;

  isSurelyAbsent(hash: NameHash): boolean {
    return this.isComplete && this.filter?.has(hash) === false;
  }
}

/**
 * Spares the writer most of its looks at the database: a look for what is not there is the dearest of all, and LevelDB takes many of
 * them as a reason to rewrite its files. Nearly every new object's row would be such a look, in each replica.
 *
 * A container that counts no objects has no live rows, so its names are known from the first one on. Those of others are read once,
 * in the background, when looks in vain have become about as dear as that.
 */
export class KnownNames {
  private readonly db: Level<string, string>;
  /** By account and container, the least recently used first. */
  private readonly containers = new Map<string, ContainerNames>();
  /** Whose names are to be read as soon as what has been staged for them is durable. */
  private readonly wanted: WantedNames[] = [];
  private readonly ready: WantedNames[] = [];
  private scanning: Promise<void> | undefined;
  private closed = false;
  private batches = 0;

  constructor(db: Level<string, string>) {
    this.db = db;
  }

  /** @param objectCount of the container before what comes now, exactly. */
  of(account: string, container: string, objectCount: number): ContainerNames {
    const key = `${account}\0${container}`;
    const names = this.containers.get(key) ?? new ContainerNames();
    this.containers.delete(key);
    this.containers.set(key, names);
    if (objectCount === 0 && !names.isComplete) {
      names.filter = new NameFilter(0);
      names.isComplete = true;
    } else if (names.filter === undefined && this.isWorthReading(names, objectCount)) {
      names.filter = new NameFilter(objectCount); // from now on it gets every new name; the older ones come from the scan
      this.wanted.push({ account, container, names });
    } else if (names.filter !== undefined && names.filter.names > 2 * objectCount + ROWS_PER_MISS * 1000) {
      this.containers.delete(key); // most of its names are of rows that have gone
    }
    if (this.containers.size > MOST_CONTAINERS_WITH_KNOWN_NAMES) this.forgetOldest();
    return names;
  }

  /** All that was staged is durable: a scan that begins now sees it. */
  onDurable(): void {
    this.batches += 1;
    if (this.batches % BATCHES_PER_BOUND === 0) this.boundMemory();
    if (this.wanted.length === 0 || this.closed) return;
    this.ready.push(...this.wanted.splice(0));
    this.scanning ??= this.scanReady().finally(() => {
      this.scanning = undefined;
    });
  }

  forgetAll(): void {
    this.containers.clear();
    this.wanted.length = 0;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.scanning;
  }

  private isWorthReading({ misses }: ContainerNames, objectCount: number): boolean {
    if (objectCount * BYTES_PER_NAME > MOST_KNOWN_NAMES_BYTES) return false;
    return misses >= Math.max(FEWEST_MISSES_BEFORE_SCAN, objectCount / ROWS_PER_MISS);
  }

  private async scanReady(): Promise<void> {
    for (let next = this.ready.shift(); next !== undefined && !this.closed; next = this.ready.shift())
      await this.scan(next);
  }

  private async scan({ account, container, names }: WantedNames): Promise<void> {
    const { filter } = names;
    if (filter === undefined) return;
    const bounds = objectRowsBounds(account, container);
    const iterator = this.db.keys({ ...bounds, highWaterMarkBytes: MOST_BYTES_PER_FETCH });
    try {
      for (;;) {
        const keys = await iterator.nextv(MOST_ENTRIES_PER_FETCH);
        if (this.closed) return;
        if (keys.length === 0) break;
        for (const key of keys) filter.add(hashOfName(key.slice(bounds.gt.length)));
      }
      names.isComplete = true;
    } catch {
      names.filter = undefined; // the writer's next look meets the same fault, and tells whoever waits for it
      names.misses = 0;
    } finally {
      await iterator.close();
    }
  }

  private boundMemory(): void {
    let bytes = 0;
    for (const { filter } of this.containers.values()) bytes += filter?.bytes ?? 0;
    for (const [key, { filter }] of this.containers) {
      if (bytes <= MOST_KNOWN_NAMES_BYTES) return;
      bytes -= filter?.bytes ?? 0;
      this.containers.delete(key);
    }
  }

  private forgetOldest(): void {
    for (const key of this.containers.keys()) {
      this.containers.delete(key);
      return;
    }
  }
}

interface WantedNames {
  account: string;
  container: string;
  names: ContainerNames;
}
