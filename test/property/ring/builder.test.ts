import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countHeld } from '../../../ring/builder/assignment.ts';
import { RingBuilder } from '../../../ring/builder/builder.ts';
import { decodeBuilder, encodeBuilder } from '../../../ring/builder-format.ts';
import type { Device, RingData } from '../../../ring/contract.ts';
import { ringOf } from '../../../ring/lookup.ts';
import { decodeRing, encodeRing } from '../../../ring/ring-format.ts';
import { device } from '../../support/ring/scenarios.ts';

const HOUR = 3600;
const START = 1000 * HOUR;
const RUNS = { numRuns: 60 };

/** 4 to 24 devices in a few regions, zones and servers; the weights differ by at most 6. */
const devices = fc
  .array(
    fc.record({
      region: fc.integer({ min: 1, max: 2 }),
      zone: fc.integer({ min: 1, max: 3 }),
      server: fc.integer({ min: 1, max: 3 }),
      weight: fc.constantFrom(100, 150, 200, 333.3, 600),
    }),
    { minLength: 4, maxLength: 24 },
  )
  .map((places) =>
    places.map(({ region, zone, server, weight }, id) =>
      device({ id, region, zone, weight, ip: `10.${region}.${zone}.${server}` }),
    ),
  );
const partPower = fc.integer({ min: 3, max: 8 });
const replicas = fc.constantFrom(1, 2, 2.5, 3, 3.3);
const seed = fc.string();

const changes = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('remove' as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant('weight' as const), pick: fc.nat(), weight: fc.constantFrom(0, 100, 250, 600) }),
    fc.record({
      kind: fc.constant('add' as const),
      region: fc.integer({ min: 1, max: 3 }),
      zone: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({ kind: fc.constant('replicas' as const), replicas }),
  ),
  { minLength: 1, maxLength: 4 },
);
type Change = (typeof changes extends fc.Arbitrary<infer T> ? T : never)[number];

function build(added: readonly Device[], power: number, count: number, minPartHours = 1): RingBuilder {
  const builder = RingBuilder.create({ id: 'property', partPower: power, replicas: count, minPartHours });
  for (const one of added) builder.addDevice(one);
  return builder;
}

/** Applies what can be applied and still leaves as many usable devices as replicas. */
function apply(builder: RingBuilder, change: Change): void {
  const usable = builder.state.devices.filter((one) => one !== undefined && one.weight > 0);
  const picked = 'pick' in change ? usable[change.pick % usable.length] : undefined;
  const spare = usable.length > Math.ceil(builder.state.replicas);
  if (change.kind === 'add') {
    const { region, zone } = change;
    builder.addDevice({
      ...device({ id: 0, region, zone, ip: `10.${region}.${zone}.9` }),
      id: builder.state.devices.length,
      device: `new${builder.state.version}`,
    });
  } else if (change.kind === 'replicas') {
    if (usable.length >= change.replicas) builder.setReplicas(change.replicas);
  } else if (picked !== undefined && change.kind === 'remove') {
    if (spare) builder.removeDevice(picked.id);
  } else if (picked !== undefined && change.kind === 'weight') {
    if (spare || change.weight > 0) builder.setWeight(picked.id, change.weight);
  }
}

/** What the device's weight asks for, in partition replicas, and what it holds; nothing where a weight asks for too much. */
function shares(builder: RingBuilder): { share: number; held: number }[] {
  const { state, partitions } = builder;
  const weight = state.devices.reduce((sum, one) => sum + (one?.weight ?? 0), 0);
  const held = countHeld(state.rows, state.devices.length);
  const found = state.devices.flatMap((one) =>
    one === undefined ? [] : [{ share: (one.weight / weight) * partitions * state.replicas, held: held[one.id] ?? 0 }],
  );
  return found.every(({ share }) => share <= partitions) ? found : [];
}

function copyRows(builder: RingBuilder): Uint16Array[] {
  return builder.state.rows.map((row) => row.slice());
}

