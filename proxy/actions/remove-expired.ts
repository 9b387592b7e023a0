import { type Timestamp, ticksOf, timestampFromTicks } from '../../common/timestamp.ts';
import type { Cluster } from '../backend/cluster.ts';
import { withDeadline } from '../backend/deadline.ts';
import { quorumOf } from '../backend/quorum.ts';
import { isRefusal, refusal } from '../errors.ts';
import { removeVersion } from './change-object.ts';
import type { ObjectName } from './read-object.ts';

/** `changed`: it goes at another moment, or stays, or has been overwritten meanwhile. */
export type Removal = 'removed' | 'changed';

/**
 * Removes an object if it says that it goes at that moment, and then exactly the version that says so: what is written meanwhile is
 * newer than its tombstone.
 *
 * @param deleteAtSeconds since the epoch.
 * @throws ApiError 404, 503.
 */
export async function removeExpiring(cluster: Cluster, name: ObjectName, deleteAtSeconds: number): Promise<Removal> {
  const { timestamp, deleteAt } = await newestVersion(cluster, name);
  if (Number(deleteAt) !== deleteAtSeconds) return 'changed';
  try {
    await removeVersion(cluster, name, timestampFromTicks(ticksOf(timestamp) + 1));
    return 'removed';
  } catch (error) {
    if (isRefusal(error, 'OlderVersion')) return 'changed';
    throw error;
  }
}

/** Removes an object as of a moment: what was written since stays. @throws ApiError 404 (no such container), 503. */
export async function removeAsOf(cluster: Cluster, name: ObjectName, timestamp: Timestamp): Promise<Removal> {
  try {
    return (await removeVersion(cluster, name, timestamp)).existed ? 'removed' : 'changed';
  } catch (error) {
    if (isRefusal(error, 'OlderVersion')) return 'changed';
    throw error;
  }
}

/** What a replica knows of an object. */
export interface Version {
  timestamp: Timestamp;
  /** Undefined: it stays. */
  deleteAt: string | undefined;
  /** It is gone: a tombstone. */
  isDeleted: boolean;
}

/** The newest that any replica has, one that nobody may read any more included. @throws ApiError 404, 503. */
async function newestVersion(cluster: Cluster, name: ObjectName): Promise<Version> {
  const newest = await findNewest(cluster, name);
  if (!newest || newest.isDeleted) throw refusal(404);
  return newest;
}

/** The same, or the tombstone; undefined: nobody knows anything. @throws ApiError 503. */
export async function findNewest(cluster: Cluster, name: ObjectName): Promise<Version | undefined> {
  const ring = cluster.rings.object(name.policyIndex);
  const partition = ring.partitionOf(name.account, name.container, name.object);
  const primaries = ring.primaries(partition);
  let absent = 0;
  let failure: unknown;
  const asked = primaries.map(async (device): Promise<Version | undefined> => {
    try {
      const opening = cluster.objectStoreAt(device).open({ ...name, device: device.device, partition });
      const reading = await withDeadline(opening, cluster.nodeTimeoutMs, (late) => void late.close());
      await reading.close();
      const { state } = reading;
      return { timestamp: state.timestamp, deleteAt: state.metadata['x-delete-at'], isDeleted: false };
    } catch (error) {
      if (!isRefusal(error, 'ObjectNotFound')) {
        failure = error;
        return undefined;
      }
      const { timestamp, deleteAt } = error.details;
      if (typeof timestamp !== 'string') {
        absent += 1;
        return undefined;
      }
      return typeof deleteAt === 'string'
        ? { timestamp, deleteAt, isDeleted: false }
        : { timestamp, deleteAt: undefined, isDeleted: true };
    }
  });
  const versions = (await Promise.all(asked)).filter((version) => version !== undefined);
  const [newest] = versions.toSorted((left, right) => (left.timestamp < right.timestamp ? 1 : -1));
  if (!newest && absent < quorumOf(primaries.length)) throw refusal(503, { cause: failure });
  return newest;
}
