import type { ObjectUpload } from '../../object-server/contract.ts';
import type { ObjectName } from '../actions/read-object.ts';
import type { Cluster } from '../backend/cluster.ts';
import { withDeadline } from '../backend/deadline.ts';
import { attemptOnReplicas } from '../backend/replicas.ts';
import { isRefusal, refusal } from '../errors.ts';
import { fragmentTarget } from './fragments.ts';
import type { CodedBody } from './head.ts';
import { pieceCount } from './layout.ts';

/** What is known of a body before it has been read. */
export type UnreadBody = Omit<CodedBody, 'sizeBytes'>;

/** Fragments that must be durable: one more than are needed to know the body, so that one may be lost at once. */
function enough({ dataPieces, parityPieces }: UnreadBody): number {
  return dataPieces + Math.min(1, parityPieces);
}

/** Uploads of all fragments of one body. Goes on without those that fail, as long as there are enough. */
export class FragmentWriter {
  private readonly cluster: Cluster;
  private readonly body: UnreadBody;
  /** By index; undefined where it could not be opened, or failed. */
  private readonly uploads: (ObjectUpload | undefined)[];

  /** Whether this is an upload, which has to have enough of them; else some are made again. */
  private readonly isUpload: boolean;

  private constructor(cluster: Cluster, body: UnreadBody, uploads: (ObjectUpload | undefined)[], isUpload: boolean) {
    this.cluster = cluster;
    this.body = body;
    this.uploads = uploads;
    this.isUpload = isUpload;
  }

  /** How many fragments are being written, or have been. */
  get writing(): number {
    return this.uploads.filter((upload) => upload !== undefined).length;
  }

  /**
   * @param only the fragments to write, where they are some that got lost; all unless told.
   * @throws ApiError 503 or 507 where too few devices take one.
   */
  static async open(
    cluster: Cluster,
    name: ObjectName,
    body: UnreadBody,
    only?: ReadonlySet<number>,
  ): Promise<FragmentWriter> {
    const ring = cluster.rings.object(name.policyIndex);
    const partition = ring.partitionOf(name.account, name.container, name.object);
    const version = {
      timestamp: body.id,
      contentType: 'application/octet-stream',
      fixedMetadata: {},
      metadata: {},
      onlyIfAbsent: false,
    };
    const attempts = attemptOnReplicas(
      cluster,
      ring,
      partition,
      async (device, index) => {
        if (index >= pieceCount(body) || (only && !only.has(index))) return undefined;
        const target = fragmentTarget(name, { id: body.id, index, device, partition });
        return cluster.objectStoreAt(device).create(target, version);
      },
      (late) => void late?.abort(),
    );
    const outcomes = await Promise.allSettled(attempts);
    const uploads = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : undefined));
    const writer = new FragmentWriter(cluster, body, uploads, only === undefined);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    await writer.assertEnough(failed?.reason);
    return writer;
  }

  /** @param pieces of one segment, all of them, one after another. @throws ApiError 503 or 507 when too few are left. */
  async write(pieces: Uint8Array): Promise<void> {
    const length = pieces.length / pieceCount(this.body);
    await this.onEach((upload, index) => upload.write(pieces.subarray(index * length, (index + 1) * length)));
  }

  /** Resolves when enough are durable. @throws ApiError 503 or 507. */
  async commit(etag: string, sizeBytes: number): Promise<void> {
    await this.onEach((upload) => upload.commit({ etag, sizeBytes }));
  }

  async abort(): Promise<void> {
    await Promise.all(this.uploads.map((upload) => upload?.abort()));
  }

  private async onEach(work: (upload: ObjectUpload, index: number) => Promise<void>): Promise<void> {
    let failure: unknown;
    const running = this.uploads.map(async (upload, index) => {
      if (!upload) return;
      try {
        await withDeadline(work(upload, index), this.cluster.nodeTimeoutMs);
      } catch (error) {
        this.cluster.logger.warn({ err: error, fragment: index }, 'a fragment could not be written');
        this.uploads[index] = undefined;
        failure = error;
        void upload.abort();
      }
    });
    await Promise.all(running);
    if (failure !== undefined) await this.assertEnough(failure);
  }

  private async assertEnough(cause: unknown): Promise<void> {
    if (this.writing >= (this.isUpload ? enough(this.body) : 1)) return;
    await this.abort();
    throw refusal(isRefusal(cause, 'InsufficientStorage') ? 507 : 503, { cause });
  }
}
