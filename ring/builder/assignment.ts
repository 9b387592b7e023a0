import type { ReplicaPlan } from './replica-plan.ts';
import { leafOf, TIER_LEVELS, type TierTree } from './tier-tree.ts';

/** In a row: this replica of the partition is on no device yet. */
export const NOBODY = 65_535;

export interface AssignmentOptions {
  readonly tree: TierTree;
  readonly plan: ReplicaPlan;
  /** Partition replicas by tier number. */
  readonly quota: Int32Array;
  /** Device ids by partition, one row a replica; changed in place. */
  readonly rows: readonly Uint16Array[];
  readonly deviceCount: number;
}

/**
 * A ring's assignment while partitions move in it, with the bookkeeping that finds a place for a replica.
 * One partition at a time is "open": its replicas are counted in every tier, so that the plan's limits can be asked.
 */
export class Assignment {
  readonly rows: readonly Uint16Array[];
  /** By tier number: what its devices may still take until they have their quota. */
  readonly room: Int32Array;
  readonly #tree: TierTree;
  readonly #plan: ReplicaPlan;
  readonly #quota: Int32Array;
  /** By device id: partition replicas it holds. */
  readonly #held: Int32Array;
  /** By device id: partition replicas it shall hold. */
  readonly #wanted: Int32Array;
  /** By tier number: replicas of the open partition. */
  readonly #open: Int32Array;
  #partition = -1;

  constructor({ tree, plan, quota, rows, deviceCount }: AssignmentOptions) {
    this.rows = rows;
    this.#tree = tree;
    this.#plan = plan;
    this.#quota = quota;
    this.#held = countHeld(rows, deviceCount);
    this.#wanted = Int32Array.from({ length: deviceCount }, (_, id) => quota[leafOf(tree, id)] ?? 0);
    this.#open = new Int32Array(tree.tiers.length);
    this.room = new Int32Array(tree.tiers.length);
    for (let id = 0; id < deviceCount; id++) this.#addRoom(id, Math.max(0, -this.surplus(id)));
  }

