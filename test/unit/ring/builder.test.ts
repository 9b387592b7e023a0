import { describe, expect, it } from 'vitest';
import { countHeld } from '../../../ring/builder/assignment.ts';
import { RingBuilder } from '../../../ring/builder/builder.ts';
import { device, layOut, play } from '../../support/ring/scenarios.ts';

const HOUR = 3600;
const START = 1000 * HOUR;

function builderOf(weights: readonly number[], replicas = 3, partPower = 8): RingBuilder {
  const builder = RingBuilder.create({ id: 'x', partPower, replicas, minPartHours: 1 });
  for (const [id, weight] of weights.entries()) builder.addDevice(device({ id, zone: id, weight }));
  return builder;
}

function held(builder: RingBuilder): number[] {
  return [...countHeld(builder.state.rows, builder.state.devices.length)];
}

describe('a new builder', () => {
  const create = (fields: object) => () =>
    RingBuilder.create({ id: 'x', partPower: 8, replicas: 3, minPartHours: 1, ...fields });

  it('refuses numbers out of range', () => {
    for (const fields of [
      { partPower: 0 },
      { partPower: 25 },
      { partPower: 1.5 },
      { replicas: 0.5 },
      { replicas: 65 },
      { replicas: Number.NaN },
      { minPartHours: -1 },
      { partPower: 24, replicas: 60 },
    ])
      expect(create(fields)).toThrow(expect.objectContaining({ code: 'RingChangeRefused' }));
  });
});

describe('the devices of a builder', () => {
  it('get the lowest free id', () => {
    const builder = builderOf([1, 1, 1, 1]);
    builder.removeDevice(1);
    builder.rebalance({ nowSeconds: START });
    expect(builder.addDevice({ ...device({ id: 1, zone: 9 }), device: 'new' })).toBe(1);
  });

  it('are refused when id or place is taken, or the weight is none', () => {
    const builder = builderOf([1]);
    expect(() => builder.addDevice(device({ id: 0 }))).toThrow('device id 0 is taken');
    expect(() => builder.addDevice({ ...device({ id: 7 }), device: 'sd0' })).toThrow(
      'Device 0 already uses 127.0.0.1:6200/sd0.',
    );
    for (const weight of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => builder.addDevice(device({ id: 1, weight }))).toThrow('a weight is a number');
    expect(builder.state.devices).toHaveLength(1);
  });

  it('that are marked for removal keep their mark: their weight cannot be set', () => {
    const builder = builderOf([1, 1, 1, 1]);
    builder.removeDevice(2);
    expect(() => builder.setWeight(2, 5)).toThrow('marked for removal');
    expect(() => builder.removeDevice(9)).toThrow('there is no device 9');
  });
});

