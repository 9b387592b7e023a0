import { invariant } from '../../common/errors.ts';
import type { Device, RingData } from '../contract.ts';
import { invalidRing, refusedChange } from '../errors.ts';
import { MAX_ASSIGNMENT_BYTES, MAX_DEVICES, MAX_PART_POWER, MAX_REPLICAS, MAX_WEIGHT } from '../limits.ts';
import { NOBODY } from './assignment.ts';
import { type RebalanceOptions, rebalance } from './rebalance.ts';
import { buildReplicaPlan, maxReplicasBySpread, type ReplicaPlan } from './replica-plan.ts';
import { balances, measureSpread, type Spread } from './spread.ts';
import type { BuilderState } from './state.ts';
import { buildTierTree, type TierTree } from './tier-tree.ts';

/** A device to add; without an id it gets the lowest free one. */
export type NewDevice = Omit<Device, 'id'> & { readonly id?: number };

/** What can change about a device without moving data. */
export type DeviceInfo = Partial<Pick<Device, 'ip' | 'port' | 'replicationIp' | 'replicationPort' | 'device' | 'meta'>>;

export interface RebalanceResult {
  /** Partition replicas that are on another device than before, new ones included. */
  readonly movedReplicas: number;
  readonly removedDevices: number;
  /** In percent, as `RingBuilder.balance`. */
  readonly balance: number;
  /** In percent. */
  readonly dispersion: number;
}

export interface SpreadReport extends Spread {
  readonly tree: TierTree;
  /** By tier number: the most replicas of a partition that an even spread puts there. */
  readonly allowed: Int32Array;
  readonly requiredOverload: number;
}

export interface NewBuilder {
  readonly id: string;
  readonly partPower: number;
  readonly replicas: number;
  readonly minPartHours: number;
}

/**
 * Assigns partitions to devices, and changes that assignment as devices come and go.
 *
 * Spec: Swift 2.30, "The Rings": Building the Ring.
 */
export class RingBuilder {
  readonly state: BuilderState;

  constructor(state: BuilderState) {
    this.state = state;
  }

  /** @throws ApiError RingChangeRefused when a number is out of its range. */
  static create({ id, partPower, replicas, minPartHours }: NewBuilder): RingBuilder {
    if (!Number.isInteger(partPower) || partPower < 1 || partPower > MAX_PART_POWER)
      throw refusedChange(`the partition power is a whole number from 1 to ${MAX_PART_POWER}, not ${partPower}`);
    assertReplicas(replicas, partPower);
    assertHours(minPartHours);
    return new RingBuilder({
      id,
      partPower,
      replicas,
      minPartHours,
      overload: 0,
      version: 0,
      devicesChanged: false,
      devices: [],
      removed: [],
      rows: [],
      hoursSinceMove: new Uint8Array(2 ** partPower),
      lastMovesAt: 0,
      dispersion: undefined,
    });
  }

  get partitions(): number {
    return 2 ** this.state.partPower;
  }

  /** @returns the device's id. @throws ApiError RingChangeRefused: id taken, same disk twice, too many, bad weight. */
  addDevice(device: NewDevice): number {
    const { devices } = this.state;
    const free = devices.indexOf(undefined);
    const id = device.id ?? (free >= 0 ? free : devices.length);
    if (!Number.isInteger(id) || id < 0 || id >= MAX_DEVICES)
      throw refusedChange(`device ids are 0 to ${MAX_DEVICES - 1}`);
    if (devices[id] !== undefined) throw refusedChange(`device id ${id} is taken`);
    assertWeight(device.weight);
    this.#assertNewPlace(device, id);
    while (devices.length < id) devices.push(undefined);
    devices[id] = { ...device, id };
    this.#changed();
    return id;
  }

  /** Marks the device for removal: the next rebalance gives all it holds to others, whatever min_part_hours says. */
  removeDevice(id: number): void {
    const device = this.#device(id);
    if (this.state.removed.includes(id)) return;
    this.state.devices[id] = { ...device, weight: 0 };
    this.state.removed.push(id);
    this.#changed();
  }

