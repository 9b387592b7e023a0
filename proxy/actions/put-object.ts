import type { Timestamp } from '../../common/timestamp.ts';
import {
  bodySeed,
  listedRowOf,
  type NewObject,
  type ObjectUpload,
  type UploadFooter,
  type WriteCondition,
} from '../../object-server/contract.ts';
import type { Cluster } from '../backend/cluster.ts';
import { withDeadline } from '../backend/deadline.ts';
import { agreed, isDecisive, type Outcome, quorumOf, settleByQuorum } from '../backend/quorum.ts';
import { attemptOnReplicas } from '../backend/replicas.ts';
import { listingReports } from '../backend/reports.ts';
import { writeWithTimestamp } from '../backend/timestamp-retry.ts';
import { tellUnreported } from '../backend/unreported.ts';
import { isRefusal, refusal } from '../errors.ts';
import type { RequestBody } from '../message.ts';
import type { ObjectName } from './read-object.ts';
import { transferBody } from './transfer-body.ts';

export interface ObjectPut extends WriteCondition {
  name: ObjectName;
  contentType: string;
  /** Kept until the next version with data. */
  fixedMetadata: Record<string, string>;
  /** Replaced by a POST. */
  metadata: Record<string, string>;
  /** Of a conditional write: one replica decides before the others are asked, so that of writers that race one wins, and nothing of the rest is left. */
  inTurn?: boolean;
  body: RequestBody;
  /** MD5 that the client says the body has, lower case hex. */
  expectedEtag: string | undefined;
  mostBytes: number;
  /** What the object is known by, where its bytes lie elsewhere; the MD5 of its body unless told. */
  etag?: string;
  /** Of a version that comes from another cluster; its own unless told. */
  timestamp?: Timestamp;
}

export interface StoredObject {
  timestamp: Timestamp;
  etag: string;
  sizeBytes: number;
}

/**
 * Stores an object: opens an upload on every replica before the first byte is asked of the client, gives each chunk to all of
 * them at the pace of the slowest, and commits with the MD5 that was computed here, once.
 * What goes wrong before the commit leaves nothing behind.
 *
 * @throws ApiError 404 (no such container), 408, 409, 412, 413, 422, 499, 503, 507.
 */
export async function putObject(cluster: Cluster, put: ObjectPut): Promise<StoredObject> {
  const begin = async (drawn: Timestamp) => ({ timestamp: drawn, uploads: await openUploads(cluster, put, drawn) });
  const { timestamp, uploads } = await writeWithTimestamp(cluster, begin, put.timestamp);
  try {
    const received = await transferBody({
      body: put.body,
      mostBytes: put.mostBytes,
      seed: bodySeed(put.name, timestamp),
      send: (piece, checksums) => sendPiece(cluster, uploads, piece, checksums),
    });
    const { sizeBytes } = received;
    const etag = put.etag ?? received.etag;
    if (put.expectedEtag !== undefined && put.expectedEtag !== etag) throw refusal(422);
    const footer = put.body.footer?.();
    const outcomes = await commit(cluster, uploads, put, {
      etag,
      sizeBytes,
      ...(footer === undefined ? {} : { fixedMetadata: footer }),
    });
    const listed = { ...put, fixedMetadata: { ...put.fixedMetadata, ...footer }, etag, sizeBytes, timestamp };
    await tellUnreported(cluster, put.name, outcomes, () => listedRowOf(put.name.object, listed));
    return { timestamp, etag, sizeBytes };
  } catch (error) {
    await uploads.abort();
    throw error;
  }
}

/** The uploads that still work, and how many must. */
class Uploads {
  readonly quorum: number;
  /** By replica; undefined where it could not be opened. */
  private readonly replicas: readonly (ObjectUpload | undefined)[];
  private open: ObjectUpload[];

  constructor(replicas: readonly (ObjectUpload | undefined)[], quorum: number) {
    this.replicas = replicas;
    this.open = replicas.filter((upload) => upload !== undefined);
    this.quorum = quorum;
  }

  /** What became of each replica, those that were dropped included. @param outcomes of those that are open still, in their order. */
  byReplica(outcomes: readonly Outcome<void>[]): Outcome<void>[] {
    return this.replicas.map(
      (upload) => outcomes[upload === undefined ? -1 : this.open.indexOf(upload)] ?? { ok: false, error: undefined },
    );
  }

  get all(): readonly ObjectUpload[] {
    return this.open;
  }

  /** Goes on without one that failed. @throws ApiError when too few are left: 507 where that is for want of space, else 503. */
  drop(upload: ObjectUpload, cause: unknown): void {
    this.open = this.open.filter((each) => each !== upload);
    void upload.abort();
    if (this.open.length < this.quorum) throw refusal(isRefusal(cause, 'InsufficientStorage') ? 507 : 503, { cause });
  }

