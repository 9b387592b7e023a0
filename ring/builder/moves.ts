import { invariant } from '../../common/errors.ts';
import { MAX_CHAIN_ROUNDS } from '../limits.ts';
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
 * that have none, then moves from devices with too much to devices with too little, directly or over one device between.
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

/** A replica that could move to a device with room, and so make room on its own. */
interface Offer {
  readonly partition: number;
  readonly row: Uint16Array;
}

/**
 * Where nothing fits directly: one replica moves from a device `between` to one with room, another from a device with
 * surplus to `between`.
 *
 * @returns how many such pairs were moved.
 */
function moveInChains(request: MoveRequest): number {
  const { assignment, tree, partitions, random, mayMove, noteMove } = request;
  if ((assignment.room[0] ?? 0) === 0) return 0;
  const offers = findOffers(request);
  const offered = new Int32Array(tree.tiers.length);
  for (const between of offers.keys()) addAlongPath(tree, offered, between, 1);
  let pairs = 0;
  for (const partition of random.permutation(partitions)) {
    if (offers.size === 0 || (assignment.room[0] ?? 0) === 0) break;
    if (!hasSurplus(assignment, partition) || !mayMove(partition)) continue;
    assignment.open(partition);
    for (const { row, device } of surplusReplicas(assignment, partition)) {
      const between = assignment.findMove(device, offered);
      const offer = offers.get(between);
      if (offer === undefined || offer.partition === partition) continue;
      offers.delete(between);
      addAlongPath(tree, offered, between, -1);
      if (!acceptOffer(request, offer, between)) {
        assignment.open(partition);
        continue;
      }
      assignment.open(partition);
      assignment.take(row);
      assignment.put(row, between);
      noteMove(partition);
      pairs++;
      break;
    }
  }
  return pairs;
}

function findOffers({ assignment, partitions, deviceCount, random, mayMove }: MoveRequest): Map<number, Offer> {
  const offers = new Map<number, Offer>();
  for (const partition of random.permutation(partitions)) {
    if (offers.size === deviceCount) break;
    if (!mayMove(partition)) continue;
    assignment.open(partition);
    for (const { row, device } of replicasOf(assignment, partition)) {
      if (offers.has(device) || assignment.surplus(device) !== 0) continue;
      if (assignment.findMove(device, assignment.room) >= 0) offers.set(device, { partition, row });
    }
  }
  return offers;
}

/** The world has changed since the offer was made: it is taken up only if it still holds. */
function acceptOffer(
  { assignment, mayMove, noteMove }: MoveRequest,
  { partition, row }: Offer,
  between: number,
): boolean {
  if (!mayMove(partition) || row[partition] !== between) return false;
  assignment.open(partition);
  const target = assignment.findMove(between, assignment.room);
  if (target < 0) return false;
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
