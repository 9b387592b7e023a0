import { hash } from 'node:crypto';
import { InvariantError, invariant } from '../common/errors.ts';
import type { Device, Ring, RingData } from './contract.ts';
import { type HashSecret, partitionOfHash, pathHash } from './path-hash.ts';

/** Failure domains, widest first: what a handoff tries to be new in. */
interface Domain {
  /** By device id: the number of the device's domain. */
  readonly of: Int32Array;
  /** How many domains hold at least one partition. */
  readonly count: number;
}

/**
 * Makes a ring of its data; cheap enough for every thread to make its own (one walk over the assignment).
 *
 * @param secret the cluster's hash prefix and suffix: other values than the cluster's find nothing.
 */
export function ringOf(data: RingData, secret: HashSecret): Ring {
  return new TableRing(data, secret);
}

/** The rows of a ring's assignment, as views on its memory. */
export function rowsOf(data: RingData): Uint16Array[] {
  let offset = 0;
  return data.rowLengths.map((length) => {
    const row = new Uint16Array(data.assignment, offset * 2, length);
    offset += length;
    return row;
  });
}

class TableRing implements Ring {
  readonly partPower: number;
  readonly replicaCount: number;
  readonly devices: readonly (Device | undefined)[];
  readonly version: number | undefined;
  readonly #data: RingData;
  readonly #secret: HashSecret;
  readonly #rows: Uint16Array[];
  readonly #partitions: number;
  readonly #domains: Domain[];
  readonly #assignedDevices: number;

  constructor(data: RingData, secret: HashSecret) {
    this.#data = data;
    this.#secret = secret;
    this.#rows = rowsOf(data);
    this.#partitions = 2 ** data.partPower;
    this.partPower = data.partPower;
    this.devices = data.devices;
    this.version = data.version;
    this.replicaCount = data.rowLengths.reduce((sum, length) => sum + length, 0) / this.#partitions;
    const assigned = assignedDevices(this.#rows, data.devices.length);
    this.#assignedDevices = assigned.reduce((sum, flag) => sum + flag, 0);
    this.#domains = [
      domain(data.devices, assigned, (device) => `${device.region}`),
      domain(data.devices, assigned, (device) => `${device.region}/${device.zone}`),
      domain(data.devices, assigned, (device) => `${device.region}/${device.zone}/${device.ip}`),
    ];
  }

  partitionOf(account: string, container?: string, object?: string): number {
    return partitionOfHash(pathHash(this.#secret, account, container, object), this.partPower);
  }

  primaries(partition: number): Device[] {
    this.#assertPartition(partition);
    const found: Device[] = [];
    for (const row of this.#rows) {
      const id = row[partition];
      if (id === undefined) continue;
      const device = this.#device(id);
      if (!found.includes(device)) found.push(device);
    }
    return found;
  }

  /** Spec: Swift 2.30, "The Rings": Handoff Devices (`Ring.get_more_nodes`). */
  *handoffs(partition: number): Generator<Device> {
    const used = new Set(this.primaries(partition).map((device) => device.id));
    const seen = this.#domains.map(({ of }) => new Set([...used].map((id) => of[id] ?? -1)));
    const start = partitionOfHash(hash('md5', String(partition), 'buffer'), this.partPower);

    for (const [level, { of, count }] of this.#domains.entries()) {
      const known = seen[level];
      invariant(known !== undefined, 'every domain has its set');
      if (known.size === count) continue;
      for (const id of this.#walk(start)) {
        if (used.has(id) || known.has(of[id] ?? -1)) continue;
        yield this.#device(id);
        used.add(id);
        // The wider domains need not be told: their turn is over.
        for (let inner = level; inner < seen.length; inner++) seen[inner]?.add(this.#domains[inner]?.of[id] ?? -1);
        if (known.size === count) break;
      }
    }

    if (used.size === this.#assignedDevices) return;
    for (const id of this.#walk(start)) {
      if (used.has(id)) continue;
      yield this.#device(id);
      used.add(id);
      if (used.size === this.#assignedDevices) return;
    }
  }

  share(): RingData {
    return this.#data;
  }

  /**
   * Device ids in the order in which handoffs are looked for: at most 65,536 partitions of the circle, from `start` on.
   * Coming round, Swift begins one step after partition 0, so a device that holds nothing else is no handoff; so here.
   */
  *#walk(start: number): Generator<number> {
    const step = Math.max(1, Math.floor(this.#partitions / 65_536));
    yield* this.#stride(start, this.#partitions, step);
    yield* this.#stride(step - ((this.#partitions - start) % step), start, step);
  }

  *#stride(from: number, to: number, step: number): Generator<number> {
    for (let partition = from; partition < to; partition += step) {
      for (const row of this.#rows) {
        const id = row[partition];
        if (id !== undefined) yield id;
      }
    }
  }

  #device(id: number): Device {
    const device = this.devices[id];
    if (device === undefined)
      throw new InvariantError(`the ring assigns a partition to device ${id}, which it does not have`);
    return device;
  }

  #assertPartition(partition: number): void {
    invariant(
      Number.isInteger(partition) && partition >= 0 && partition < this.#partitions,
      `partition ${partition} is not in a ring of 2 ** ${this.partPower}`,
    );
  }
}

function assignedDevices(rows: readonly Uint16Array[], deviceCount: number): Uint8Array {
  const assigned = new Uint8Array(deviceCount);
  for (const row of rows)
    for (let partition = 0; partition < row.length; partition++) assigned[row[partition] ?? 0] = 1;
  return assigned;
}

function domain(
  devices: readonly (Device | undefined)[],
  assigned: Uint8Array,
  nameOf: (device: Device) => string,
): Domain {
  const numbers = new Map<string, number>();
  const withParts = new Set<number>();
  const of = new Int32Array(devices.length).fill(-1);
  for (const device of devices) {
    if (device === undefined) continue;
    const name = nameOf(device);
    const number = numbers.get(name) ?? numbers.size;
    numbers.set(name, number);
    of[device.id] = number;
    if (assigned[device.id]) withParts.add(number);
  }
  return { of, count: withParts.size };
}
