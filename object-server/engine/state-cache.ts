import type { LiveObject } from './live-object.ts';

interface Entry {
  object: LiveObject;
  used: boolean;
}

/**
 * What one thread knows of objects that it has looked up, on all its devices: bounded in entries and in the bytes of their needles,
 * which are therefore likely to be in the system's memory still. What was used stays longer.
 */
export class StateCache {
  private readonly mostEntries: number;
  private readonly mostBytes: number;
  private readonly entries = new Map<string, Entry>();
  private bytes = 0;

  constructor(mostEntries: number, mostBytes: number) {
    this.mostEntries = mostEntries;
    this.mostBytes = mostBytes;
  }

  get(name: string): LiveObject | undefined {
    const entry = this.entries.get(name);
    if (entry === undefined) return undefined;
    entry.used = true;
    return entry.object;
  }

  set(name: string, object: LiveObject): void {
    const former = this.entries.get(name);
    if (former !== undefined) {
      this.bytes += object.base.location.lengthBytes - former.object.base.location.lengthBytes;
      former.object = object;
    } else {
      this.entries.set(name, { object, used: false });
      this.bytes += object.base.location.lengthBytes;
    }
    this.shrink();
  }

  delete(name: string): void {
    const entry = this.entries.get(name);
    if (entry === undefined) return;
    this.entries.delete(name);
    this.bytes -= entry.object.base.location.lengthBytes;
  }

  /** The oldest goes, unless it was used since it was looked at last: then it is the newest again. */
  private shrink(): void {
    for (const [name, entry] of this.entries) {
      if (this.entries.size <= this.mostEntries && this.bytes <= this.mostBytes) return;
      this.entries.delete(name);
      if (entry.used) {
        entry.used = false;
        this.entries.set(name, entry);
      } else this.bytes -= entry.object.base.location.lengthBytes;
    }
  }
}
