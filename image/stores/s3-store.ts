import type { S3Client } from '@aws-sdk/client-s3';
import { ApiError, invariant } from '../../common/errors.ts';
import { storeUnavailable, tooLarge } from '../errors.ts';
import { S3_PARTS_PER_STEP, STORE_TIMEOUT_MS } from '../limits.ts';
import { ChunkCutter } from './chunk-cutter.ts';
import type { ByteSpan, ImageStore, S3Location, StoreLocation } from './contract.ts';

export interface S3StoreOptions {
  /** Base URL; the region's own at Amazon unless told. */
  endpoint: string | undefined;
  region: string;
  bucket: string;
  accessKey: string;
  secretKey: string;
  /** `http://host/bucket/key` instead of `http://bucket.host/key`. */
  pathStyle: boolean;
  /** Bytes of a part, kept in memory while it is sent. At least LEAST_S3_PART_BYTES. */
  partBytes: number;
}

type S3Kit = { client: S3Client } & typeof import('@aws-sdk/client-s3');

const MOST_PARTS = 10_000;

/** Images as objects `<bucket>/<image id>` of an S3 service, uploaded in parts. */
export class S3Store implements ImageStore {
  readonly kind = 's3';
  private readonly options: S3StoreOptions;
  private kit: Promise<S3Kit> | undefined;
  /** Multipart uploads that run or have failed here, by image. */
  private readonly uploads = new Map<string, string>();

  constructor(options: S3StoreOptions) {
    this.options = options;
  }

  async isAvailable(): Promise<boolean> {
    return true;
  }

  async write(imageId: string, data: AsyncIterable<Buffer>): Promise<StoreLocation> {
    const cutter = new ChunkCutter(data);
    try {
      const first = await gather(cutter.piece(this.options.partBytes));
      if (!(await cutter.hasMore())) return await this.writeWhole(imageId, first);
      const uploadId = await this.startUpload(imageId);
      this.uploads.set(imageId, uploadId);
      const location = await this.writeParts({ imageId, uploadId, first, cutter });
      this.uploads.delete(imageId);
      return location;
    } finally {
      await cutter.stop();
    }
  }

  async *read(location: StoreLocation, { start, end }: ByteSpan): AsyncGenerator<Buffer, void, void> {
    invariant(location.kind === 's3', 'a location of this store');
    if (start === end) return;
    const { bucket: Bucket, key: Key } = location;
    const { Body, ContentRange = '' } = await this.ask(({ client, GetObjectCommand }) =>
      client.send(new GetObjectCommand({ Bucket, Key, Range: `bytes=${start}-${end - 1}` })),
    );
    if (!ContentRange.startsWith(`bytes ${start}-`)) throw storeUnavailable('s3', new Error(`range ${ContentRange}`));
    let left = end - start;
    for await (const chunk of (Body ?? []) as AsyncIterable<Buffer>) {
      const part = chunk.subarray(0, left); // some services answer `bytes=0-0` with all they have
      left -= part.length;
      yield part;
      if (left === 0) return;
    }
    throw new Error(`object ${Key} ended ${left} bytes early`);
  }

  async delete(location: StoreLocation): Promise<void> {
    invariant(location.kind === 's3', 'a location of this store');
    const { bucket: Bucket, key: Key } = location;
    await this.ask(({ client, DeleteObjectCommand }) => client.send(new DeleteObjectCommand({ Bucket, Key })));
  }

  async discard(imageId: string): Promise<void> {
    const started = this.uploads.get(imageId);
    if (started !== undefined) await this.abort(imageId, started);
    this.uploads.delete(imageId);
    for (const uploadId of await this.listUploads(imageId)) await this.abort(imageId, uploadId);
    await this.delete(this.locationOf(imageId, 0));
  }

  /** Uploads that a process before this one may have left. */
  private async listUploads(imageId: string): Promise<string[]> {
    const query = { Bucket: this.options.bucket, Prefix: imageId };
    try {
      const { Uploads = [] } = await this.ask(({ client, ListMultipartUploadsCommand }) =>
        client.send(new ListMultipartUploadsCommand(query)),
      );
      return Uploads.flatMap(({ Key, UploadId }) => (Key === imageId && UploadId !== undefined ? [UploadId] : []));
    } catch (error) {
      if (isUnknownVerb(error)) return [];
      throw error;
    }
  }

