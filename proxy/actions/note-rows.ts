import { parseTimestamp, type Timestamp, timestampFromTicks } from '../../common/timestamp.ts';
import { type ObjectRow, rowsOfChunk } from '../../container-server/contract.ts';
import type { Cluster } from '../backend/cluster.ts';
import { writeToReplicas } from '../backend/replicas.ts';
import { isRefusal } from '../errors.ts';
import { listObjects } from './read-listing.ts';
import { putContainer } from './write-listing.ts';

/**
 * Notes that daemons work through: rows, without objects, in containers of an account that no client has. Their names say everything.
 */
export interface NotesContainer {
  account: string;
  container: string;
}

const MD5_OF_NOTHING = 'd41d8cd98f00b204e9800998ecf8427e';

/**
 * Durable on a quorum when it resolves. The container is made where there is none.
 *
 * @param timestamp of the notes; one of now unless told.
 * @throws ApiError 503.
 */
export async function noteRows(
  cluster: Cluster,
  where: NotesContainer,
  names: readonly string[],
  timestamp?: Timestamp,
): Promise<void> {
  const note = () =>
    applyRows(
      cluster,
      where,
      names.map((name) => liveRow(name, timestamp ?? cluster.timestamps.next())),
    );
  try {
    await note();
  } catch (error) {
    if (!isRefusal(error, 'ContainerNotFound')) throw error;
    await putContainer(cluster, { ...where, metadata: {}, policyIndex: undefined, accountMetadata: {} });
    await note();
  }
}

/** Crosses a note out, unless it was made after `timestamp`. @throws ApiError 503. */
export async function forgetRow(
  cluster: Cluster,
  where: NotesContainer,
  name: string,
  timestamp: Timestamp,
): Promise<void> {
  await applyRows(cluster, where, [{ name, timestamp, deleted: true }]);
}

/** Names of a container's notes after `marker`, in their order; none where there is no such container. @throws ApiError 503. */
export async function notedRows(
  cluster: Cluster,
  { account, container }: NotesContainer,
  marker: string,
  limit: number,
): Promise<string[]> {
  return namesOf((await listObjects(cluster, account, container, { ...EVERYTHING, marker, limit }))?.page);
}

/** Of a listing without bounds of its own. */
export const EVERYTHING = { prefix: '', delimiter: '', endMarker: '', reverse: false };

/** The same with their timestamps. @throws ApiError 503. */
export async function timestampedRows(
  cluster: Cluster,
  { account, container }: NotesContainer,
  marker: string,
  limit: number,
): Promise<NamedTimestamp[]> {
  const found = await listObjects(cluster, account, container, { ...EVERYTHING, marker, limit });
  return timestampedOf(found?.page);
}

type Page = { chunks: readonly Uint8Array[]; release?(): void } | undefined;

export function namesOf(page: Page): string[] {
  return rowsOf(page).map(({ name }) => name);
}

/** A row of a listing, and its newest timestamp. */
export interface NamedTimestamp {
  name: string;
  timestamp: Timestamp;
}

/** A row's `last_modified` is its newest timestamp, to the tick. */
export function timestampedOf(page: Page): NamedTimestamp[] {
  return rowsOf(page).map(({ name, last_modified: iso }) => {
    const seconds = Date.parse(`${iso.slice(0, 19)}Z`) / 1000;
    return { name, timestamp: parseTimestamp(`${seconds}.${iso.slice(20, 25)}`) ?? timestampFromTicks(0) };
  });
}

function rowsOf(page: Page): { name: string; last_modified: string }[] {
  const rows = page?.chunks.flatMap(rowsOfChunk) ?? [];
  page?.release?.();
  return rows.map((row) => JSON.parse(row) as { name: string; last_modified: string });
}

function liveRow(name: string, timestamp: Timestamp): ObjectRow {
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

async function applyRows(cluster: Cluster, where: NotesContainer, rows: readonly ObjectRow[]): Promise<void> {
  const { account, container } = where;
  const { container: ring } = cluster.rings;
  const partition = ring.partitionOf(account, container);
  await writeToReplicas(cluster, ring, partition, (device) =>
    cluster.listingStoreAt(device).applyObjectRows({ device: device.device, partition, account, container }, rows),
  );
}
