import type { Cluster } from '../backend/cluster.ts';
import { EXPIRY_ACCOUNT, type ExpiringObject, expiryRowOf, removalRowOf } from '../backend/expiry-queue.ts';
import { MOST_ROWS_PER_NOTE } from '../limits.ts';
import { EVERYTHING, forgetRow, type NotesContainer, namesOf, notedRows, noteRows } from './note-rows.ts';
import { listContainers } from './read-listing.ts';

/**
 * Makes a write of an object that says when the object goes. The moment is noted first: a crash in between leaves a note of
 * nothing, and never an object that nobody removes.
 *
 * @param deleteAt seconds since the epoch, 10 digits; undefined: the object stays.
 */
export async function expiring<T>(
  cluster: Cluster,
  path: ExpiringObject,
  deleteAt: string | undefined,
  write: () => Promise<T>,
): Promise<T> {
  if (deleteAt === undefined) return write();
  await noteExpiry(cluster, path, deleteAt);
  const result = await write();
  // A slow write: the expirer may have come by, found nothing yet, and crossed the note out.
  if (Number(deleteAt) <= cluster.clock.nowMs() / 1000) await noteExpiry(cluster, path, deleteAt);
  return result;
}

async function noteExpiry(cluster: Cluster, path: ExpiringObject, deleteAt: string): Promise<void> {
  const { container, name } = expiryRowOf(path, deleteAt);
  await noteRows(cluster, notesIn(container), [name]);
}

/** Leaves objects of one account and container to the expirer: those versions that are there now. */
export async function noteAsyncDeletes(cluster: Cluster, paths: readonly ExpiringObject[]): Promise<void> {
  const [first] = paths;
  if (!first) return;
  const timestamp = cluster.timestamps.next();
  const { container } = expiryRowOf(first, timestamp.slice(0, 10));
  const names = paths.map((path) => removalRowOf(path, container, timestamp).name);
  for (let start = 0; start < names.length; start += MOST_ROWS_PER_NOTE)
    await noteRows(cluster, notesIn(container), names.slice(start, start + MOST_ROWS_PER_NOTE));
}

function notesIn(container: string): NotesContainer {
  return { account: EXPIRY_ACCOUNT, container };
}

/** Crosses a note out. */
export async function forgetExpiry(cluster: Cluster, container: string, name: string): Promise<void> {
  await forgetRow(cluster, notesIn(container), name, cluster.timestamps.next());
}

/** Names of the queue's containers after `marker`, in their order. */
export async function expiryContainers(cluster: Cluster, marker: string, limit: number): Promise<string[]> {
  const found = await listContainers(cluster, EXPIRY_ACCOUNT, { ...EVERYTHING, marker, limit });
  return namesOf(found?.page);
}

/** Names of a container's rows after `marker`, in their order. */
export async function expiryRows(
  cluster: Cluster,
  container: string,
  marker: string,
  limit: number,
): Promise<string[]> {
  return notedRows(cluster, notesIn(container), marker, limit);
}
