import { packPosition } from '../engine/shared-state.ts';
import type { Location } from './contract.ts';

interface Batch {
  generation: number;
  offset: number;
  /** Offsets of the needles that are not settled yet. */
  unsettled: Set<number>;
}

/** Batches that are wholly settled and still in the list; then it is shortened. */
const MOST_SPENT = 1024;

/**
 * The position before which every needle of a lane is settled, kept up to date in the share: a checkpoint may say that all before it is
 * in the index. It moves by whole batches; a needle is replayed once too often rather than once too seldom.
 */
export class SettledPositions {
  private readonly settled: BigInt64Array;
  private readonly lane: number;
  private batches: Batch[] = [];
  private oldest = 0;
  /** Where the next batch goes. */
  private next: { generation: number; offset: number };

  /** @param generation below which this lane has written nothing that is not settled. */
  constructor(settled: BigInt64Array, lane: number, generation: number) {
    this.settled = settled;
    this.lane = lane;
    this.next = { generation, offset: 0 };
    this.publish();
  }

  /** A batch is about to be written: before its write, so that no needle is ever before the position. */
  began(generation: number, offset: number, endOffset: number, needles: readonly Location[]): void {
    this.batches.push({ generation, offset, unsettled: new Set(needles.map((needle) => needle.offset)) });
    this.next = { generation, offset: endOffset };
  }

  settle({ generation, offset }: Location): void {
    const batch = this.find(generation, offset);
    if (!batch?.unsettled.delete(offset) || batch.unsettled.size > 0) return;
    this.advance();
  }

  /** Nobody waits for any of these: their writes failed, or they were never indexed. */
  settleBatch(generation: number, offset: number): void {
    const batch = this.find(generation, offset);
    batch?.unsettled.clear();
    this.advance();
  }

  private advance(): void {
    const before = this.oldest;
    while (this.batches[this.oldest]?.unsettled.size === 0) this.oldest += 1;
    if (this.oldest === before) return;
    this.publish();
    if (this.oldest < MOST_SPENT && this.oldest < this.batches.length) return;
    this.batches = this.batches.slice(this.oldest);
    this.oldest = 0;
  }

  private publish(): void {
    const { generation, offset } = this.batches[this.oldest] ?? this.next;
    Atomics.store(this.settled, this.lane, packPosition(generation, offset));
  }

  /** The batch that a needle is in: the last one that begins at or before it. */
  private find(generation: number, offset: number): Batch | undefined {
    let low = this.oldest;
    let high = this.batches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const batch = this.batches[middle];
      if (!batch) break;
      if (batch.generation > generation || (batch.generation === generation && batch.offset > offset)) high = middle;
      else low = middle + 1;
    }
    const found = this.batches[low - 1];
    return low > this.oldest && found?.generation === generation ? found : undefined;
  }
}
