import { hash } from 'node:crypto';
import { MemoryUse } from '../../common/memory/memory-use.ts';
import { xxh64 } from '../../common/xxh64.ts';
import { type ListingReport, listedRowOf, type NewObject } from '../../object-server/contract.ts';
import type { Device } from '../../ring/contract.ts';
import type { Cluster } from '../backend/cluster.ts';
import { agreed, quorumOf, settleByQuorum } from '../backend/quorum.ts';
import { attemptOnReplicas } from '../backend/replicas.ts';
import { reportOf } from '../backend/reports.ts';
import { writeWithTimestamp } from '../backend/timestamp-retry.ts';
import { tellUnreported } from '../backend/unreported.ts';
import { isRefusal, refusal } from '../errors.ts';
import type { StoredObject } from './put-object.ts';
import type { ObjectName } from './read-object.ts';

export interface WholeObjectPut {
  name: ObjectName;
  contentType: string;
  /** Replaced by a POST. */
  metadata: Record<string, string>;
  /** At most MOST_WHOLE_BYTES. Where all replicas are on this node they are freed once nobody needs them: nobody may look at them afterwards. */
  bytes: Uint8Array;
  /** MD5 that the client says the body has, lower case hex. */
  expectedEtag: string | undefined;
  /** Of the container, by its replica. */
  reports: readonly ListingReport[];
}

const NO_METADATA = {};

/**
 * Stores a small object whose body is in memory: on all replicas in one step, with the MD5 and the checksum computed here, once.
 *
 * @throws ApiError 404 (no such container), 409, 422, 503, 507.
 */
export async function putWholeObject(cluster: Cluster, put: WholeObjectPut): Promise<StoredObject> {
  const { name, bytes } = put;
  const etag = hash('md5', bytes);
  if (put.expectedEtag !== undefined && put.expectedEtag !== etag) throw refusal(422);
  const whole = { bytes, etag, checksum: xxh64(bytes) };
  const { account, container, object, policyIndex } = name;
  const ring = cluster.rings.object(policyIndex);
  const partition = ring.partitionOf(account, container, object);
  const use = new MemoryUse(bytes);
  const stored = writeWithTimestamp(cluster, async (timestamp) => {
    let firstHere: Device | undefined; // of `readOrder`
    const attempts = attemptOnReplicas(cluster, ring, partition, (device, replica) => {
      if (cluster.isLocal(device)) firstHere ??= device;
      const version: NewObject = {
        timestamp,
        contentType: put.contentType,
        sizeBytes: bytes.length,
        fixedMetadata: NO_METADATA,
        metadata: put.metadata,
        onlyIfAbsent: false,
        listing: reportOf(put.reports, replica),
        readFirst: device === firstHere,
      };
      const target = { device: device.device, partition, account, container, object, policyIndex };
      if (!cluster.isLocal(device)) use.keep(); // a connection may still be sending it
      return use.by(cluster.objectStoreAt(device).put(target, version, whole));
    });
    for (const attempt of attempts) use.by(attempt); // it may still go on to a handoff
    const quorum = quorumOf(attempts.length);
    const outcomes = await settleByQuorum(attempts, quorum, cluster.postQuorumMs);
    let stored = 0;
    for (const outcome of outcomes) if (outcome.ok) stored += 1;
    if (stored < quorum) {
      // One replica that has a newer version is enough to try a later timestamp.
      for (const outcome of outcomes) if (!outcome.ok && isRefusal(outcome.error, 'OlderVersion')) throw outcome.error;
      agreed(outcomes, quorum);
    }
    const stats = { timestamp, etag, sizeBytes: bytes.length };
    if (stored < outcomes.length)
      await tellUnreported(cluster, name, outcomes, () =>
        listedRowOf(name.object, { ...put, ...stats, fixedMetadata: NO_METADATA }),
      );
    return stats;
  });
  use.by(stored);
  return stored;
}
