import { type Timestamp, ticksOf, timestampFromTicks } from '../../common/timestamp.ts';
import type { Cluster } from '../backend/cluster.ts';
import { isRefusal } from '../errors.ts';
import { removeVersion } from './change-object.ts';
import { type ObjectName, openObject } from './read-object.ts';

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
  const { state, content } = await openObject(cluster, name, true);
  await content.close();
  if (Number(state.metadata['x-delete-at']) !== deleteAtSeconds) return 'changed';
  try {
    await removeVersion(cluster, name, timestampFromTicks(ticksOf(state.timestamp) + 1));
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