  private async writeWhole(imageId: string, body: Buffer): Promise<S3Location> {
    const target = { Bucket: this.options.bucket, Key: imageId };
    await this.ask(({ client, PutObjectCommand }) => client.send(new PutObjectCommand({ ...target, Body: body })));
    return this.locationOf(imageId, body.length);
  }

  private async writeParts(upload: {
    imageId: string;
    uploadId: string;
    first: Buffer;
    cutter: ChunkCutter;
  }): Promise<S3Location> {
    const { imageId, uploadId, first, cutter } = upload;
    const target = { Bucket: this.options.bucket, Key: imageId, UploadId: uploadId };
    const parts: { PartNumber: number; ETag: string | undefined }[] = [];
    let sizeBytes = 0;
    for (let body = first; body.length > 0; body = await gather(cutter.piece(this.partBytes(parts.length)))) {
      const PartNumber = parts.length + 1;
      if (PartNumber > MOST_PARTS) throw tooLarge('The image is too large for the part size of this store.');
      const part = { ...target, PartNumber, Body: body };
      const { ETag } = await this.ask(({ client, UploadPartCommand }) => client.send(new UploadPartCommand(part)));
      parts.push({ PartNumber, ETag });
      sizeBytes += body.length;
    }
    const complete = { ...target, MultipartUpload: { Parts: parts } };
    await this.ask(({ client, CompleteMultipartUploadCommand }) =>
      client.send(new CompleteMultipartUploadCommand(complete)),
    );
    return this.locationOf(imageId, sizeBytes);
  }

  private async startUpload(imageId: string): Promise<string> {
    const target = { Bucket: this.options.bucket, Key: imageId };
    const { UploadId } = await this.ask(({ client, CreateMultipartUploadCommand }) =>
      client.send(new CreateMultipartUploadCommand(target)),
    );
    if (UploadId === undefined) throw storeUnavailable('s3', new Error('a multipart upload without an id'));
    return UploadId;
  }

  private async abort(imageId: string, UploadId: string): Promise<void> {
    const target = { Bucket: this.options.bucket, Key: imageId, UploadId };
    await this.ask(({ client, AbortMultipartUploadCommand }) =>
      client.send(new AbortMultipartUploadCommand(target)),
    ).catch((error: unknown) => {
      if (nameOf(error) !== 'NoSuchUpload' && !isUnknownVerb(error)) throw error; // aborted before
    });
  }

  private partBytes(partIndex: number): number {
    return this.options.partBytes * (1 + Math.floor(partIndex / S3_PARTS_PER_STEP));
  }

  private locationOf(imageId: string, sizeBytes: number): S3Location {
    return { kind: 's3', sizeBytes, bucket: this.options.bucket, key: imageId };
  }

  private async ask<T>(call: (kit: S3Kit) => Promise<T>): Promise<T> {
    this.kit ??= this.load();
    try {
      return await call(await this.kit);
    } catch (error) {
      throw error instanceof ApiError ? error : storeUnavailable('s3', error);
    }
  }

  /** The SDK is heavy, so only who has an S3 store loads it. */
  private async load(): Promise<S3Kit> {
    const sdk = await import('@aws-sdk/client-s3');
    const { endpoint, region, accessKey, secretKey, pathStyle } = this.options;
    const client = new sdk.S3Client({
      ...(endpoint === undefined ? {} : { endpoint }),
      region,
      forcePathStyle: pathStyle,
      credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
      // Many S3 services do not know the SDK's newer checksum trailers; the image has hashes of its own.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: { requestTimeout: STORE_TIMEOUT_MS, connectionTimeout: STORE_TIMEOUT_MS },
    });
    return { ...sdk, client };
  }
}

/** Small S3 services neither list nor abort uploads: theirs end by a rule of the bucket, or never. */
function isUnknownVerb(error: unknown): boolean {
  return ['NotImplemented', 'MethodNotAllowed'].includes(nameOf(error) ?? '');
}

/** The S3 error's own name, behind the one that the caller of the store meets. */
function nameOf(error: unknown): string | undefined {
  const cause = error instanceof ApiError ? error.cause : error;
  return cause instanceof Error ? cause.name : undefined;
}

async function gather(piece: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of piece) chunks.push(chunk);
  return Buffer.concat(chunks);
}
