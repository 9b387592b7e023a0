import type { Timestamp } from '../../common/timestamp.ts';
import type { Metadata, ObjectState } from '../../object-server/contract.ts';
import type { Device } from '../../ring/contract.ts';
import type { Cluster } from '../backend/cluster.ts';
import { withDeadline } from '../backend/deadline.ts';
import { agreed, quorumOf, settleByQuorum } from '../backend/quorum.ts';
import { attemptOnReplicas, writeToReplicas } from '../backend/replicas.ts';
import { listingReports } from '../backend/reports.ts';
import { writeWithTimestamp } from '../backend/timestamp-retry.ts';
import { tellUnreported } from '../backend/unreported.ts';
import { removeFragments, unusedOf } from '../erasure/fragments.ts';
import { codedBodyOf } from '../erasure/head.ts';
import { type ObjectName, readObject, stateNow } from './read-object.ts';

export interface ObjectMetadataChange {
  name: ObjectName;
  metadata: Metadata;
  contentType: string | undefined;
}

/**
 * Replaces an object's changeable metadata on all replicas.
 *
 * @returns what was there before.
 * @throws ApiError 404 (also for an object past its `X-Delete-At`, which a POST must not bring back), 409, 503.
 */
export async function changeObjectMetadata(cluster: Cluster, change: ObjectMetadataChange): Promise<ObjectState> {
  const { name, metadata, contentType } = change;
  const opened = await readObject(cluster, name);
  await opened.content.close();
  const ring = cluster.rings.object(name.policyIndex);
  const partition = ring.partitionOf(name.account, name.container, name.object);
  const reportOf = listingReports(cluster, name);
  await writeWithTimestamp(cluster, (timestamp) =>
    writeToReplicas(cluster, ring, partition, (device, replica) =>
      cluster
        .objectStoreAt(device)
        .setMetadata(
          { ...name, device: device.device, partition },
          { timestamp, metadata, ...(contentType === undefined ? {} : { contentType }), listing: reportOf(replica) },
        ),
    ),
  );
  return opened.state;
}

/**
 * Writes a tombstone on all replicas.
 *
 * @returns whether there was an object; a replica that had none agrees with any that had.
 * @throws ApiError 404 (no such container), 409, 503.
 */
export async function removeObject(cluster: Cluster, name: ObjectName): Promise<{ existed: boolean }> {
  return writeWithTimestamp(cluster, (timestamp) => removeVersion(cluster, name, timestamp));
}

/** The same with a timestamp of the caller's: what is newer stays. @throws ApiError 404, 409, 503. */
export async function removeVersion(
  cluster: Cluster,
  name: ObjectName,
  timestamp: Timestamp,
): Promise<{ existed: boolean }> {
  const ring = cluster.rings.object(name.policyIndex);
  const partition = ring.partitionOf(name.account, name.container, name.object);
  const reportOf = listingReports(cluster, name);
  const removeBody = await bodyRemoval(cluster, name, timestamp);
  const existed = await existsHere(cluster, name, ring.primaries(partition), partition);
  const attempts = attemptOnReplicas(cluster, ring, partition, (device, replica) =>
    cluster
      .objectStoreAt(device)
      .remove({ ...name, device: device.device, partition }, { timestamp, listing: reportOf(replica), existed }),
  );
  const quorum = quorumOf(attempts.length);
  const outcomes = await settleByQuorum(attempts, quorum, cluster.postQuorumMs);
  const results = agreed(outcomes, quorum);
  await tellUnreported(cluster, name, outcomes, () => ({ name: name.object, timestamp, deleted: true }));
  removeBody?.();
  return { existed: results.some(({ existed }) => existed) };
}

/** What one replica on this node says, for the others need not look then; false where it has none, or cannot say. */
async function existsHere(
  cluster: Cluster,
  name: ObjectName,
  primaries: readonly Device[],
  partition: number,
): Promise<boolean> {
  const here = primaries.find((device) => cluster.isLocal(device));
  const answer = here && cluster.objectStoreAt(here).exists?.({ ...name, device: here.device, partition });
  if (answer === undefined) return false;
  return withDeadline(answer, cluster.nodeTimeoutMs).catch(() => false); // asked again by its removal, which says why
}

/** What is to be done when the object is gone, where its body lies in fragments. Looks before: afterwards nothing points to them. */
async function bodyRemoval(
  cluster: Cluster,
  name: ObjectName,
  timestamp: Timestamp,
): Promise<(() => void) | undefined> {
  if (!cluster.policies.byIndex(name.policyIndex)?.coding) return undefined;
  const state = await stateNow(cluster, name);
  const body = state && state.dataTimestamp < timestamp ? codedBodyOf(state) : undefined;
  return body && (() => void removeFragments(cluster, name, unusedOf(body)));
}