describe('the ring builder', () => {
  it('never puts two replicas of a partition on one device, whatever happens to the ring', () => {
    fc.assert(
      fc.property(devices, partPower, replicas, changes, seed, (added, power, count, after, text) => {
        const builder = build(added, power, count);
        builder.rebalance({ seed: text, nowSeconds: START });
        builder.validate();
        for (const [step, change] of after.entries()) {
          apply(builder, change);
          builder.rebalance({ seed: text, nowSeconds: START + step * HOUR });
          builder.validate();
        }
      }),
      RUNS,
    );
  });

  it('gives every device of a new ring its share by weight, rounded down or up', () => {
    fc.assert(
      fc.property(devices, partPower, replicas, (added, power, count) => {
        const builder = build(added, power, count);
        builder.rebalance({ nowSeconds: START });
        for (const { share, held } of shares(builder)) expect(Math.abs(held - share)).toBeLessThan(1 + 1e-6);
      }),
      RUNS,
    );
  });

  it('reaches the shares by weight again after any change, a few rebalances later', () => {
    fc.assert(
      fc.property(devices, partPower, replicas, changes, (added, power, count, after) => {
        const builder = build(added, power, count);
        builder.rebalance({ nowSeconds: START });
        for (const change of after) apply(builder, change);
        for (let round = 1; round <= 4; round++) builder.rebalance({ nowSeconds: START + round * 2 * HOUR });
        for (const { share, held } of shares(builder)) expect(Math.abs(held - share)).toBeLessThan(1 + 1e-6);
      }),
      RUNS,
    );
  });

  it('holds as many replicas of a partition in each tier as the plan says', () => {
    fc.assert(
      fc.property(devices, partPower, (added, power) => {
        const builder = build(added, power, 3);
        builder.setOverload(1e6);
        const { dispersion } = builder.rebalance({ nowSeconds: START });
        // With all the overload it wants, only tiers with too few devices stand in the way of full dispersion.
        const { requiredOverload } = builder.measure();
        if (requiredOverload === 0) expect(dispersion).toBe(0);
      }),
      RUNS,
    );
  });

  it('moves no partition again before min_part_hours have passed, but those of removed devices', () => {
    fc.assert(
      fc.property(devices, partPower, changes, (added, power, after) => {
        const builder = build(added, power, 3, 24);
        builder.rebalance({ nowSeconds: START });
        const before = copyRows(builder);
        for (const change of after) if (change.kind !== 'replicas') apply(builder, change);
        const removed = new Set(builder.state.removed);
        builder.rebalance({ nowSeconds: START + 23 * HOUR });
        for (const [replica, row] of builder.state.rows.entries())
          for (const [partition, id] of row.entries()) {
            const old = before[replica]?.[partition] ?? -1;
            if (!removed.has(old)) expect(id).toBe(old);
          }
      }),
      RUNS,
    );
  });

  it('moves at most one replica of a partition in one rebalance, unless its devices are removed', () => {
    fc.assert(
      fc.property(devices, partPower, changes, (added, power, after) => {
        const builder = build(added, power, 3);
        builder.rebalance({ nowSeconds: START });
        const before = copyRows(builder);
        for (const change of after) if (change.kind === 'add' || change.kind === 'weight') apply(builder, change);
        builder.rebalance({ nowSeconds: START + 2 * HOUR });
        for (let partition = 0; partition < builder.partitions; partition++) {
          const moved = builder.state.rows.filter((row, replica) => row[partition] !== before[replica]?.[partition]);
          expect(moved.length).toBeLessThanOrEqual(1);
        }
      }),
      RUNS,
    );
  });

  it('moves nothing when nothing has changed', () => {
    fc.assert(
      fc.property(devices, partPower, replicas, seed, seed, (added, power, count, first, second) => {
        const builder = build(added, power, count);
        builder.rebalance({ seed: first, nowSeconds: START });
        expect(builder.rebalance({ seed: second, nowSeconds: START + 100 * HOUR }).movedReplicas).toBe(0);
      }),
      RUNS,
    );
  });

  it('makes the same ring from the same seed', () => {
    fc.assert(
      fc.property(devices, partPower, replicas, changes, seed, (added, power, count, after, text) => {
        const run = () => {
          const builder = build(added, power, count);
          builder.rebalance({ seed: text, nowSeconds: START });
          for (const change of after) apply(builder, change);
          builder.rebalance({ seed: text, nowSeconds: START + 2 * HOUR });
          return encodeRing(builder.ringData());
        };
        expect(run()).toEqual(run());
      }),
      RUNS,
    );
  });
});

describe('the files of a ring', () => {
  it('give back what was written', () => {
    fc.assert(
      fc.property(
        devices,
        partPower,
        replicas,
        changes,
        fc.string({ unit: 'grapheme', maxLength: 20 }),
        (added, power, count, after, meta) => {
          const builder = build(
            added.map((one) => ({ ...one, meta })),
            power,
            count,
          );
          builder.rebalance({ nowSeconds: START });
          for (const change of after) apply(builder, change);
          const data = builder.ringData();
          const read = decodeRing(encodeRing(data));
          expect({ ...read, assignment: null }).toEqual({ ...data, assignment: null });
          expect(Buffer.from(read.assignment)).toEqual(Buffer.from(data.assignment));
          expect(decodeBuilder(Buffer.from(encodeBuilder(builder.state)))).toEqual(builder.state);
        },
      ),
      RUNS,
    );
  });

  it('are never misread when a byte of a ring file is changed: refused, or the same ring still', () => {
    const builder = build(
      [0, 1, 2, 3].map((id) => device({ id, zone: id })),
      5,
      3,
    );
    builder.rebalance({ nowSeconds: START });
    const data = builder.ringData();
    const file = encodeRing(data);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: file.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = Buffer.from(file);
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        let read: RingData;
        try {
          read = decodeRing(damaged);
        } catch (error) {
          expect(error).toMatchObject({ code: 'RingFileMalformed' });
          return;
        }
        // The time stamp has no checksum, and deflate pads its last byte: such changes do no harm.
        expect(encodeRing(read)).toEqual(file);
      }),
      { numRuns: 300 },
    );
  });
});

describe('lookups', () => {
  it('name no device twice, and every device that holds another partition than the first: primaries, then handoffs', () => {
    fc.assert(
      fc.property(devices, partPower, replicas, fc.nat(), (added, power, count, pick) => {
        const builder = build(added, power, count);
        builder.rebalance({ nowSeconds: START });
        const ring = ringOf(builder.ringData(), { prefix: '', suffix: 'x' });
        const partition = pick % builder.partitions;
        const named = [...ring.primaries(partition), ...ring.handoffs(partition)].map(({ id }) => id);
        expect(new Set(named).size).toBe(named.length);
        const holders = countHeld(
          builder.state.rows.map((row) => row.subarray(1)),
          added.length,
        );
        expect(named).toEqual(expect.arrayContaining(added.flatMap(({ id }) => (holders[id] ? [id] : []))));
      }),
      RUNS,
    );
  });
});
