import { invariant } from '../../common/errors.ts';
import type { ReplicaPlan } from './replica-plan.ts';
import { sumUp, type TierTree } from './tier-tree.ts';

export interface QuotaRequest {
  readonly tree: TierTree;
  readonly plan: ReplicaPlan;
  readonly partitions: number;
  /** Partition replicas in the whole ring. */
  readonly total: number;
  /** By tier number of a leaf: the partition replicas that its weight alone asks for. */
  readonly byWeight: Float64Array;
  /** By tier number of a leaf: what it holds now. */
  readonly current: Int32Array;
}

/** By tier number: the fewest and the most partition replicas it may hold. */
interface Bounds {
  readonly low: Int32Array;
  readonly high: Int32Array;
}

/**
 * Turns the plan's fractions into whole partition replicas for every tier.
 *
 * Each tier gets its share rounded down or up. Of all such roundings this takes one whose worst device is as near to its
 * weight as can be (that is the ring's balance), and among those one near to what the devices hold (that is what moves).
 *
 * @returns quota by tier number; the quotas of a tier's children add up to its own.
 */
export function buildQuotas(request: QuotaRequest): Int32Array {
  const { tree, plan, partitions, total } = request;
  const ideal = plan.target.map((share) => share * partitions);
  let bounds: Bounds = { low: Int32Array.from(ideal, floor), high: Int32Array.from(ideal, ceil) };
  bounds.low[0] = total;
  bounds.high[0] = total;
  for (const centre of [request.byWeight, ideal]) bounds = tighten(tree, bounds, centre);
  const sums = sumBounds(tree, bounds);
  invariant(sums !== undefined, 'rounding every share down or up leaves room for the total');
  return choose(tree, sums, request.current, ideal);
}

/** Narrows the leaves' bounds as far around the centre as the total allows; the measure is the relative distance. */
function tighten(tree: TierTree, bounds: Bounds, centre: Float64Array): Bounds {
  let tightest = bounds;
  let low = 0;
  let high = 1;
  while (sumBounds(tree, narrow(tree, bounds, centre, high)) === undefined && high < 1e9) high *= 2;
  for (let step = 0; step < 48; step++) {
    const distance = (low + high) / 2;
    const narrowed = narrow(tree, bounds, centre, distance);
    if (sumBounds(tree, narrowed) === undefined) low = distance;
    else {
      high = distance;
      tightest = narrowed;
    }
  }
  return tightest;
}

function narrow(tree: TierTree, bounds: Bounds, centre: Float64Array, distance: number): Bounds {
  const low = bounds.low.slice();
  const high = bounds.high.slice();
  for (const [number, tier] of tree.tiers.entries()) {
    const middle = centre[number] ?? 0;
    if (tier.deviceId < 0 || middle <= 0) continue;
    low[number] = Math.max(low[number] ?? 0, ceil(middle * (1 - distance)));
    high[number] = Math.min(high[number] ?? 0, floor(middle * (1 + distance)));
  }
  return { low, high };
}

/** Adds the leaves' bounds up into the tiers' own; undefined when some tier cannot meet its own bounds. */
function sumBounds(tree: TierTree, bounds: Bounds): Bounds | undefined {
  const low = new Int32Array(tree.tiers.length);
  const high = new Int32Array(tree.tiers.length);
  for (let number = tree.tiers.length - 1; number >= 0; number--) {
    const tier = tree.tiers[number];
    invariant(tier !== undefined, 'tiers are numbered without holes');
    const leaf = tier.deviceId >= 0;
    const least = Math.max(bounds.low[number] ?? 0, leaf ? 0 : (low[number] ?? 0));
    const most = leaf ? (bounds.high[number] ?? 0) : Math.min(bounds.high[number] ?? 0, high[number] ?? 0);
    if (least > most) return undefined;
    low[number] = least;
    high[number] = most;
    if (tier.parent >= 0) {
      low[tier.parent] = (low[tier.parent] ?? 0) + least;
      high[tier.parent] = (high[tier.parent] ?? 0) + most;
    }
  }
  return { low, high };
}

function choose(tree: TierTree, { low, high }: Bounds, current: Int32Array, ideal: Float64Array): Int32Array {
  const clamp = (number: number, value: number) => Math.min(high[number] ?? 0, Math.max(low[number] ?? 0, value));
  const quota = current.slice();
  for (const [number, tier] of tree.tiers.entries())
    if (tier.deviceId >= 0) quota[number] = clamp(number, current[number] ?? 0);
    else quota[number] = 0;
  const wished = quota.slice();
  sumUp(tree, wished);
  quota[0] = clamp(0, wished[0] ?? 0);
  for (const [number, tier] of tree.tiers.entries()) {
    if (tier.children.length === 0) continue;
    let missing = quota[number] ?? 0;
    for (const child of tier.children) {
      quota[child] = clamp(child, wished[child] ?? 0);
      missing -= quota[child] ?? 0;
    }
    const step = Math.sign(missing);
    const lag = (child: number) => ((ideal[child] ?? 0) - (quota[child] ?? 0)) * step;
    const order = tier.children.toSorted((left, right) => lag(right) - lag(left) || left - right);
    while (missing !== 0) {
      const before = missing;
      for (const child of order) {
        if (missing === 0) break;
        const next = (quota[child] ?? 0) + step;
        if (clamp(child, next) !== next) continue;
        quota[child] = next;
        missing -= step;
      }
      invariant(missing !== before, 'the bounds of a tier are the sums of its children');
    }
  }
  return quota;
}

/** Shares carry rounding noise: 785.9999999 is 786. */
const NOISE = 1e-6;

function floor(value: number): number {
  return Math.floor(value + NOISE);
}

function ceil(value: number): number {
  return Math.ceil(value - NOISE);
}
