import { RingBuilder } from '../../../ring/builder/builder.ts';
import type { Device } from '../../../ring/contract.ts';

/** One change of a ring, followed by a rebalance. */
interface Step {
  readonly add?: readonly Device[];
  readonly remove?: readonly number[];
  readonly weights?: readonly (readonly [id: number, weight: number])[];
  readonly replicas?: number;
}

/** A ring's story, told the same way to our builder and to Swift's. */
export interface Scenario {
  readonly name: string;
  readonly partPower: number;
  readonly replicas: number;
  readonly overload: number;
  readonly steps: readonly Step[];
}

/** Where devices stand: regions x zones x servers x disks, numbered from `firstId` on, weights taken in turn. */
export interface Layout {
  readonly regions: readonly number[];
  readonly zones: number;
  readonly servers: number;
  readonly disks: number;
  readonly weights: readonly number[];
  readonly firstId?: number;
}

export function layOut({ regions, zones, servers, disks, weights, firstId = 0 }: Layout): Device[] {
  const devices: Device[] = [];
  for (const region of regions)
    for (let zone = 1; zone <= zones; zone++)
      for (let server = 1; server <= servers; server++)
        for (let disk = 0; disk < disks; disk++) {
          const weight = weights[devices.length % weights.length] ?? 1;
          devices.push(
            device({
              id: firstId + devices.length,
              region,
              zone,
              ip: `10.${region}.${zone}.${server}`,
              weight,
              device: `sd${disk}`,
            }),
          );
        }
  return devices;
}

export function device(fields: Partial<Device> & { readonly id: number }): Device {
  const ip = fields.ip ?? '127.0.0.1';
  return {
    region: 1,
    zone: 1,
    ip,
    port: 6200,
    replicationIp: ip,
    replicationPort: 6200,
    device: `sd${fields.id}`,
    weight: 100,
    meta: '',
    ...fields,
  };
}

const HOURS_BETWEEN_STEPS = 1000;

/** Plays a scenario with our builder; the results are one a step. */
export function play(scenario: Scenario, seed: string) {
  const { partPower, replicas, overload } = scenario;
  const builder = RingBuilder.create({ id: 'scenario', partPower, replicas, minPartHours: 1 });
  builder.setOverload(overload);
  const results = scenario.steps.map((step, number) => {
    applyStep(builder, step);
    return builder.rebalance({ seed, nowSeconds: (number + 1) * HOURS_BETWEEN_STEPS * 3600 });
  });
  return { builder, results };
}

function applyStep(builder: RingBuilder, step: Step): void {
  for (const added of step.add ?? []) builder.addDevice(added);
  for (const id of step.remove ?? []) builder.removeDevice(id);
  for (const [id, weight] of step.weights ?? []) builder.setWeight(id, weight);
  if (step.replicas !== undefined) builder.setReplicas(step.replicas);
}

const twoRegions = layOut({ regions: [1, 2], zones: 3, servers: 2, disks: 4, weights: [1000, 2000, 4000] });

export const scenarios: readonly Scenario[] = [
  {
    name: 'four equal disks of one server',
    partPower: 10,
    replicas: 3,
    overload: 0,
    steps: [{ add: layOut({ regions: [1], zones: 1, servers: 1, disks: 4, weights: [100] }) }],
  },
  {
    name: 'two regions with uneven weights',
    partPower: 14,
    replicas: 3,
    overload: 0,
    steps: [{ add: twoRegions }],
  },
  {
    name: 'two and a half replicas',
    partPower: 12,
    replicas: 2.5,
    overload: 0,
    steps: [{ add: layOut({ regions: [1], zones: 4, servers: 2, disks: 3, weights: [10, 20] }) }],
  },
  {
    name: 'three and a third replicas in two regions',
    partPower: 13,
    replicas: 3.33,
    overload: 0,
    steps: [{ add: twoRegions }],
  },
  {
    name: 'removed devices',
    partPower: 14,
    replicas: 3,
    overload: 0,
    steps: [{ add: twoRegions }, { remove: [3, 17, 40] }],
  },
  {
    name: 'a drained server and a heavier disk',
    partPower: 13,
    replicas: 3,
    overload: 0,
    steps: [
      { add: twoRegions },
      {
        weights: [
          [0, 0],
          [1, 0],
          [2, 0],
          [3, 0],
          [20, 8000],
        ],
      },
    ],
  },
  {
    name: 'a small zone without overload',
    partPower: 12,
    replicas: 3,
    overload: 0,
    steps: [
      {
        add: [
          ...layOut({ regions: [1], zones: 2, servers: 2, disks: 4, weights: [100] }),
          ...layOut({ regions: [1], zones: 1, servers: 1, disks: 4, weights: [80], firstId: 16 }).map((one) => ({
            ...one,
            zone: 3,
            ip: '10.9.9.9',
          })),
        ],
      },
    ],
  },
  {
    name: 'a small zone with overload',
    partPower: 12,
    replicas: 3,
    overload: 0.1,
    steps: [
      {
        add: [
          ...layOut({ regions: [1], zones: 2, servers: 2, disks: 4, weights: [100] }),
          ...layOut({ regions: [1], zones: 1, servers: 1, disks: 4, weights: [180], firstId: 16 }).map((one) => ({
            ...one,
            zone: 3,
            ip: '10.9.9.9',
          })),
        ],
      },
    ],
  },
  {
    name: 'a new zone',
    partPower: 13,
    replicas: 3,
    overload: 0,
    steps: [
      { add: layOut({ regions: [1], zones: 3, servers: 3, disks: 4, weights: [100, 150] }) },
      {
        add: layOut({ regions: [1], zones: 1, servers: 3, disks: 4, weights: [100, 150], firstId: 36 }).map((one) => ({
          ...one,
          zone: 4,
          ip: one.ip.replace('10.1.1.', '10.1.4.'),
        })),
      },
    ],
  },
  {
    name: 'a second region',
    partPower: 13,
    replicas: 3,
    overload: 0,
    steps: [
      { add: layOut({ regions: [1], zones: 3, servers: 2, disks: 4, weights: [100] }) },
      { add: layOut({ regions: [2], zones: 2, servers: 2, disks: 4, weights: [100], firstId: 24 }) },
    ],
  },
  {
    name: 'one replica more',
    partPower: 13,
    replicas: 2,
    overload: 0,
    steps: [{ add: twoRegions }, { replicas: 3 }],
  },
  {
    name: 'one replica less, after a fraction',
    partPower: 12,
    replicas: 3.5,
    overload: 0,
    steps: [{ add: twoRegions }, { replicas: 2.25 }],
  },
  {
    name: 'one disk more among many',
    partPower: 15,
    replicas: 3,
    overload: 0,
    steps: [
      { add: layOut({ regions: [1, 2], zones: 3, servers: 4, disks: 8, weights: [4000, 8000, 12_000] }) },
      { add: [device({ id: 192, region: 1, zone: 1, ip: '10.1.1.1', device: 'new', weight: 8000 })] },
    ],
  },
];

/** The devices of the speed and movement promises: 2 regions x 5 zones x 10 servers x 10 disks. */
export const thousandDevices = layOut({
  regions: [1, 2],
  zones: 5,
  servers: 10,
  disks: 10,
  weights: [4000, 8000, 12_000],
});
