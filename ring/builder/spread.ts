import type { Device } from '../contract.ts';
import { countHeld, NOBODY } from './assignment.ts';
import { TIER_LEVELS, type TierTree } from './tier-tree.ts';

/** What Swift shows for a device without weight that holds partitions. */
export const MAX_BALANCE = 999.99;

/**
 * How far each device is from what its weight asks for, in percent; negative is too little.
 *
 * Spec: Swift 2.30, "The Rings": balance (`RingBuilder.get_balance`).
 */
export function balances(
  devices: readonly (Device | undefined)[],
  rows: readonly Uint16Array[],
  wantedTotal: number,
): Map<number, number> {
  const held = countHeld(rows, devices.length);
  const weight = devices.reduce((sum, device) => sum + (device?.weight ?? 0), 0);
  const found = new Map<number, number>();
  for (const device of devices) {
    if (device === undefined) continue;
    const count = held[device.id] ?? 0;
    if (device.weight > 0) found.set(device.id, (100 * count * weight) / (device.weight * wantedTotal) - 100);
    else found.set(device.id, count > 0 ? MAX_BALANCE : 0);
  }
  return found;
}

/** Of a tier: how many partitions have 0, 1, 2, … replicas in it. */
type ReplicaCounts = readonly number[];

export interface Spread {
  /** Percentage of the partition replicas that stand closer to another one than an even spread needs. */
  readonly dispersion: number;
  /** By tier number. */
  readonly counts: readonly ReplicaCounts[];
}

/**
 * Measures how far apart the replicas are.
 *
 * @param allowed by tier number: the most replicas of a partition that an even spread puts there.
 * Spec: Swift 2.30, "The Rings": dispersion (`RingBuilder._build_dispersion_graph`): each partition counts on the level
 * of failure domains where it stands worst.
 */
export function measureSpread(
  tree: TierTree,
  rows: readonly Uint16Array[],
  partitions: number,
  allowed: Int32Array,
): Spread {
  const width = rows.length + 1;
  const counts = new Float64Array(tree.tiers.length * width);
  const here = new Int32Array(tree.tiers.length);
  const risk = new Int32Array(TIER_LEVELS);
  let atRisk = 0;
  let placed = 0;
  for (let partition = 0; partition < partitions; partition++) {
    risk.fill(0);
    for (const row of rows) {
      const device = row[partition] ?? NOBODY;
      if (device === NOBODY) continue;
      placed++;
      for (let level = 0; level < TIER_LEVELS; level++) {
        const tier = tree.paths[device * TIER_LEVELS + level] ?? 0;
        const count = (here[tier] ?? 0) + 1;
        here[tier] = count;
        if (count > (allowed[tier] ?? 0)) risk[level] = (risk[level] ?? 0) + 1;
      }
    }
    for (const row of rows) {
      const device = row[partition] ?? NOBODY;
      if (device === NOBODY) continue;
      for (let level = 0; level < TIER_LEVELS; level++) {
        const tier = tree.paths[device * TIER_LEVELS + level] ?? 0;
        const count = here[tier] ?? 0;
        if (count === 0) continue;
        counts[tier * width + count] = (counts[tier * width + count] ?? 0) + 1;
        here[tier] = 0;
      }
    }
    atRisk += Math.max(...risk);
  }
  return {
    dispersion: placed === 0 ? 0 : (100 * atRisk) / placed,
    counts: tree.tiers.map((_, number) => {
      const some = Array.from(counts.subarray(number * width + 1, (number + 1) * width));
      return [partitions - some.reduce((sum, count) => sum + count, 0), ...some];
    }),
  };
}
