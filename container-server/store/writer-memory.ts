import { MOST_CACHED_CONTAINERS } from '../limits.ts';
import { containerKey } from './keys.ts';
import { type ContainerRecord, isLive } from './records.ts';

/** What the one writer remembers of the database: always what the next change would read there. */
export class WriterMemory {
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
