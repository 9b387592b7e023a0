import { createHash } from 'node:crypto';
import { ApiError } from '../../common/errors.ts';
import type { Cluster } from '../backend/cluster.ts';
import type { ErasureCodec, PieceCounts } from '../erasure/codec.ts';
import { FragmentWriter, type UnreadBody } from '../erasure/fragment-writer.ts';
import { removeFragments, unusedOf } from '../erasure/fragments.ts';
import { type CodedBody, codedBodyOf, headMetadata } from '../erasure/head.ts';
import { fragmentBytes, pieceBytes, pieceCount } from '../erasure/layout.ts';
import { refusal } from '../errors.ts';
import { NO_BODY } from '../message.ts';
import { type ObjectPut, putObject, type StoredObject } from './put-object.ts';
import { stateNow } from './read-object.ts';

export interface ErasureCoding extends PieceCounts {
  readonly codec: ErasureCodec;
  readonly segmentBytes: number;
}

/**
 * Stores an object whose policy codes bodies: first all fragments, durable on one more device than are needed; then the object itself, on
 * all replicas, which points to them. What was there before keeps its fragments until nothing points to them.
 *
 * A crash before the last step leaves fragments that nobody reads; one after it, those of the version before.
 *
 * @throws ApiError as `putObject`.
 */
export async function putCodedObject(cluster: Cluster, put: ObjectPut, coding: ErasureCoding): Promise<StoredObject> {
  if (put.onlyIfAbsent && (await stateNow(cluster, put.name)))
    throw new ApiError({ status: 412, code: 'ObjectExists', message: 'The object exists.' });
  const { body, etag } = await storeFragments(cluster, put, coding);
  const replaced = await stateNow(cluster, put.name);
  try {
    const metadata = { ...put.fixedMetadata, ...put.body.footer?.() };
    const fixedMetadata = body ? headMetadata(body, metadata) : metadata;
    const stored = await putObject(cluster, { ...put, fixedMetadata, body: NO_BODY, expectedEtag: undefined, etag });
    const before = replaced && codedBodyOf(replaced);
    if (before) void removeFragments(cluster, put.name, unusedOf(before));
    return { ...stored, sizeBytes: body?.sizeBytes ?? 0 };
  } catch (error) {
    // Where it was refused, nobody points to them; where nobody knows, somebody may.
    if (error instanceof ApiError && error.status < 500 && body)
      await removeFragments(cluster, put.name, unusedOf(body));
    throw error;
  }
}

/** @returns no body where there is nothing to store. */
async function storeFragments(
  cluster: Cluster,
  put: ObjectPut,
  coding: ErasureCoding,
): Promise<{ body: CodedBody | undefined; etag: string }> {
  const { dataPieces, parityPieces, segmentBytes } = coding;
  const unread: UnreadBody = { id: cluster.timestamps.next(), dataPieces, parityPieces, segmentBytes };
  const writer = await FragmentWriter.open(cluster, put.name, unread);
  try {
    const digest = createHash('md5');
    const segment = new SegmentBuffer(coding, put.body.sizeBytes, (pieces) => writer.write(pieces));
    let sizeBytes = 0;
    for await (const chunk of put.body.chunks()) {
      sizeBytes += chunk.length;
      if (sizeBytes > put.mostBytes) throw refusal(413);
      if (sizeBytes > (put.body.sizeBytes ?? sizeBytes)) throw refusal(499);
      digest.update(chunk);
      await segment.add(chunk);
    }
    if (put.body.sizeBytes !== undefined && sizeBytes !== put.body.sizeBytes) throw refusal(499);
    await segment.flush();
    const etag = digest.digest('hex');
    if (put.expectedEtag !== undefined && put.expectedEtag !== etag) throw refusal(422);
    if (sizeBytes === 0) {
      await writer.abort();
      return { body: undefined, etag };
    }
    const body: CodedBody = { ...unread, sizeBytes };
    await writer.commit(etag, fragmentBytes(body));
    return { body, etag };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** Gathers a segment, and codes it when it is full. */
class SegmentBuffer {
  private readonly coding: ErasureCoding;
  private readonly send: (pieces: Uint8Array) => Promise<void>;
  private memory: Buffer | undefined;
  private filled = 0;
  /** Of the memory that is taken: a short body needs no whole segment. */
  private readonly capacity: number;

  constructor(coding: ErasureCoding, sizeBytes: number | undefined, send: (pieces: Uint8Array) => Promise<void>) {
    this.coding = coding;
    this.send = send;
    this.capacity = Math.min(coding.segmentBytes, sizeBytes ?? coding.segmentBytes);
  }

  async add(chunk: Uint8Array): Promise<void> {
    const { segmentBytes } = this.coding;
    for (let offset = 0; offset < chunk.length; ) {
      this.memory ??= Buffer.alloc(pieceBytes(this.coding, this.capacity) * pieceCount(this.coding));
      const bytes = Math.min(chunk.length - offset, segmentBytes - this.filled);
      this.memory.set(chunk.subarray(offset, offset + bytes), this.filled);
      this.filled += bytes;
      offset += bytes;
      if (this.filled === segmentBytes) await this.flush();
    }
  }

  async flush(): Promise<void> {
    const { memory, filled, coding } = this;
    if (!memory || filled === 0) return;
    this.memory = undefined;
    this.filled = 0;
    const pieces = memory.subarray(0, pieceBytes(coding, filled) * pieceCount(coding));
    await coding.codec.encode(pieces, coding);
    await this.send(pieces);
  }
}
