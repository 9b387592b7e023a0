import { type ObjectRow, rowsOfChunk } from '../../container-server/contract.ts';
import type { Cluster } from '../backend/cluster.ts';
import { EXPIRY_ACCOUNT, type ExpiringObject, expiryRowOf, removalRowOf } from '../backend/expiry-queue.ts';
import { writeToReplicas } from '../backend/replicas.ts';
import { isRefusal } from '../errors.ts';
import { MOST_ROWS_PER_NOTE } from '../limits.ts';
import { listContainers, listObjects } from './read-listing.ts';
import { putContainer } from './write-listing.ts';

const MD5_OF_NOTHING = 'd41d8cd98f00b204e9800998ecf8427e';

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
  await noteRows(cluster, container, [name]);
}

/** Leaves objects of one account and container to the expirer: those versions that are there now. */
export async function noteAsyncDeletes(cluster: Cluster, paths: readonly ExpiringObject[]): Promise<void> {
  const [first] = paths;
  if (!first) return;
  const timestamp = cluster.timestamps.next();
  const { container } = expiryRowOf(first, timestamp.slice(0, 10));
  const names = paths.map((path) => removalRowOf(path, container, timestamp).name);
  for (let start = 0; start < names.length; start += MOST_ROWS_PER_NOTE)
    await noteRows(cluster, container, names.slice(start, start + MOST_ROWS_PER_NOTE));
}

async function noteRows(cluster: Cluster, container: string, names: readonly string[]): Promise<void> {
  const note = () =>
    applyRows(
      cluster,
      container,
      names.map((name) => liveRow(cluster, name)),
    );
  try {
    await note();
  } catch (error) {
    if (!isRefusal(error, 'ContainerNotFound')) throw error;
    await putContainer(cluster, {
      account: EXPIRY_ACCOUNT,
      container,
      metadata: {},
      policyIndex: undefined,
      accountMetadata: {},
    });
    await note();
  }
}

/** Crosses a note out. */
export async function forgetExpiry(cluster: Cluster, container: string, name: string): Promise<void> {
  await applyRows(cluster, container, [{ name, timestamp: cluster.timestamps.next(), deleted: true }]);
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
  const found = await listObjects(cluster, EXPIRY_ACCOUNT, container, { ...EVERYTHING, marker, limit });
  return namesOf(found?.page);
}

const EVERYTHING = { prefix: '', delimiter: '', endMarker: '', reverse: false };

function namesOf(page: { chunks: readonly Uint8Array[]; release?(): void } | undefined): string[] {
  const rows = page?.chunks.flatMap(rowsOfChunk) ?? [];
  page?.release?.();
  return rows.map((row) => (JSON.parse(row) as { name: string }).name);
}

function liveRow(cluster: Cluster, name: string): ObjectRow {
  const timestamp = cluster.timestamps.next();
  return {
    name,
    deleted: false,
    timestamp,
    contentType: 'text/plain',
    contentTypeTimestamp: timestamp,
    metadataTimestamp: timestamp,
    etag: MD5_OF_NOTHING,
    sizeBytes: 0,
  };
}

async function applyRows(cluster: Cluster, container: string, rows: readonly ObjectRow[]): Promise<void> {
  const { container: ring } = cluster.rings;
  const partition = ring.partitionOf(EXPIRY_ACCOUNT, container);
  await writeToReplicas(cluster, ring, partition, (device) =>
    cluster
      .listingStoreAt(device)
      .applyObjectRows({ device: device.device, partition, account: EXPIRY_ACCOUNT, container }, rows),
  );
}
