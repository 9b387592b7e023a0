import type { ObjectRow } from '../../container-server/contract.ts';
import type { Cluster } from './cluster.ts';
import { withDeadline } from './deadline.ts';
import { isDecisive, type Outcome } from './quorum.ts';

/**
 * Tells container replicas of a write that a quorum of object replicas has, where the object replica that would have told them
 * failed: what is acknowledged is in the next listing. Bounded, and never rejects: a listing that cannot be told now is behind until
 * it is compared with its peers.
 *
 * @param outcomes of the object replicas, in their order. A refusal is an answer: that replica has something newer, and tells of it.
 */
export async function tellUnreported(
  cluster: Cluster,
  { account, container }: { account: string; container: string },
  outcomes: readonly Outcome<unknown>[],
  row: () => ObjectRow,
): Promise<void> {
  if (outcomes.every((outcome) => outcome.ok)) return;
  const { container: ring } = cluster.rings;
  const partition = ring.partitionOf(account, container);
  const primaries = ring.primaries(partition);
  const silent = outcomes.flatMap((outcome, replica) => (outcome.ok || isDecisive(outcome.error) ? [] : [replica]));
  // As `listingReports` has it: where there are fewer object replicas, each tells several.
  const reporters = Math.min(outcomes.length, primaries.length);
  const untold = new Set(silent.map((replica) => replica % primaries.length));
  const devices = primaries.filter((_, index) => untold.has(index % reporters));
  const telling = devices.map(async (device) => {
    const target = { device: device.device, partition, account, container };
    try {
      await withDeadline(cluster.listingStoreAt(device).applyObjectRows(target, [row()]), cluster.nodeTimeoutMs);
    } catch (error) {
      cluster.logger.warn({ err: error, device: device.device, ip: device.ip }, 'a listing is behind');
    }
  });
  await Promise.all(telling);
}