describe('a rebalance', () => {
  it('with fewer devices than replicas is refused and changes nothing', () => {
    const builder = builderOf([1, 1, 0]);
    const before = structuredClone(builder.state);
    expect(() => builder.rebalance({ nowSeconds: START })).toThrow(
      '3 replicas need as many devices with weight, and there are 2',
    );
    expect(builder.state).toEqual(before);
  });

  it('gives a device no more than one replica of each partition, however heavy it is', () => {
    const builder = builderOf([1000, 1, 1, 1]);
    builder.rebalance({ nowSeconds: START });
    builder.validate();
    expect(held(builder)[0]).toBe(256);
  });

  it('takes everything from a removed device, at once, and frees its id', () => {
    const builder = builderOf([1, 1, 1, 1, 1]);
    builder.rebalance({ nowSeconds: START });
    builder.removeDevice(3);
    const { removedDevices } = builder.rebalance({ nowSeconds: START });
    expect([removedDevices, held(builder)[3], builder.state.devices[3]]).toEqual([1, 0, undefined]);
    builder.validate();
  });

  it('drains a device without weight, one replica of a partition at a time', () => {
    const builder = builderOf([1, 1, 1, 1]);
    builder.rebalance({ nowSeconds: START });
    builder.setWeight(0, 0);
    builder.rebalance({ nowSeconds: START + 2 * HOUR });
    expect(held(builder)[0]).toBe(0);
  });

  it('moves to a new device no more than its share', () => {
    const builder = builderOf(Array<number>(20).fill(100), 3, 12);
    builder.rebalance({ nowSeconds: START });
    builder.addDevice(device({ id: 20, zone: 20 }));
    const { movedReplicas } = builder.rebalance({ nowSeconds: START + 2 * HOUR });
    expect(movedReplicas).toBe(Math.floor((3 * 4096) / 21));
  });

  it('keeps all rows whole when a fraction of a replica comes and goes', () => {
    const builder = builderOf([1, 1, 1, 1, 1], 2);
    const lengths = [2, 2.25, 3.5, 1.5].map((replicas, step) => {
      builder.setReplicas(replicas);
      builder.rebalance({ nowSeconds: START + step * 2 * HOUR });
      builder.validate();
      return builder.state.rows.map((row) => row.length);
    });
    expect(lengths).toEqual([
      [256, 256],
      [256, 256, 64],
      [256, 256, 256, 128],
      [256, 128],
    ]);
  });

  it('spreads devices that fail together over all others, so that many share in the repair', () => {
    const layout = layOut({ regions: [1, 2], zones: 3, servers: 2, disks: 4, weights: [1] });
    const { builder } = play({ name: '', partPower: 12, replicas: 3, overload: 0, steps: [{ add: layout }] }, 'a');
    const partners = new Set<number>();
    for (let partition = 0; partition < builder.partitions; partition++) {
      const ids = builder.state.rows.map((row) => row[partition] ?? -1);
      if (ids.includes(0)) for (const id of ids) partners.add(id);
    }
    // Device 0 and all devices but those of its own zone, which hold no second replica of its partitions.
    expect(partners.size).toBe(1 + layout.length - 8);
  });

  it('puts overload where dispersion asks for it', () => {
    const zones = (overload: number) => {
      const builder = RingBuilder.create({ id: 'x', partPower: 10, replicas: 3, minPartHours: 1 });
      for (const [id, weight] of [100, 100, 100, 100, 150].entries())
        builder.addDevice(device({ id, weight, zone: id >> 1, ip: `10.0.0.${id >> 1}` }));
      builder.setOverload(overload);
      return { dispersion: builder.rebalance({ nowSeconds: START }).dispersion, small: held(builder)[4] ?? 0 };
    };
    expect(zones(0).dispersion).toBeGreaterThan(0);
    expect(zones(0).small).toBeLessThan(1024);
    expect(zones(1)).toEqual({ dispersion: 0, small: 1024 });
    expect(Math.abs(zones(0.1).small - ((150 * 3 * 1024) / 550) * 1.1)).toBeLessThan(1);
  });

  it('counts the hours until partitions may move again', () => {
    const builder = builderOf([1, 1, 1, 1]);
    builder.rebalance({ nowSeconds: START });
    expect(builder.minPartSecondsLeft(START + 600)).toBe(3000);
    builder.pretendMinPartHoursPassed();
    expect(builder.minPartSecondsLeft(START + 600)).toBe(0);
  });
});

describe('validate', () => {
  it('finds a missing assignment, a partition on nobody and a partition twice on one device', () => {
    const builder = builderOf([1, 1, 1]);
    expect(() => builder.validate()).toThrow('rebalance first');
    builder.rebalance({ nowSeconds: START });
    const [first, second] = builder.state.rows;
    if (first === undefined || second === undefined) throw new Error('there are three rows');
    const kept = first[7] ?? 0;
    first[7] = second[7] ?? 0;
    expect(() => builder.validate()).toThrow(`partition 7 is twice on device ${first[7]}`);
    first[7] = 65_535;
    expect(() => builder.validate()).toThrow('partition 7, replica 0 is on no device');
    first[7] = kept;
    builder.validate();
  });
});
