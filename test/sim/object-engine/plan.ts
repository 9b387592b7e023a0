import type { SeededRandom } from '../../support/simulation/seeded-random.ts';

/** What kind of a run a seed makes. */
export interface Plan {
  seed: number;
  devices: number;
  lanes: number;
  /** Objects per device. */
  names: number;
  /** Operations at a time. */
  clients: number;
  /** Operations between two starts. */
  operations: number;
  /** Starts that end in a power cut or, some of them, in a clean stop. */
  lives: number;
  /** Whether at the end everything is removed, and its space used again. */
  reclaims: boolean;
  latePercent: number;
  /** Of what is listed: answered before it is durable. */
  takenPercent: number;
  gonePercent: number;
  /** Of the rows that were taken: not written before long, perhaps not in this life. */
  slowPercent: number;
  /** Of each disk operation, in the lives that have faults at all. */
  faultChance: number;
  capacityBytes: number | undefined;
  /** Part of the bodies that are too large for slabs, percent. */
  largePercent: number;
  /** Part of the disk that is kept free, percent. */
  reservePercent: number;
  /** Bits are lost between two lives. */
  flips: boolean;
  segmentBytes: number;
  /** Part of a segment that must be dead before it is compacted, percent. */
  compactPercent: number;
  /** Of the operations: housekeeping. */
  housekeepPercent: number;
  /** Whether housekeeping runs by itself, too. */
  timers: boolean;
}

export function planOf(seed: number, random: SeededRandom): Plan {
  const kind = random.below(100);
  const isLong = random.chance(0.1);
  const isSmall = kind >= 15 && kind < 25;
  // Much is written, compacted and used again while rows of what was written before wait to be listed.
  const isChurning = kind >= 25 && kind < 40;
  return {
    seed,
    devices: random.pick([1, 1, 2]),
    lanes: random.pick([1, 2, 2, 3]),
    names: isChurning ? 4 + random.below(8) : 1 + random.below(5),
    clients: 1 + random.below(6),
    operations: isChurning || isLong ? 30 + random.below(40) : 3 + random.below(20),
    lives: isLong ? 3 : 1 + random.below(3),
    reclaims: isLong || random.chance(0.2),
    latePercent: isChurning ? 0 : random.pick([0, 10, 50]),
    takenPercent: isChurning ? 100 : random.pick([0, 50, 100]),
    gonePercent: random.pick([0, 0, 0, 10]),
    slowPercent: isChurning ? 30 : 0,
    faultChance: kind < 15 || kind >= 97 ? random.pick([0.002, 0.02]) : 0,
    capacityBytes: isSmall ? 2_000_000 + random.below(2_000_000) : undefined,
    reservePercent: 20,
    flips: kind >= 97,
    segmentBytes: isSmall || isChurning ? 16 << 10 : random.pick([16 << 10, 32 << 10, 128 << 10]),
    largePercent: isSmall ? 40 : 3,
    compactPercent: isChurning ? 1 : random.pick([1, 20, 60]),
    housekeepPercent: isChurning ? 12 : 4,
    timers: random.chance(0.3),
  };
}
