import { invariant } from '../../common/errors.ts';
import type { Random } from './random.ts';
import type { TierTree } from './tier-tree.ts';

export interface PlacementRequest {
  readonly tree: TierTree;
  /** Partition replicas by tier number. */
  readonly quota: Int32Array;
  /** To be filled: device ids by partition, one row a replica. */
  readonly rows: readonly Uint16Array[];
  readonly random: Random;
}

/**
 * The partitions in a tier, as the sequence `order`, `order`, … cut off at `length`: two places of one partition lie
 * exactly `order.length` apart, so every window holds each partition as evenly as windows can.
 */
interface Sequence {
  /** Partitions, each once; those that come once more often than the others stand first. */
  readonly order: Int32Array;
  readonly length: number;
}

/**
 * Assigns a ring from nothing: every tier gets exactly its quota, and every partition has in every tier the tier's
 * average number of replicas, rounded down or up. That is full dispersion and the best balance at once, without search.
 *
 * From the cluster down, each tier's sequence of partitions is cut into one window for each child. Where partitions come
 * more than once, windows would tie the same few children to each other, so places are then exchanged at random.
 */
export function placeAll(request: PlacementRequest): void {
  const { rows, random } = request;
  const partitions = rows[0]?.length ?? 0;
  const length = rows.reduce((sum, row) => sum + row.length, 0);
  const order = Int32Array.from({ length: partitions }, (_, partition) => partition);
  const extras = length % partitions;
  random.shuffle(order, 0, extras);
  random.shuffle(order, extras, partitions);
  const filled = new Uint8Array(partitions);
  placeTier(request, 0, { order, length }, filled);
  shuffleReplicas(rows, filled, random);
}

function placeTier(request: PlacementRequest, number: number, sequence: Sequence, filled: Uint8Array): void {
  const { tree, quota, rows } = request;
  const tier = tree.tiers[number];
  invariant(tier !== undefined && sequence.length === quota[number], 'a tier is given its quota');
  if (tier.deviceId >= 0) {
    invariant(sequence.length === sequence.order.length, 'a device holds no partition twice');
    for (const partition of sequence.order) {
      const row = rows[filled[partition] ?? 0];
      invariant(row !== undefined, 'no partition gets more replicas than the ring has');
      row[partition] = tier.deviceId;
      filled[partition] = (filled[partition] ?? 0) + 1;
    }
    return;
  }
  const children = tier.children.filter((child) => (quota[child] ?? 0) > 0);
  const lengths = children.map((child) => quota[child] ?? 0);
  const parts =
    sequence.length === sequence.order.length ? cut(sequence, lengths) : deal(sequence, lengths, request.random);
  for (const [index, part] of parts.entries()) placeTier(request, children[index] ?? 0, part, filled);
}

/** Every partition comes once: the windows of a random order are random already. */
function cut({ order }: Sequence, lengths: readonly number[]): Sequence[] {
  let from = 0;
  return lengths.map((length) => {
    const window = { order: order.subarray(from, from + length), length };
    from += length;
    return window;
  });
}

/** Partitions come several times: windows first, then random exchanges that keep every child's numbers. */
function deal({ order, length }: Sequence, lengths: readonly number[], random: Random): Sequence[] {
  const distinct = order.length;
  const least = Int32Array.from(lengths, (share) => Math.floor(share / distinct));
  const most = Int32Array.from(lengths, (share) => Math.ceil(share / distinct));
  const owner = new Uint16Array(length);
  let from = 0;
  for (const [child, share] of lengths.entries()) {
    owner.fill(child, from, from + share);
    from += share;
  }

  // How often the partition at this place of the order falls to the child.
  const held = (place: number, child: number): number => {
    let count = 0;
    for (let at = place; at < length; at += distinct) if (owner[at] === child) count++;
    return count;
  };
  for (let exchange = 0; exchange < length; exchange++) {
    const left = exchange;
    const right = random.below(length);
    const leftPlace = left % distinct;
    const rightPlace = right % distinct;
    const leftChild = owner[left] ?? 0;
    const rightChild = owner[right] ?? 0;
    if (leftPlace === rightPlace || leftChild === rightChild) continue;
    if (held(leftPlace, rightChild) >= (most[rightChild] ?? 0) || held(leftPlace, leftChild) <= (least[leftChild] ?? 0))
      continue;
    if (
      held(rightPlace, leftChild) >= (most[leftChild] ?? 0) ||
      held(rightPlace, rightChild) <= (least[rightChild] ?? 0)
    )
      continue;
    owner[left] = rightChild;
    owner[right] = leftChild;
  }

  const orders = lengths.map((share) => new Int32Array(Math.min(share, distinct)));
  // Where the next partition goes: those that come once more often first.
  const extras = Int32Array.from(lengths, (share, child) => ((least[child] ?? 0) > 0 ? share % distinct : 0));
  const nextExtra = new Int32Array(lengths.length);
  const nextPlain = extras.slice();
  for (let place = 0; place < distinct; place++) {
    for (let at = place; at < length; at += distinct) {
      const child = owner[at] ?? 0;
      let earlier = false;
      for (let before = place; before < at; before += distinct) if (owner[before] === child) earlier = true;
      if (earlier) continue;
      const floor = least[child] ?? 0;
      const cursor = floor > 0 && held(place, child) > floor ? nextExtra : nextPlain;
      const target = cursor[child] ?? 0;
      const childOrder = orders[child];
      invariant(childOrder !== undefined && target < childOrder.length, 'exchanges keep the lengths');
      childOrder[target] = order[place] ?? 0;
      cursor[child] = target + 1;
    }
  }
  return orders.map((childOrder, child) => {
    const extra = extras[child] ?? 0;
    random.shuffle(childOrder, 0, extra);
    random.shuffle(childOrder, extra, childOrder.length);
    return { order: childOrder, length: lengths[child] ?? 0 };
  });
}

/** The tree was walked region by region: without this the first replica would always be in the first region. */
function shuffleReplicas(rows: readonly Uint16Array[], filled: Uint8Array, random: Random): void {
  for (let partition = 0; partition < filled.length; partition++) {
    for (let last = (filled[partition] ?? 0) - 1; last > 0; last--) {
      const left = rows[last];
      const right = rows[random.below(last + 1)];
      invariant(left !== undefined && right !== undefined, 'filled counts rows');
      const device = left[partition] ?? 0;
      left[partition] = right[partition] ?? 0;
      right[partition] = device;
    }
  }
}
