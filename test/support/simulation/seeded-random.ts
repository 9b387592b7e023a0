/** Numbers that depend on a seed alone. Spec: splitmix32, a counter whose values are mixed. */
export class SeededRandom {
  private counter: number;

  constructor(seed: number) {
    this.counter = seed | 0;
  }

  /** An integer, 0 <= n < `limit`; `limit` is at most 2 ** 32. */
  below(limit: number): number {
    this.counter = (this.counter + 0x9e3779b9) | 0;
    let mixed = this.counter;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return Math.floor((((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32) * limit);
  }

  /** True with this probability, 0..1. */
  chance(probability: number): boolean {
    return this.below(1 << 24) < probability * (1 << 24);
  }

  /** One of the items, which are at least one. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let index = shuffled.length - 1; index > 0; index -= 1) {
      const other = this.below(index + 1);
      [shuffled[index], shuffled[other]] = [shuffled[other] as T, shuffled[index] as T];
    }
    return shuffled;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    let offset = 0;
    for (; offset + 4 <= length; offset += 4) bytes.writeUInt32LE(this.below(2 ** 32), offset);
    for (; offset < length; offset += 1) bytes[offset] = this.below(256);
    return bytes;
  }
}
