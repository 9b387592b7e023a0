import type { Timestamp } from '../../common/timestamp.ts';
import type { Cluster } from '../backend/cluster.ts';
import {
  EVERYTHING,
  forgetRow,
  type NamedTimestamp,
  namesOf,
  noteRows,
  timestampedOf,
  timestampedRows,
} from './note-rows.ts';
import { listContainers, listObjects } from './read-listing.ts';
import { changeContainer, putContainer } from './write-listing.ts';

/**
 * Where it is noted what other clusters are to be told: an account of its own with a container for each one that is synchronized, and in
 * it a row for each object that was written since it was told of last, with the newest write's timestamp. A note says no more than
 * "look at this object": what is told is what is there then.
 */
const SYNC_ACCOUNT = '.container_sync';
/** On such a container: how far the walk through all objects has come, JSON. */
const WALK = 'x-container-sysmeta-sync-walk';

export interface SyncedContainer {
  account: string;
  container: string;
}

/** The walk through what was there before the container was synchronized. */
export interface SyncWalk {
  /** Value of `X-Container-Sync-To` that it is for: another value begins another walk. */
  to: string;
  /** Name of the last object that was told of, or noted. */
  marker: string;
  startedMs: number;
  /** When it came on last. */
  atMs: number;
  /** 1: all objects. 2, a grace later: those whose writes were under way when the first began. 3: it is over. */
  pass: 1 | 2 | 3;
}

/** Makes the place for a container's notes. @param walksAgain whether all its objects are to be told of, for some were written unnoted. @throws ApiError 503. */
export async function openSyncNotes(cluster: Cluster, path: SyncedContainer, walksAgain = false): Promise<void> {
  const metadata: Record<string, string> = walksAgain ? { [WALK]: '' } : {};
  await putContainer(cluster, { ...notesOf(path), metadata, policyIndex: undefined, accountMetadata: {} });
}

/** Durable on a quorum when it resolves. @param timestamp not after that of the write. @throws ApiError 503. */
export async function noteChange(
  cluster: Cluster,
  { account, container, object }: SyncedContainer & { object: string },
  timestamp: Timestamp,
): Promise<void> {
  await noteRows(cluster, notesOf({ account, container }), [object], timestamp);
}

/** Crosses a note out: one of a later write stays. @throws ApiError 503. */
export async function forgetChange(cluster: Cluster, path: SyncedContainer, note: NamedTimestamp): Promise<void> {
  await forgetRow(cluster, notesOf(path), note.name, note.timestamp);
}

/** A page of the containers with notes. @param marker the one before, as it is called here. @throws ApiError 503. */
export async function syncedContainers(
  cluster: Cluster,
  marker: string,
  limit: number,
): Promise<(SyncedContainer & { notes: string })[]> {
  const query = { ...EVERYTHING, marker, limit, reserved: true };
  const found = await listContainers(cluster, SYNC_ACCOUNT, query);
  return namesOf(found?.page).map((name) => {
    const [, account = '', ...rest] = name.split('/');
    return { notes: name, account, container: rest.join('/') };
  });
}

/** @throws ApiError 503. */
export async function syncNotes(
  cluster: Cluster,
  path: SyncedContainer,
  marker: string,
  limit: number,
): Promise<{ notes: NamedTimestamp[]; walk: SyncWalk | undefined }> {
  const { account, container } = notesOf(path);
  const found = await listObjects(cluster, account, container, { ...EVERYTHING, marker, limit });
  return { notes: timestampedOf(found?.page), walk: parseWalk(found?.info.metadata[WALK]) };
}

/** A page of the container's own objects; undefined where it is gone. @throws ApiError 503. */
export async function objectsToSync(
  cluster: Cluster,
  path: SyncedContainer,
  marker: string,
  limit: number,
): Promise<NamedTimestamp[]> {
  return timestampedRows(cluster, path, marker, limit);
}

/** Durable on a quorum when it resolves. @throws ApiError 404, 503. */
export async function saveWalk(cluster: Cluster, path: SyncedContainer, walk: SyncWalk): Promise<void> {
  await changeContainer(cluster, notesOf(path), { [WALK]: JSON.stringify(walk) });
}

/** The account and the container of the notes. */
export function notesOf({ account, container }: SyncedContainer): { account: string; container: string } {
  return { account: SYNC_ACCOUNT, container: `/${account}/${container}` };
}

function parseWalk(text: string | undefined): SyncWalk | undefined {
  return text ? (JSON.parse(text) as SyncWalk) : undefined;
}
