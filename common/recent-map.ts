/**
 * A bounded map that forgets what was not used lately.
 *
 * Two generations: a key found in the older one moves to the younger, and when the younger holds half the capacity it becomes the
 * older, and what was that is forgotten. Looking up a key that was used lately changes nothing: it costs what a Map's look-up does.
 */
export class RecentMap<V> {
  private younger = new Map<string, V>();
  private older = new Map<string, V>();
  private readonly half: number;

  /** @param capacity most entries kept, at least 2; at least half of them are those used last. */
  constructor(capacity: number) {
    this.half = Math.max(1, Math.floor(capacity / 2));
  }

  get(key: string): V | undefined {
    const young = this.younger.get(key);
    if (young !== undefined) return young;
    const old = this.older.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, value: V): void {
    if (this.younger.size >= this.half && !this.younger.has(key)) {
      this.older = this.younger;
      this.younger = new Map();
    }
    this.younger.set(key, value);
  }

  delete(key: string): void {
    this.younger.delete(key);
    this.older.delete(key);
  }
}
