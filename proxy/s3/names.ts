import { s3Error } from './errors.ts';
import type { S3Request } from './message.ts';

/** What any container may be called that this API shows: S3's names, and the looser ones that it had once. */
const SHOWN = /^[A-Za-z0-9][A-Za-z0-9._-]{2,254}$/;

export function isBucketName(name: string): boolean {
  return SHOWN.test(name);
}

/** Spec: Amazon S3, "Bucket naming rules". */
export function isNewBucketName(name: string): boolean {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) || /\.\.|\.-|-\./.test(name)) return false;
  return !/^\d{1,3}(\.\d{1,3}){3}$/.test(name);
}

/** Where the parts of a bucket's uploads lie, as with Swift's own S3 API. */
export function partsContainer(bucket: string): string {
  return `${bucket}+segments`;
}

/** The bucket that a request names. @throws ApiError `InvalidBucketName`. */
export function bucketOf({ bucket }: Pick<S3Request, 'bucket'>): string {
  if (bucket === undefined || !isBucketName(bucket))
    throw s3Error('InvalidBucketName', { fields: { BucketName: bucket ?? '' } });
  return bucket;
}

const MOST_KEY_BYTES = 1024;

/** Bucket and key that a request names. @throws ApiError `InvalidBucketName`, `KeyTooLongError`. */
export function objectOf(request: S3Request): { bucket: string; key: string } {
  const bucket = bucketOf(request);
  const { key } = request;
  if (key === undefined) throw s3Error('MethodNotAllowed');
  if (Buffer.byteLength(key) > MOST_KEY_BYTES) throw s3Error('KeyTooLongError');
  return { bucket, key };
}
