import { noValidBackend } from '../errors.ts';
import { availabilityZoneFilter, capabilitiesFilter, capacityFilter, type PoolFilter } from './filters.ts';
import type { PoolRequest, PoolState } from './pools.ts';

const FILTERS: readonly (readonly [string, PoolFilter])[] = [
  ['availability zone', availabilityZoneFilter],
  ['capabilities', capabilitiesFilter],
  ['capacity', capacityFilter],
];

/**
 * The pool for a new volume: of those that pass all filters the one with most free room.
 *
 * @throws ApiError 400 `NoValidBackend` naming the filter that left none.
 */
export function choosePool(pools: readonly PoolState[], request: PoolRequest): PoolState {
  let left = [...pools];
  for (const [name, passes] of FILTERS) {
    left = left.filter((pool) => passes(pool, request));
    if (left.length === 0) throw noValidBackend(`No pool passes the ${name} filter.`);
  }
  const [best] = left.toSorted((a, b) => capacityWeight(b) - capacityWeight(a) || (a.name < b.name ? -1 : 1));
  if (!best) throw noValidBackend('There is no pool.');
  return best;
}

/** More free room weighs more; of a thin pool what it may still promise. Spec: Cinder, "CapacityWeigher". */
function capacityWeight(pool: PoolState): number {
  if (!pool.thin) return pool.freeBytes;
  return pool.totalBytes * pool.maxOverSubscriptionRatio - pool.allocatedGib * 2 ** 30;
}
