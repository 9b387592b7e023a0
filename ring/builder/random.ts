import { hash } from 'node:crypto';

/** A small, fast generator of numbers that look random and follow from a seed. Not for secrets. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  constructor(seed: string) {
    const digest = hash('sha256', seed, 'buffer');
    this.#a = digest.readInt32LE(0);
    this.#b = digest.readInt32LE(4);
    this.#c = digest.readInt32LE(8);
    this.#counter = digest.readInt32LE(12);
    for (let warmUp = 0; warmUp < 12; warmUp++) this.below(2);
  }

  /**
   * @param bound 1..2 ** 32.
   * @returns a whole number, 0 <= n < bound.
   * Spec: PractRand's sfc32 (Chris Doty-Humphrey), scaled by multiplication.
   */
  below(bound: number): number {
    const next = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + next) | 0;
    return Math.floor(((next >>> 0) / 4_294_967_296) * bound);
  }

  /** Shuffles items[from..to) in place. */
  shuffle(items: Int32Array, from: number, to: number): void {
    for (let last = to - 1; last > from; last--) {
      const other = from + this.below(last - from + 1);
      const item = items[last] ?? 0;
      items[last] = items[other] ?? 0;
      items[other] = item;
    }
  }

  /** Visits 0..count-1, each once, in an order that jumps about; count is a power of two. */
  *permutation(count: number): Generator<number> {
    const start = this.below(count);
    // An odd stride is coprime with a power of two; near the golden section it never clusters.
    const stride = (Math.floor(count * 0.618) + 2 * this.below(Math.max(1, count >> 3))) | 1;
    let at = start;
    for (let visited = 0; visited < count; visited++) {
      yield at;
      at = (at + stride) & (count - 1);
    }
  }
}
