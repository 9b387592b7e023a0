import { describe, expect, it } from 'vitest';
import { choosePool } from '../../../volume/scheduler/choose-pool.ts';
import { capacityFilter, matchesSpec } from '../../../volume/scheduler/filters.ts';
import type { PoolState } from '../../../volume/scheduler/pools.ts';

const GIB = 2 ** 30;

function pool(fields: Partial<PoolState> = {}): PoolState {
  return {
    name: 'one',
    availabilityZone: 'nova',
    driverKind: 'LVM',
    totalBytes: 100 * GIB,
    freeBytes: 50 * GIB,
    thin: false,
    allocatedGib: 50,
    maxOverSubscriptionRatio: 20,
    reservedPercentage: 0,
    ...fields,
  };
}

const request = { sizeGib: 10, availabilityZone: undefined, extraSpecs: {} };

describe('choosing a pool', () => {
  it('takes the one with most free room', () => {
    const pools = [pool({ name: 'small', freeBytes: 20 * GIB }), pool({ name: 'large', freeBytes: 60 * GIB })];
    expect(choosePool(pools, request).name).toBe('large');
  });

  it('keeps to the zone, and says which filter left none', () => {
    const pools = [pool({ name: 'here', availabilityZone: 'a' }), pool({ name: 'there', availabilityZone: 'b' })];
    expect(choosePool(pools, { ...request, availabilityZone: 'b' }).name).toBe('there');
    expect(() => choosePool(pools, { ...request, availabilityZone: 'c' })).toThrow('availability zone filter');
    expect(() => choosePool([], request)).toThrow('No valid backend');
  });

  it('follows the type’s extra specs, and ignores those of other scopes', () => {
    const pools = [pool({ name: 'fast' }), pool({ name: 'slow', freeBytes: 90 * GIB })];
    const specs = { volume_backend_name: 'fast', 'quality:colour': 'blue', multiattach: '<is> True' };
    expect(choosePool(pools, { ...request, extraSpecs: specs }).name).toBe('fast');
    expect(() => choosePool(pools, { ...request, extraSpecs: { 'capabilities:volume_backend_name': 'none' } })).toThrow(
      'capabilities filter',
    );
  });
});

describe('the capacity filter', () => {
  it('a thick pool needs the whole size free, its reserve excepted', () => {
    expect(capacityFilter(pool({ freeBytes: 10 * GIB }), request)).toBe(true);
    expect(capacityFilter(pool({ freeBytes: 10 * GIB - 1 }), request)).toBe(false);
    expect(capacityFilter(pool({ freeBytes: 14 * GIB, reservedPercentage: 5 }), request)).toBe(false);
  });

  it('a thin pool may promise more than it has, up to its ratio', () => {
    const thin = pool({ thin: true, freeBytes: GIB, maxOverSubscriptionRatio: 2, allocatedGib: 190 });
    expect(capacityFilter(thin, request)).toBe(true);
    expect(capacityFilter({ ...thin, allocatedGib: 191 }, request)).toBe(false);
    expect(capacityFilter({ ...thin, freeBytes: 0 }, request)).toBe(false);
  });
});

it.each([
  ['True', '<is> true', true],
  ['False', '<is> True', false],
  ['fast-ssd', '<in> ssd', true],
  ['b', '<or> a <or> b', true],
  ['c', '<or> a <or> b', false],
  ['text', 's== text', true],
  ['text', 's!= text', false],
  ['5', '>= 4', true],
  ['5', '<= 4', false],
  ['5', '== 5', true],
  ['plain', 'plain', true],
  ['plain', 'other', false],
  [undefined, 'anything', false],
] as const)('the capability %s and the spec %s match: %s', (actual, wanted, expected) => {
  expect(matchesSpec(actual, wanted)).toBe(expected);
});