  setWeight(id: number, weight: number): void {
    assertWeight(weight);
    this.state.devices[id] = { ...this.#staying(id), weight };
    this.#changed();
  }

  setPlace(id: number, place: Partial<Pick<Device, 'region' | 'zone'>>): void {
    this.state.devices[id] = { ...this.#staying(id), ...place };
    this.#changed();
  }

  setInfo(id: number, info: DeviceInfo): void {
    const changed = { ...this.#device(id), ...info };
    this.#assertNewPlace(changed, id);
    this.state.devices[id] = changed;
    this.state.version++;
  }

  setMinPartHours(hours: number): void {
    assertHours(hours);
    this.state.minPartHours = hours;
  }

  setReplicas(replicas: number): void {
    assertReplicas(replicas, this.state.partPower);
    if (Math.floor(replicas * this.partitions) !== Math.floor(this.state.replicas * this.partitions))
      this.state.devicesChanged = true;
    this.state.replicas = replicas;
  }

  setOverload(overload: number): void {
    if (!(overload >= 0) || overload > 1e6) throw refusedChange('the overload is a number from 0 on');
    this.state.overload = overload;
  }

  /** Forgets when partitions were moved, so that the next rebalance may move any. */
  pretendMinPartHoursPassed(): void {
    this.state.lastMovesAt = 0;
    this.state.hoursSinceMove.fill(255);
  }

  /** @param nowSeconds seconds since 1970. */
  minPartSecondsLeft(nowSeconds: number): number {
    return Math.max(0, this.state.minPartHours * 3600 - Math.floor(nowSeconds - this.state.lastMovesAt));
  }

  /**
   * Assigns what is unassigned and moves what has to move.
   *
   * @throws ApiError RingChangeRefused when fewer devices have weight than there are replicas; nothing has changed then.
   */
  rebalance(options: RebalanceOptions): RebalanceResult {
    const { movedReplicas, removedDevices } = rebalance(this.state, options);
    const { dispersion } = this.measure();
    this.state.dispersion = dispersion;
    return { movedReplicas, removedDevices, balance: this.balance(), dispersion };
  }

  /** How far the worst device is from its share by weight, in percent. */
  balance(): number {
    let worst = 0;
    for (const balance of this.balances().values()) worst = Math.max(worst, Math.abs(balance));
    return worst;
  }

  /** By device id: percent above (or, negative, below) its share by weight. */
  balances(): Map<number, number> {
    return balances(this.state.devices, this.state.rows, this.partitions * this.state.replicas);
  }

  measure(): SpreadReport {
    const tree = buildTierTree(this.state.devices);
    const plan = this.#plan(tree);
    const allowed = maxReplicasBySpread(tree, plan.weighted, this.state.replicas);
    const spread = measureSpread(tree, this.state.rows, this.partitions, allowed);
    return { ...spread, tree, allowed, requiredOverload: plan.requiredOverload };
  }

  /** @throws ApiError RingInvalid when the assignment is incomplete or puts two replicas of a partition on one device. */
  validate(): void {
    const { rows, devices } = this.state;
    if (rows.length === 0) throw invalidRing('nothing is assigned yet: rebalance first');
    for (const [replica, row] of rows.entries())
      if (row.length !== this.partitions && replica !== rows.length - 1)
        throw invalidRing(`replica ${replica} has ${row.length} partitions instead of ${this.partitions}`);
    for (let partition = 0; partition < this.partitions; partition++) {
      for (const [replica, row] of rows.entries()) {
        const id = row[partition];
        if (id === undefined) continue;
        if (id === NOBODY || devices[id] === undefined)
          throw invalidRing(`partition ${partition}, replica ${replica} is on no device`);
        for (let earlier = 0; earlier < replica; earlier++)
          if (rows[earlier]?.[partition] === id) throw invalidRing(`partition ${partition} is twice on device ${id}`);
      }
    }
  }

  /** The ring as it is to be published; a copy in shared memory. */
  ringData(): RingData {
    const { rows, devices, partPower, version } = this.state;
    const assignment = new SharedArrayBuffer(2 * rows.reduce((sum, row) => sum + row.length, 0));
    const all = new Uint16Array(assignment);
    let offset = 0;
    for (const row of rows) {
      all.set(row, offset);
      offset += row.length;
    }
    const rowLengths = rows.map((row) => row.length);
    return { partPower, rowLengths, assignment, devices: [...devices], version, nextPartPower: undefined };
  }

  #plan(tree: TierTree): ReplicaPlan {
    return buildReplicaPlan(tree, this.state.devices, this.state.replicas, this.state.overload);
  }

  #device(id: number): Device {
    const device = this.state.devices[id];
    if (device === undefined) throw refusedChange(`there is no device ${id}`);
    return device;
  }

  #staying(id: number): Device {
    if (this.state.removed.includes(id)) throw refusedChange(`device ${id} is marked for removal`);
    return this.#device(id);
  }

  #assertNewPlace(place: Pick<Device, 'ip' | 'port' | 'device'>, ownId: number): void {
    const same = this.state.devices.find(
      (other) =>
        other !== undefined &&
        other.id !== ownId &&
        other.ip === place.ip &&
        other.port === place.port &&
        other.device === place.device,
    );
    if (same !== undefined)
      throw refusedChange(`Device ${same.id} already uses ${same.ip}:${same.port}/${same.device}.`);
  }

  #changed(): void {
    invariant(this.state.devices.length <= MAX_DEVICES, 'device ids are bounded');
    this.state.devicesChanged = true;
    this.state.version++;
  }
}

function assertReplicas(replicas: number, partPower: number): void {
  if (!(replicas >= 1) || replicas > MAX_REPLICAS)
    throw refusedChange(`the replica count is a number from 1 to ${MAX_REPLICAS}, not ${replicas}`);
  if (Math.ceil(replicas) * 2 ** partPower * 2 > MAX_ASSIGNMENT_BYTES)
    throw refusedChange(
      `2 ** ${partPower} partitions of ${replicas} replicas are more than ${MAX_ASSIGNMENT_BYTES} bytes`,
    );
}

function assertHours(hours: number): void {
  if (!Number.isInteger(hours) || hours < 0)
    throw refusedChange(`min_part_hours is a whole number from 0 on, not ${hours}`);
}

function assertWeight(weight: number): void {
  if (!(weight >= 0) || weight > MAX_WEIGHT)
    throw refusedChange(`a weight is a number from 0 to ${MAX_WEIGHT}, not ${weight}`);
}