  /** How many partition replicas the device has too many; negative when it lacks some. */
  surplus(deviceId: number): number {
    return (this.#held[deviceId] ?? 0) - (this.#wanted[deviceId] ?? 0);
  }

  /** Counts the partition's replicas in every tier; what was open before is forgotten. */
  open(partition: number): void {
    if (this.#partition >= 0) for (const row of this.rows) this.#count(row[this.#partition] ?? NOBODY, -1);
    this.#partition = partition;
    for (const row of this.rows) this.#count(row[partition] ?? NOBODY, 1);
  }

  /** Is the device in a tier that holds more replicas of the open partition than the plan allows? */
  isCrowded(deviceId: number): boolean {
    for (let level = 0; level < TIER_LEVELS; level++) {
      const tier = this.#tree.paths[deviceId * TIER_LEVELS + level] ?? 0;
      if ((this.#open[tier] ?? 0) > (this.#plan.max[tier] ?? 0)) return true;
    }
    return false;
  }

  /** Does the device hold the open partition more than once? */
  isDoubled(deviceId: number): boolean {
    return (this.#open[leafOf(this.#tree, deviceId)] ?? 0) > 1;
  }

  /** Takes a replica of the open partition off its device. */
  take(row: Uint16Array): number {
    const deviceId = row[this.#partition] ?? NOBODY;
    row[this.#partition] = NOBODY;
    this.#count(deviceId, -1);
    this.#hold(deviceId, -1);
    return deviceId;
  }

  /** Puts a replica of the open partition onto a device. */
  put(row: Uint16Array, deviceId: number): void {
    row[this.#partition] = deviceId;
    this.#count(deviceId, 1);
    this.#hold(deviceId, 1);
  }

  /**
   * Finds a device for a replica of the open partition that was on `source`, so that every tier keeps the plan's limits.
   *
   * @param room by tier number: how many such replicas its devices may take; `this.room`, or a selection.
   * @returns the device's id; -1 when no device with room may have it.
   */
  findMove(source: number, room: Int32Array): number {
    const sourceLeaf = leafOf(this.#tree, source);
    this.#count(source, -1);
    let start = 0;
    // Where the plan wants what the source gives away, the replica has to stay inside that tier.
    for (let level = 0; level < TIER_LEVELS; level++) {
      const tier = this.#tree.paths[source * TIER_LEVELS + level] ?? 0;
      if ((this.#open[tier] ?? 0) < (this.#plan.min[tier] ?? 0)) start = tier;
    }
    const found = this.#descend(start, room);
    this.#count(source, 1);
    return found === sourceLeaf ? -1 : this.#deviceOf(found);
  }

  /** Finds a device for a replica that is nowhere: one with room if any may have it, else the one nearest to its quota. */
  findHome(): number {
    const found = this.#descend(0, this.room);
    return this.#deviceOf(found >= 0 ? found : this.#descendAnyway(0));
  }

  /** Depth first, roomiest first, among tiers that have room and not yet their most replicas of the open partition. */
  #descend(tier: number, room: Int32Array): number {
    const node = this.#tree.tiers[tier];
    if (node === undefined || node.deviceId >= 0) return tier;
    let lastRank = Number.POSITIVE_INFINITY;
    let lastChild = -1;
    for (;;) {
      let best = -1;
      let bestRank = 0;
      for (const child of node.children) {
        const space = room[child] ?? 0;
        const count = this.#open[child] ?? 0;
        if (space <= 0 || count >= (this.#plan.max[child] ?? 0)) continue;
        // A tier below its least number of replicas comes before all others.
        const rank = count < (this.#plan.min[child] ?? 0) ? space + 2 ** 32 : space;
        if (rank > lastRank || (rank === lastRank && child <= lastChild) || rank <= bestRank) continue;
        best = child;
        bestRank = rank;
      }
      if (best < 0) return -1;
      const found = this.#descend(best, room);
      if (found >= 0) return found;
      lastRank = bestRank;
      lastChild = best;
    }
  }

  /**
   * As above without regard for room. A tier below its maximum has a child below its maximum, for the children's maxima
   * add up to no less: there is always a leaf at the end.
   */
  #descendAnyway(tier: number): number {
    const node = this.#tree.tiers[tier];
    if (node === undefined || node.deviceId >= 0) return tier;
    let best = -1;
    let bestRank = Number.NEGATIVE_INFINITY;
    for (const child of node.children) {
      if ((this.#open[child] ?? 0) >= (this.#plan.max[child] ?? 0)) continue;
      const quota = this.#quota[child] ?? 0;
      const rank = (this.room[child] ?? 0) + quota / (this.#tree.tiers.length + quota + 1);
      if (rank <= bestRank) continue;
      best = child;
      bestRank = rank;
    }
    return best < 0 ? -1 : this.#descendAnyway(best);
  }

  #deviceOf(tier: number): number {
    return this.#tree.tiers[tier]?.deviceId ?? -1;
  }

  #count(deviceId: number, by: number): void {
    if (deviceId === NOBODY) return;
    for (let level = 0; level < TIER_LEVELS; level++) {
      const tier = this.#tree.paths[deviceId * TIER_LEVELS + level] ?? 0;
      this.#open[tier] = (this.#open[tier] ?? 0) + by;
    }
  }

  #hold(deviceId: number, by: 1 | -1): void {
    const before = Math.max(0, -this.surplus(deviceId));
    this.#held[deviceId] = (this.#held[deviceId] ?? 0) + by;
    const after = Math.max(0, -this.surplus(deviceId));
    if (after !== before) this.#addRoom(deviceId, after - before);
  }

  #addRoom(deviceId: number, by: number): void {
    addAlongPath(this.#tree, this.room, deviceId, by);
  }
}

/** Adds to a device's leaf and to every tier above it, the cluster included. */
export function addAlongPath(tree: TierTree, values: Int32Array, deviceId: number, by: number): void {
  if (leafOf(tree, deviceId) < 0) return;
  values[0] = (values[0] ?? 0) + by;
  for (let level = 0; level < TIER_LEVELS; level++) {
    const tier = tree.paths[deviceId * TIER_LEVELS + level] ?? 0;
    values[tier] = (values[tier] ?? 0) + by;
  }
}

/** Partition replicas by device id. */
export function countHeld(rows: readonly Uint16Array[], deviceCount: number): Int32Array {
  const held = new Int32Array(deviceCount);
  for (const row of rows)
    for (let partition = 0; partition < row.length; partition++) {
      const id = row[partition] ?? NOBODY;
      if (id !== NOBODY) held[id] = (held[id] ?? 0) + 1;
    }
  return held;
}
