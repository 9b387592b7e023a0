import type { SeededRandom } from '../simulation/seeded-random.ts';

export const SECTOR_BYTES = 512;
const BLOCK_BYTES = 4096;
const FEWEST_BYTES = 4096;

/** How much of what was not flushed a power cut leaves: 0 = nothing, 1 = its newest state, between: some of it in any order. */
export type Luck = number;

/**
 * The bytes of one file: as programs see them, and as they are on stable storage. Between the two, each sector remembers every state
 * it had since it was last stable: a power cut leaves any of them, whatever its neighbours are left with.
 */
export class FakeInode {
  /** Names and open files that hold it. */
  links = 0;
  private seen: Buffer = Buffer.alloc(FEWEST_BYTES);
  private seenBytes = 0;
  private stable: Buffer = Buffer.alloc(FEWEST_BYTES);
  private stableBytes = 0;
  /** By sector: its states since it was last stable, oldest first. */
  private readonly unsynced = new Map<number, Buffer[]>();
  /** Sizes since the size was last stable. */
  private sizes: number[] = [];

  get sizeBytes(): number {
    return this.seenBytes;
  }

  /** What it takes of the disk, in whole blocks. */
  get allocatedBytes(): number {
    return Math.ceil(this.seenBytes / BLOCK_BYTES) * BLOCK_BYTES;
  }

  read(into: Uint8Array, position: number): number {
    const end = Math.min(position + into.length, this.seenBytes);
    if (end <= position) return 0;
    into.set(this.seen.subarray(position, end));
    return end - position;
  }

  /** Writes to memory: seen at once, stable when synced, or never. */
  write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    this.seen = grown(this.seen, end);
    this.seen.set(bytes, position);
    if (end > this.seenBytes) this.resize(end);
    this.remember(position, end);
  }

  /** Writes to stable storage. */
  writeStable(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    this.seen = grown(this.seen, end);
    this.seen.set(bytes, position);
    if (end > this.seenBytes) this.resize(end);
    this.makeStable(position, end);
    // Sectors that were not stable before are so as a whole; of the others only these bytes have changed.
    this.stable.set(bytes, position);
  }

  truncate(sizeBytes: number): void {
    this.seen = grown(this.seen, sizeBytes);
    const before = this.seenBytes;
    if (sizeBytes < before) {
      this.seen.fill(0, sizeBytes, before);
      this.remember(sizeBytes, before);
    }
    this.resize(sizeBytes);
  }

  /** Bytes `start` to `end` as they are seen, and the size they need, are on stable storage from here on. */
  makeStable(start = 0, end = this.seenBytes): void {
    this.stable = grown(this.stable, Math.max(end, this.seenBytes));
    const whole = start === 0 && end === this.seenBytes;
    const first = Math.floor(start / SECTOR_BYTES);
    const last = Math.ceil(end / SECTOR_BYTES);
    for (const sector of this.unsynced.keys()) {
      if (!whole && (sector < first || sector >= last)) continue;
      this.settleSector(sector);
      this.unsynced.delete(sector);
    }
    if (whole) {
      this.stableBytes = this.seenBytes;
      this.sizes = [];
    } else if (end > start) {
      this.stableBytes = Math.max(this.stableBytes, end);
      this.sizes = this.sizes.filter((sizeBytes) => sizeBytes >= end);
    }
  }

  /** A sync has failed: some sectors were written, the kernel forgets that the others are not. */
  failSync(random: SeededRandom): void {
    this.stable = grown(this.stable, this.seenBytes);
    for (const sector of this.unsynced.keys()) {
      if (random.chance(0.5)) this.settleSector(sector);
      this.unsynced.delete(sector);
    }
  }

  /** Changes one bit, on stable storage too. */
  flip(position: number, bit: number): void {
    for (const bytes of [this.seen, this.stable])
      if (position < bytes.length) bytes[position] = (bytes[position] ?? 0) ^ (1 << bit);
  }

  /** What a power cut leaves. This inode is not to be used any more. */
  afterCrash(random: SeededRandom, luck: Luck): FakeInode {
    const found = new FakeInode();
    const sizeBytes = luck === 1 ? this.seenBytes : random.pick([this.seenBytes, ...this.sizes]);
    found.stableBytes = this.sizes.length > 0 && random.chance(luck) ? sizeBytes : this.stableBytes;
    found.stable = grown(this.stable, Math.max(found.stableBytes, this.seenBytes));
    for (const [sector, states] of this.unsynced) {
      if (!random.chance(luck)) continue;
      const state = luck === 1 ? states.at(-1) : random.pick(states);
      if (state) found.stable.set(state, sector * SECTOR_BYTES);
    }
    found.stable.fill(0, found.stableBytes);
    found.seen = Buffer.from(found.stable);
    found.seenBytes = found.stableBytes;
    return found;
  }

  private settleSector(sector: number): void {
    const start = sector * SECTOR_BYTES;
    this.stable.set(this.seen.subarray(start, start + SECTOR_BYTES), start);
  }

  private remember(start: number, end: number): void {
    const first = Math.floor(start / SECTOR_BYTES);
    const last = Math.ceil(end / SECTOR_BYTES);
    const states = Buffer.from(this.seen.subarray(first * SECTOR_BYTES, last * SECTOR_BYTES));
    for (let sector = first; sector < last; sector += 1) {
      const offset = (sector - first) * SECTOR_BYTES;
      const state = states.subarray(offset, offset + SECTOR_BYTES);
      const known = this.unsynced.get(sector);
      if (known) known.push(state);
      else this.unsynced.set(sector, [state]);
    }
  }

  private resize(sizeBytes: number): void {
    this.seenBytes = sizeBytes;
    this.sizes.push(sizeBytes);
  }
}

/** Room for `leastBytes`, in whole sectors; zeros behind what was there. */
function grown(bytes: Buffer, leastBytes: number): Buffer {
  if (bytes.length >= leastBytes) return bytes;
  const larger = Buffer.alloc(Math.max(bytes.length * 2, Math.ceil(leastBytes / SECTOR_BYTES) * SECTOR_BYTES));
  larger.set(bytes);
  return larger;
}
