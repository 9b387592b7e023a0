import { createHash, type Hash } from 'node:crypto';
import type { Timestamp } from '../../common/timestamp.ts';
import type { NewObject, ObjectUpload } from '../../object-server/contract.ts';
import type { Cluster } from '../backend/cluster.ts';
import { withDeadline } from '../backend/deadline.ts';
import { agreed, quorumOf, settleByQuorum } from '../backend/quorum.ts';
import { attemptOnReplicas } from '../backend/replicas.ts';
import { listingReports } from '../backend/reports.ts';
import { writeWithTimestamp } from '../backend/timestamp-retry.ts';
import { isRefusal, refusal } from '../errors.ts';
import type { RequestBody } from '../message.ts';
import type { ObjectName } from './read-object.ts';

export interface ObjectPut {
  name: ObjectName;
  contentType: string;
  /** Kept until the next version with data. */
  fixedMetadata: Record<string, string>;
  /** Replaced by a POST. */
  metadata: Record<string, string>;
  onlyIfAbsent: boolean;
  body: RequestBody;
  /** MD5 that the client says the body has, lower case hex. */
  expectedEtag: string | undefined;
  mostBytes: number;
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
  const { timestamp, uploads } = await writeWithTimestamp(cluster, async (drawn) => ({
    timestamp: drawn,
    uploads: await openUploads(cluster, put, drawn),
  }));
  try {
    const { etag, sizeBytes } = await transfer(cluster, put, uploads);
    if (put.expectedEtag !== undefined && put.expectedEtag !== etag) throw refusal(422);
    await commit(cluster, uploads, { etag, sizeBytes });
    return { timestamp, etag, sizeBytes };
  } catch (error) {
    await uploads.abort();
    throw error;
  }
}

/** The uploads that still work, and how many must. */
class Uploads {
  readonly quorum: number;
  private open: ObjectUpload[];

  constructor(open: ObjectUpload[], quorum: number) {
    this.open = open;
    this.quorum = quorum;
  }

  get all(): readonly ObjectUpload[] {
    return this.open;
  }

  /** Goes on without one that failed. @throws ApiError 503 when too few are left. */
  drop(upload: ObjectUpload, cause: unknown): void {
    this.open = this.open.filter((each) => each !== upload);
    void upload.abort();
    if (this.open.length < this.quorum) throw refusal(503, { cause });
  }

  async abort(): Promise<void> {
    await Promise.all(this.open.map((upload) => upload.abort()));
  }
}

async function openUploads(cluster: Cluster, put: ObjectPut, timestamp: Timestamp): Promise<Uploads> {
  const { name } = put;
  const ring = cluster.rings.object(name.policyIndex);
  const partition = ring.partitionOf(name.account, name.container, name.object);
  const reportOf = listingReports(cluster, name.account, name.container);
  const version: NewObject = {
    timestamp,
    contentType: put.contentType,
    ...(put.body.sizeBytes === undefined ? {} : { sizeBytes: put.body.sizeBytes }),
    fixedMetadata: put.fixedMetadata,
    metadata: put.metadata,
    onlyIfAbsent: put.onlyIfAbsent,
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
  return new Uploads(open, quorum);
}

function isPrecondition(error: unknown): boolean {
  return isRefusal(error, 'ObjectExists') || isRefusal(error, 'OlderVersion');
}

async function transfer(
  cluster: Cluster,
  put: ObjectPut,
  uploads: Uploads,
): Promise<{ etag: string; sizeBytes: number }> {
  const digest: Hash = createHash('md5');
  let sizeBytes = 0;
  for await (const chunk of put.body.chunks()) {
    sizeBytes += chunk.length;
    if (sizeBytes > put.mostBytes) throw refusal(413);
    const writes = uploads.all.map((upload) => ({
      upload,
      written: withDeadline(upload.write(chunk), cluster.nodeTimeoutMs),
    }));
    // Watched before the first await: one that fails meanwhile is no unhandled rejection.
    const results = Promise.allSettled(writes.map(({ written }) => written));
    digest.update(chunk);
    for (const [index, result] of (await results).entries()) {
      const write = writes[index];
      if (result.status === 'rejected' && write) {
        cluster.logger.warn({ err: result.reason }, 'a replica failed while an object was sent');
        uploads.drop(write.upload, result.reason);
      }
    }
  }
  if (put.body.sizeBytes !== undefined && sizeBytes !== put.body.sizeBytes) throw refusal(499);
  return { etag: digest.digest('hex'), sizeBytes };
}

/**
 * Commits on all replicas and waits for the quorum, and a little longer for the rest.
 * A replica that meanwhile got a newer version has this one in its past: the write happened, and was overwritten.
 */
async function commit(cluster: Cluster, uploads: Uploads, footer: { etag: string; sizeBytes: number }): Promise<void> {
  const commits = uploads.all.map(async (upload) => {
    try {
      await withDeadline(upload.commit(footer), cluster.nodeTimeoutMs);
    } catch (error) {
      if (!isRefusal(error, 'OlderVersion')) throw error;
    }
  });
  agreed(await settleByQuorum(commits, uploads.quorum, cluster.postQuorumMs), uploads.quorum);
}
