import type { Device } from '../contract.ts';
import { refusedChange } from '../errors.ts';
import { leafOf, sumUp, type TierTree } from './tier-tree.ts';

/** How many replicas of each partition a tier shall hold, by tier number. Fractions say: so many on average. */
export interface ReplicaPlan {
  /** By weight alone, but never more than one replica of a partition on a device. */
  readonly weighted: Float64Array;
  /** As far apart as the tiers allow, and within that by weight. */
  readonly dispersed: Float64Array;
  /** Between the two, as far as the overload allows. */
  readonly target: Float64Array;
  /** The least and the most replicas of any single partition: the whole numbers around the target. */
  readonly min: Int32Array;
  readonly max: Int32Array;
  /** The overload at which target and dispersed are the same; 0 when dispersion costs nothing. */
  readonly requiredOverload: number;
}

/** Rounding noise of the sums below; far under one partition of the largest ring. */
const NOISE = 1e-9;

/**
 * Plans the share of every tier.
 *
 * @param replicas per partition, may have a fraction.
 * @param overload how much more than its weight says a device may take for the sake of dispersion; 0.1 is 10 %.
 * @throws ApiError RingChangeRefused when fewer devices have weight than a partition has replicas.
 * Spec: Swift 2.30, "The Rings": Fractional Replicas, Overload, Building the Ring (replica plan).
 */
export function buildReplicaPlan(
  tree: TierTree,
  devices: readonly (Device | undefined)[],
  replicas: number,
  overload: number,
): ReplicaPlan {
  const usable = devices.filter((device) => device !== undefined && device.weight > 0).length;
  if (usable < replicas)
    throw refusedChange(`${replicas} replicas need as many devices with weight, and there are ${usable}`);
  const weighted = planByWeight(tree, devices, replicas);
  const dispersed = planByDispersion(tree, weighted, replicas);

  let requiredOverload = 0;
  for (const [number, tier] of tree.tiers.entries()) {
    const weight = weighted[number] ?? 0;
    if (tier.deviceId >= 0 && weight > 0)
      requiredOverload = Math.max(requiredOverload, ((dispersed[number] ?? 0) - weight) / weight);
  }
  if (requiredOverload < NOISE) requiredOverload = 0;
  const share = requiredOverload === 0 ? 1 : Math.min(overload / requiredOverload, 1);
  const target = weighted.map((weight, number) => snap(weight + ((dispersed[number] ?? 0) - weight) * share));
  return {
    weighted,
    dispersed,
    target,
    min: Int32Array.from(target, Math.floor),
    max: Int32Array.from(target, Math.ceil),
    requiredOverload,
  };
}

/**
 * The most replicas of a partition that a tier holds when they are spread evenly, whatever the weights: what more it
 * holds is counted as dispersion.
 *
 * Spec: Swift 2.30, "The Rings": dispersion. Tiers without weight are not spread over: they allow none.
 */
export function maxReplicasBySpread(tree: TierTree, weighted: Float64Array, replicas: number): Int32Array {
  return Int32Array.from(spreadEvenly(tree, weighted, replicas, Math.ceil));
}

function planByWeight(tree: TierTree, devices: readonly (Device | undefined)[], replicas: number): Float64Array {
  const plan = new Float64Array(tree.tiers.length);
  let open = devices.filter((device): device is Device => device !== undefined && device.weight > 0);
  let remaining = replicas;
  // A device that would get more than one replica gets one; the rest is shared again among the others.
  for (;;) {
    const weight = open.reduce((sum, device) => sum + device.weight, 0);
    const perWeight = weight > 0 ? remaining / weight : 0;
    const full = open.filter((device) => device.weight * perWeight >= 1);
    if (full.length === 0) {
      for (const device of open) plan[leafOf(tree, device.id)] = device.weight * perWeight;
      break;
    }
    for (const device of full) plan[leafOf(tree, device.id)] = 1;
    remaining -= full.length;
    open = open.filter((device) => device.weight * perWeight < 1);
  }
  sumUp(tree, plan);
  return plan;
}

function planByDispersion(tree: TierTree, weighted: Float64Array, replicas: number): Float64Array {
  const even = spreadEvenly(tree, weighted, replicas, (share) => share);
  const devices = Float64Array.from(tree.tiers, (tier, number) =>
    tier.deviceId >= 0 && (weighted[number] ?? 0) > 0 ? 1 : 0,
  );
  sumUp(tree, devices);
  const plan = new Float64Array(tree.tiers.length);
  plan[0] = replicas;
  for (const [number, tier] of tree.tiers.entries()) {
    const children = tier.children.filter((child) => (weighted[child] ?? 0) > 0);
    if (children.length === 0) continue;
    const share = plan[number] ?? 0;
    const limits = children.map((child) => {
      const room = devices[child] ?? 0;
      return {
        weight: weighted[child] ?? 0,
        low: Math.min(room, Math.floor((even[child] ?? 0) + NOISE)),
        high: Math.min(room, Math.ceil((even[child] ?? 0) - NOISE)),
        room,
      };
    });
    // Too few devices in some children: the others take more than their even share.
    if (limits.reduce((sum, { high }) => sum + high, 0) < share - NOISE)
      for (const limit of limits) [limit.low, limit.high] = [limit.high, limit.room];
    for (const [index, part] of shareOut(share, limits).entries()) plan[children[index] ?? 0] = part;
  }
  return plan;
}

/** Divides by weight within each one's limits: every part is weight x factor, cut off at low and high. */
function shareOut(total: number, limits: readonly { weight: number; low: number; high: number }[]): number[] {
  const parts = (factor: number) =>
    limits.map(({ weight, low, high }) => Math.min(high, Math.max(low, weight * factor)));
  const sum = (factor: number) => parts(factor).reduce((all, part) => all + part, 0);
  let low = 0;
  let high = 1;
  while (sum(high) < total - NOISE && high < 1e18) high *= 2;
  for (let step = 0; step < 100 && high - low > Number.EPSILON * high; step++) {
    const middle = (low + high) / 2;
    if (sum(middle) < total) low = middle;
    else high = middle;
  }
  return parts(high);
}

function spreadEvenly(
  tree: TierTree,
  weighted: Float64Array,
  replicas: number,
  round: (share: number) => number,
): Float64Array {
  const spread = new Float64Array(tree.tiers.length);
  spread[0] = replicas;
  for (const [number, tier] of tree.tiers.entries()) {
    const children = tier.children.filter((child) => (weighted[child] ?? 0) > 0);
    for (const child of children) {
      const share = round((spread[number] ?? 0) / children.length);
      spread[child] = tier.level === 3 ? Math.min(1, share) : share;
    }
  }
  return spread;
}

function snap(value: number): number {
  const whole = Math.round(value);
  return Math.abs(value - whole) < NOISE ? whole : value;
}