  async abort(): Promise<void> {
    await Promise.all(this.open.map((upload) => upload.abort()));
  }
}

async function openUploads(cluster: Cluster, put: ObjectPut, timestamp: Timestamp): Promise<Uploads> {
  const { name } = put;
  const ring = cluster.rings.object(name.policyIndex);
  const partition = ring.partitionOf(name.account, name.container, name.object);
  const reportOf = listingReports(cluster, name);
  const version: NewObject = {
    timestamp,
    contentType: put.contentType,
    ...(put.body.sizeBytes === undefined ? {} : { sizeBytes: put.body.sizeBytes }),
    fixedMetadata: put.fixedMetadata,
    metadata: put.metadata,
    onlyIfAbsent: put.onlyIfAbsent,
    onlyIfUnchangedSince: put.onlyIfUnchangedSince,
  };
  const attempts = attemptOnReplicas(
    cluster,
    ring,
    partition,
    (device, replica) =>
      cluster
        .objectStoreAt(device)
        .create({ ...name, device: device.device, partition }, { ...version, listing: reportOf(replica) }),
    (late) => void late.abort(),
  );
  const quorum = quorumOf(attempts.length);
  const outcomes = await Promise.allSettled(attempts);
  const open = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  try {
    // One replica that has the object is enough to say that it exists; one that has a newer version, to try a later timestamp.
    for (const outcome of outcomes)
      if (outcome.status === 'rejected' && isPrecondition(outcome.reason)) throw outcome.reason;
    agreed(
      outcomes.map((outcome) =>
        outcome.status === 'fulfilled' ? { ok: true, value: outcome.value } : { ok: false, error: outcome.reason },
      ),
      quorum,
    );
  } catch (error) {
    await Promise.all(open.map((upload) => upload.abort()));
    throw error;
  }
  return new Uploads(
    outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : undefined)),
    quorum,
  );
}

function isPrecondition(error: unknown): boolean {
  return isRefusal(error, 'ObjectExists') || isRefusal(error, 'ObjectChanged') || isRefusal(error, 'OlderVersion');
}

/** Gives a piece of the body to all uploads; goes on without those that fail. @throws ApiError 503 or 507 when too few are left. */
async function sendPiece(
  cluster: Cluster,
  uploads: Uploads,
  piece: Uint8Array,
  checksums: BigUint64Array,
): Promise<void> {
  const writes = uploads.all.map(async (upload) => {
    try {
      await withDeadline(upload.write(piece, checksums), cluster.nodeTimeoutMs);
    } catch (error) {
      cluster.logger.warn({ err: error }, 'a replica failed while an object was sent');
      return { upload, error };
    }
    return undefined;
  });
  for (const failed of await Promise.all(writes)) if (failed) uploads.drop(failed.upload, failed.error);
}

/**
 * Commits on all replicas and waits for the quorum, and a little longer for the rest.
 * A replica that meanwhile got a newer version has this one in its past: the write happened, and was overwritten. Not so where it had to
 * replace what was there before.
 */
async function commit(
  cluster: Cluster,
  uploads: Uploads,
  { inTurn, onlyIfUnchangedSince }: ObjectPut,
  footer: UploadFooter,
): Promise<Outcome<void>[]> {
  const commitTo = async (upload: ObjectUpload) => {
    try {
      await withDeadline(upload.commit(footer), cluster.nodeTimeoutMs);
    } catch (error) {
      if (!isRefusal(error, 'OlderVersion') || onlyIfUnchangedSince !== undefined) throw error;
    }
  };
  const decided = inTurn ? await decide(uploads, commitTo) : undefined;
  const commits = uploads.all.map((upload) => (upload === decided ? Promise.resolve() : commitTo(upload)));
  const outcomes = await settleByQuorum(commits, uploads.quorum, cluster.postQuorumMs);
  const stored = outcomes.filter(({ ok }) => ok).length;
  // It is there already, and may prevail: nobody can say that it was refused.
  if (decided && stored < uploads.quorum) throw refusal(503, { cause: outcomes.find((outcome) => !outcome.ok)?.error });
  agreed(outcomes, uploads.quorum);
  return uploads.byReplica(outcomes);
}

/**
 * Commits to the first replica that can say whether the condition holds. Writers that race ask the same one.
 *
 * @returns that one.
 * @throws its refusal; ApiError 503 where another, that gave no answer, may have stored it; 503 or 507 when too few are left.
 */
async function decide(uploads: Uploads, commitTo: (upload: ObjectUpload) => Promise<void>): Promise<ObjectUpload> {
  let unanswered: unknown;
  for (const upload of uploads.all) {
    try {
      await commitTo(upload);
      return upload;
    } catch (error) {
      if (isDecisive(error)) throw unanswered === undefined ? error : refusal(503, { cause: unanswered });
      unanswered = error;
      uploads.drop(upload, error);
    }
  }
  throw refusal(503, { cause: unanswered });
}
