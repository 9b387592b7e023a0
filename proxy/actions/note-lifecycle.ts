import { createHash } from 'node:crypto';
import { timestampFromTicks } from '../../common/timestamp.ts';
import type { Cluster } from '../backend/cluster.ts';
import { forgetRow, type NotesContainer, notedRows, noteRows } from './note-rows.ts';

/**
 * Where it is noted which buckets have a lifecycle configuration: an account of its own with a fixed number of containers, and a row
 * `account/bucket` for each. A bucket may be noted that has none (any more).
 */
const LIFECYCLE_ACCOUNT = '.s3_lifecycle';
const SHARES = 16;

/** The containers of all notes. */
export const LIFECYCLE_SHARES: readonly string[] = Array.from({ length: SHARES }, (_, index) =>
  String(index).padStart(2, '0'),
);

/** A note is not crossed out before it is this old: the rules that it was made for may only now be written. */
const LEAST_AGE_SECONDS = 3_600;
const TICKS_PER_MS = 100;

/** Durable on a quorum when it resolves. @throws ApiError 503. */
export async function noteLifecycle(cluster: Cluster, account: string, bucket: string): Promise<void> {
  const name = `${account}/${bucket}`;
  const share = (createHash('md5').update(name).digest()[0] ?? 0) % SHARES;
  await noteRows(cluster, notesIn(LIFECYCLE_SHARES[share] ?? ''), [name]);
}

/** A page of the buckets of a share after `marker`, `account/bucket` each. @throws ApiError 503. */
export function notedLifecycles(cluster: Cluster, share: string, marker: string, limit: number): Promise<string[]> {
  return notedRows(cluster, notesIn(share), marker, limit);
}

/** Crosses the note of a bucket without rules out, if it is old. @throws ApiError 503. */
export async function forgetLifecycle(cluster: Cluster, share: string, name: string): Promise<void> {
  const ticks = Math.floor((cluster.clock.nowMs() - LEAST_AGE_SECONDS * 1000) * TICKS_PER_MS);
  await forgetRow(cluster, notesIn(share), name, timestampFromTicks(Math.max(ticks, 0)));
}

function notesIn(container: string): NotesContainer {
  return { account: LIFECYCLE_ACCOUNT, container };
}
