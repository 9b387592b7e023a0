import type { Device } from '../contract.ts';
import { Assignment, countHeld, NOBODY } from './assignment.ts';
import { placeAll } from './initial-placement.ts';
import { moveTowardsQuotas } from './moves.ts';
import { buildQuotas } from './quotas.ts';
import { Random } from './random.ts';
import { buildReplicaPlan } from './replica-plan.ts';
import type { BuilderState } from './state.ts';
import { buildTierTree, leafOf, type TierTree } from './tier-tree.ts';

export interface RebalanceOptions {
  /** The same builder, time and seed give the same ring. Without one, the builder's version is the seed. */
  readonly seed?: string | undefined;
  /** Seconds since 1970: tells how long ago partitions were moved. */
  readonly nowSeconds: number;
}

/**
 * Rebalances a builder's state in place.
 *
 * @throws ApiError RingChangeRefused before anything is changed.
 */
export function rebalance(
  state: BuilderState,
  options: RebalanceOptions,
): { movedReplicas: number; removedDevices: number } {
  const partitions = 2 ** state.partPower;
  const staying = state.devices.map((device) => (device && !state.removed.includes(device.id) ? device : undefined));
  const tree = buildTierTree(staying);
  const plan = buildReplicaPlan(tree, staying, state.replicas, state.overload);

  const random = new Random(options.seed ?? String(state.version));
  const before = state.rows;
  const rows = resizeRows(before, rowLengths(state.replicas, partitions));
  const moved = new Uint8Array(partitions);
  ageMoves(state, options.nowSeconds);
  freeRemoved(rows, staying, moved);

  const quota = buildQuotas({
    tree,
    plan,
    partitions,
    total: rows.reduce((sum, row) => sum + row.length, 0),
    byWeight: sharesByWeight(tree, staying, state.replicas * partitions),
    current: heldByTier(tree, rows, staying.length),
  });
  if (before.length === 0) {
    placeAll({ tree, quota, rows, random });
    moved.fill(1);
  } else {
    moveTowardsQuotas({
      assignment: new Assignment({ tree, plan, quota, rows, deviceCount: staying.length }),
      tree,
      partitions,
      deviceCount: staying.length,
      random,
      mayMove: (partition) => moved[partition] === 0 && (state.hoursSinceMove[partition] ?? 0) >= state.minPartHours,
      noteMove: (partition) => {
        moved[partition] = 1;
      },
    });
  }

  for (let partition = 0; partition < partitions; partition++)
    if (moved[partition]) state.hoursSinceMove[partition] = 0;
  const removedDevices = state.removed.length;
  state.rows = rows;
  state.devices = staying;
  state.removed = [];
  state.devicesChanged = false;
  state.version++;
  return { movedReplicas: countMoved(before, rows), removedDevices };
}

/** Spec: the last row of a ring with fractional replicas holds that fraction of the partitions, from 0 on. */
function rowLengths(replicas: number, partitions: number): number[] {
  const whole = Math.floor(replicas);
  const lengths = new Array<number>(whole).fill(partitions);
  if (replicas > whole) lengths.push(Math.floor(partitions * (replicas - whole)));
  return lengths;
}

/** Copies what stays; new places belong to nobody. */
function resizeRows(rows: readonly Uint16Array[], lengths: readonly number[]): Uint16Array[] {
  return lengths.map((length, replica) => {
    const row = new Uint16Array(length).fill(NOBODY);
    row.set((rows[replica] ?? row).subarray(0, length));
    return row;
  });
}

function ageMoves(state: BuilderState, nowSeconds: number): void {
  const hours = Math.floor((nowSeconds - state.lastMovesAt) / 3600);
  if (hours <= 0) return;
  const aged = state.hoursSinceMove;
  for (let partition = 0; partition < aged.length; partition++)
    aged[partition] = Math.min(255, (aged[partition] ?? 0) + hours);
  state.lastMovesAt = Math.floor(nowSeconds);
}

/** A removed device has usually failed: its partitions move now, and then their other replicas must not. */
function freeRemoved(rows: readonly Uint16Array[], staying: readonly (Device | undefined)[], moved: Uint8Array): void {
  for (const row of rows)
    for (let partition = 0; partition < row.length; partition++) {
      const id = row[partition] ?? NOBODY;
      if (id === NOBODY || staying[id] !== undefined) continue;
      row[partition] = NOBODY;
      moved[partition] = 1;
    }
}

function sharesByWeight(tree: TierTree, devices: readonly (Device | undefined)[], total: number): Float64Array {
  const shares = new Float64Array(tree.tiers.length);
  const weight = devices.reduce((sum, device) => sum + (device?.weight ?? 0), 0);
  for (const device of devices)
    if (device !== undefined) shares[leafOf(tree, device.id)] = (device.weight / weight) * total;
  return shares;
}

function heldByTier(tree: TierTree, rows: readonly Uint16Array[], deviceCount: number): Int32Array {
  const held = new Int32Array(tree.tiers.length);
  for (const [id, count] of countHeld(rows, deviceCount).entries()) {
    const leaf = leafOf(tree, id);
    if (leaf >= 0) held[leaf] = count;
  }
  return held;
}

function countMoved(before: readonly Uint16Array[], after: readonly Uint16Array[]): number {
  let moved = 0;
  for (const [replica, row] of after.entries()) {
    const old = before[replica];
    for (let partition = 0; partition < row.length; partition++)
      if (old === undefined || old[partition] !== row[partition]) moved++;
  }
  return moved;
}
