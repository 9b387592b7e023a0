import type { LiveObject } from './live-object.ts';

/**
 * What one thread knows of objects that it has looked up, on all its devices: bounded in entries and in the bytes of their needles,
 * which are therefore likely to be in the system's memory still.
 *
 * Two generations: what is found in the older one moves to the younger; when the younger has half of what is allowed it becomes the
 * older, and what that held is forgotten at once. No entry is ever looked for to make room.
 */
export class StateCache {
  private readonly mostEntries: number;
  private readonly mostBytes: number;
  private younger = new Map<string, LiveObject>();
  private older = new Map<string, LiveObject>();
  /** Of the younger one, never less than its entries have. */
  private bytes = 0;

  constructor(mostEntries: number, mostBytes: number) {
    this.mostEntries = mostEntries;
    this.mostBytes = mostBytes;
  }

  get(name: string): LiveObject | undefined {
    const young = this.younger.get(name);
    if (young !== undefined) return young;
    const old = this.older.get(name);
    if (old !== undefined) this.set(name, old);
    return old;
  }

  set(name: string, object: LiveObject): void {
    const bytes = object.base.location.lengthBytes;
    const isFull = this.younger.size >= this.mostEntries / 2 || this.bytes + bytes > this.mostBytes / 2;
    if (isFull && this.younger.size > 0) {
      this.older = this.younger;
      this.younger = new Map();
      this.bytes = 0;
    }
    this.younger.set(name, object);
    this.bytes += bytes;
  }
}
