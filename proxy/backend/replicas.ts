import type { Device, Ring } from '../../ring/contract.ts';
import { REQUEST_NODES_PER_REPLICA } from '../limits.ts';
import type { Cluster } from './cluster.ts';
import { withDeadline } from './deadline.ts';
import { agreed, isDecisive, type Outcome, quorumOf, settleByQuorum } from './quorum.ts';

/**
 * Devices to read a partition from: this node's primaries, the other primaries, then handoffs, a bounded number in all.
 * This node's always in the same order, so that one of them has in memory what is read again (partitions spread the load);
 * other nodes take turns.
 */
export function* readOrder(cluster: Cluster, ring: Ring, partition: number, rotation = 0): Generator<Device> {
  const primaries = ring.primaries(partition);
  for (const device of primaries) if (cluster.isLocal(device)) yield device;
  for (let index = 0; index < primaries.length; index += 1) {
    const device = primaries[(index + rotation) % primaries.length] as Device;
    if (!cluster.isLocal(device)) yield device;
  }
  yield* handoffsOf(ring, partition);
}

/** As many handoffs as one request may ask, beside the primaries. */
function* handoffsOf(ring: Ring, partition: number): Generator<Device> {
  let left = ring.primaries(partition).length * (REQUEST_NODES_PER_REPLICA - 1);
  if (left === 0) return;
  for (const device of ring.handoffs(partition)) {
    yield device;
    left -= 1;
    if (left === 0) return;
  }
}

/**
 * Runs an operation for each replica on its primary, all at once; where that device cannot do it, on the next handoff that
 * no other replica has taken.
 *
 * @param operation gets the device and the index of the replica that it stands for.
 * @returns one attempt per replica; it rejects with what the last device said.
 */
export function attemptOnReplicas<T>(
  cluster: Cluster,
  ring: Ring,
  partition: number,
  operation: (device: Device, replica: number) => Promise<T>,
  late?: (value: T) => void,
): Promise<T>[] {
  const handoffs = handoffsOf(ring, partition);
  return ring.primaries(partition).map(async (primary, replica) => {
    let device = primary;
    for (;;) {
      try {
        return await withDeadline(operation(device, replica), cluster.nodeTimeoutMs, late);
      } catch (error) {
        if (isDecisive(error)) throw error;
        cluster.logger.warn({ err: error, device: device.device, ip: device.ip }, 'a replica could not be written');
        const next = handoffs.next();
        if (next.done) throw error;
        device = next.value;
      }
    }
  });
}

/**
 * The operation on all replicas, durable on a quorum of them when it resolves.
 *
 * @throws ApiError what a quorum refused it with, 507, or 503.
 */
export async function writeToReplicas<T>(
  cluster: Cluster,
  ring: Ring,
  partition: number,
  operation: (device: Device, replica: number) => Promise<T>,
): Promise<T[]> {
  const attempts = attemptOnReplicas(cluster, ring, partition, operation);
  const quorum = quorumOf(attempts.length);
  const outcomes: Outcome<T>[] = await settleByQuorum(attempts, quorum, cluster.postQuorumMs);
  return agreed(outcomes, quorum);
}
