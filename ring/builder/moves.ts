import { invariant } from '../../common/errors.ts';
import { MAX_CHAIN_LENGTH, MAX_CHAIN_ROUNDS } from '../limits.ts';
import { type Assignment, addAlongPath, NOBODY } from './assignment.ts';
import type { Random } from './random.ts';
import type { TierTree } from './tier-tree.ts';

export interface MoveRequest {
  readonly assignment: Assignment;
  readonly tree: TierTree;
  readonly partitions: number;
  readonly deviceCount: number;
  readonly random: Random;
  /** May a replica of this partition move for the sake of balance or dispersion (min_part_hours, once a rebalance)? */
  readonly mayMove: (partition: number) => boolean;
  readonly noteMove: (partition: number) => void;
}

/**
 * Changes an existing assignment as little as reaches the quotas: lifts replicas that stand too close, gives homes to all
 * that have none, then moves from devices with too much to devices with too little, directly or over devices between.
 */
export function moveTowardsQuotas(request: MoveRequest): void {
  liftCrowded(request);
  settleHomeless(request);
  moveDirectly(request);
  for (let round = 0; round < MAX_CHAIN_ROUNDS; round++) if (moveInChains(request) === 0) break;
}

function liftCrowded({ assignment, partitions, mayMove, noteMove }: MoveRequest): void {
  for (let partition = 0; partition < partitions; partition++) {
    if (!mayMove(partition)) continue;
    assignment.open(partition);
    const crowded = replicasOf(assignment, partition).filter(({ device }) => assignment.isCrowded(device));
    crowded.sort((left, right) => assignment.surplus(right.device) - assignment.surplus(left.device));
    for (const { row, device } of crowded) {
      // One move a partition, unless a device holds it twice: that is no replica at all.
      if (!assignment.isCrowded(device) || (!mayMove(partition) && !assignment.isDoubled(device))) continue;
      assignment.take(row);
      noteMove(partition);
    }
  }
}

function settleHomeless({ assignment, partitions, random, noteMove }: MoveRequest): void {
  for (const partition of random.permutation(partitions)) {
    for (const row of assignment.rows) {
      if (row[partition] !== NOBODY) continue;
      assignment.open(partition);
      const home = assignment.findHome();
      invariant(home >= 0, 'a tier below its most replicas has a device that may take one more');
      assignment.put(row, home);
      noteMove(partition);
    }
  }
}

function moveDirectly({ assignment, partitions, random, mayMove, noteMove }: MoveRequest): void {
  for (const partition of random.permutation(partitions)) {
    if ((assignment.room[0] ?? 0) === 0) return;
    if (!hasSurplus(assignment, partition) || !mayMove(partition)) continue;
    assignment.open(partition);
    for (const { row, device } of surplusReplicas(assignment, partition)) {
      const target = assignment.findMove(device, assignment.room);
      if (target < 0) continue;
      assignment.take(row);
      assignment.put(row, target);
      noteMove(partition);
      break;
    }
  }
}

/** A replica whose device would hand it on, and so could take another. */
interface Offer {
  readonly partition: number;
  readonly row: Uint16Array;
  /** Index of the layer that takes it. */
  readonly layer: number;
}

/** What stands between devices with surplus and devices with room. */
interface Chains {
  /** By device. */
  readonly offers: Map<number, Offer>;
  /** Layer 0: the devices with room, by tier. Layer n: those that would hand a replica on to layer n - 1. */
  readonly layers: Int32Array[];
}

/**
 * Where nothing fits directly: replicas move on from device to device until one with room is reached, and the place that
 * this frees goes to a replica from a device with surplus. The shortest chains are taken.
 *
 * @returns how many devices got rid of a surplus replica; 0 when no chain was found.
 */
function moveInChains(request: MoveRequest): number {
  const { assignment } = request;
  const chains: Chains = { offers: new Map(), layers: [assignment.room] };
  for (let length = 1; length <= MAX_CHAIN_LENGTH; length++) {
    if ((assignment.room[0] ?? 0) === 0 || !addLayer(request, chains)) return 0;
    const moved = moveToOffers(request, chains);
    if (moved > 0) return moved;
  }
  return 0;
}

/** @returns whether there is any device that hands on to the last layer. */
function addLayer({ assignment, tree, partitions, random, mayMove }: MoveRequest, { offers, layers }: Chains): boolean {
  const last = layers.length - 1;
  const takers = layers[last];
  const layer = new Int32Array(tree.tiers.length);
  if (takers === undefined) return false;
  for (const partition of random.permutation(partitions)) {
    if (!mayMove(partition)) continue;
    let opened = false;
    for (const row of assignment.rows) {
      const device = row[partition] ?? NOBODY;
      if (device === NOBODY || offers.has(device) || assignment.surplus(device) !== 0) continue;
      if (!opened) assignment.open(partition);
      opened = true;
      if (assignment.findMove(device, takers) < 0) continue;
      offers.set(device, { partition, row, layer: last });
      addAlongPath(tree, layer, device, 1);
    }
  }
  layers.push(layer);
  return (layer[0] ?? 0) > 0;
}

function moveToOffers(request: MoveRequest, chains: Chains): number {
  const { assignment, partitions, random, mayMove, noteMove } = request;
  const layer = chains.layers.at(-1);
  let moved = 0;
  if (layer === undefined) return 0;
  for (const partition of random.permutation(partitions)) {
    if ((layer[0] ?? 0) === 0) break;
    if (!hasSurplus(assignment, partition) || !mayMove(partition)) continue;
    assignment.open(partition);
    for (const { row, device } of surplusReplicas(assignment, partition)) {
      const between = assignment.findMove(device, layer);
      if (between < 0 || chains.offers.get(between)?.partition === partition) continue;
      const freed = acceptOffer(request, chains, between);
      assignment.open(partition);
      // A longer chain may have moved this very partition.
      if (!mayMove(partition)) break;
      if (!freed) continue;
      assignment.take(row);
      assignment.put(row, between);
      noteMove(partition);
      moved++;
      break;
    }
  }
  return moved;
}

/**
 * Lets a device hand on what it offered. The world has changed since, so it is asked again; a chain that breaks midway
 * leaves a valid assignment, in which only the place of the lacking replica is another.
 */
function acceptOffer(request: MoveRequest, chains: Chains, device: number): boolean {
  const { assignment, tree, mayMove, noteMove } = request;
  const offer = chains.offers.get(device);
  if (offer === undefined) return false;
  const { partition, row, layer } = offer;
  const takers = chains.layers[layer];
  const own = chains.layers[layer + 1];
  invariant(takers !== undefined && own !== undefined, 'an offer stands in a layer and has one below');
  chains.offers.delete(device);
  addAlongPath(tree, own, device, -1);
  if (!mayMove(partition) || row[partition] !== device) return false;
  assignment.open(partition);
  const target = assignment.findMove(device, takers);
  if (target < 0 || (layer > 0 && !acceptOffer(request, chains, target))) return false;
  assignment.open(partition);
  if (!mayMove(partition)) return false;
  assignment.take(row);
  assignment.put(row, target);
  noteMove(partition);
  return true;
}

interface Replica {
  readonly row: Uint16Array;
  readonly device: number;
}

function replicasOf({ rows }: Assignment, partition: number): Replica[] {
  const replicas: Replica[] = [];
  for (const row of rows) {
    const device = row[partition] ?? NOBODY;
    if (device !== NOBODY) replicas.push({ row, device });
  }
  return replicas;
}

function hasSurplus(assignment: Assignment, partition: number): boolean {
  for (const row of assignment.rows) {
    const device = row[partition] ?? NOBODY;
    if (device !== NOBODY && assignment.surplus(device) > 0) return true;
  }
  return false;
}

/** The partition's replicas on devices with too much, the fullest first. */
function surplusReplicas(assignment: Assignment, partition: number): Replica[] {
  return replicasOf(assignment, partition)
    .filter(({ device }) => assignment.surplus(device) > 0)
    .sort((left, right) => assignment.surplus(right.device) - assignment.surplus(left.device));
}
