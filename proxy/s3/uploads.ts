import { randomBytes } from 'node:crypto';
import type { Headers } from '../message.ts';
import { s3Error } from './errors.ts';
import { MOST_PART_NUMBER } from './limits.ts';
import type { S3Request, S3Services } from './message.ts';
import { objectOf, partsContainer } from './names.ts';
import { askIfThere, listRows, type Row } from './object-api.ts';

/**
 * An upload in parts, in the container `<bucket>+segments`, as Swift's own S3 API lays it out: an empty object `<key>/<upload id>` that
 * keeps what the object shall have, and the parts `<key>/<upload id>/<number>`.
 */
export interface UploadId {
  bucket: string;
  key: string;
  uploadId: string;
}

/** On the upload's own object: the algorithm, and whether the checksum will be one of the whole. */
export const UPLOAD_ALGORITHM = 'x-object-sysmeta-s3-upload-algorithm';
export const UPLOAD_CHECKSUM_TYPE = 'x-object-sysmeta-s3-upload-checksum-type';

export function newUploadId(): string {
  return randomBytes(24).toString('base64url');
}

export function uploadObject({ key, uploadId }: UploadId): string {
  return `${key}/${uploadId}`;
}

export function partObject(upload: UploadId, number: number): string {
  return `${uploadObject(upload)}/${number}`;
}

/** @throws ApiError `NoSuchUpload` for what no upload is called. */
export function uploadOfRequest(request: S3Request): UploadId {
  const uploadId = request.query.get('uploadId') ?? '';
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(uploadId)) throw s3Error('NoSuchUpload', { fields: { UploadId: uploadId } });
  return { ...objectOf(request), uploadId };
}

/** What the upload keeps. @throws ApiError `NoSuchUpload`. */
export async function findUpload(request: S3Request, services: S3Services, upload: UploadId): Promise<Headers> {
  const headers = await askIfThere(request, services, {
    method: 'HEAD',
    container: partsContainer(upload.bucket),
    object: uploadObject(upload),
  });
  if (!headers) throw s3Error('NoSuchUpload', { fields: { UploadId: upload.uploadId } });
  return headers;
}

/** @throws ApiError `InvalidArgument`. */
export function partNumberOf({ query }: S3Request): number {
  const text = query.get('partNumber') ?? '';
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > MOST_PART_NUMBER)
    throw s3Error('InvalidArgument', {
      message: `Part number must be an integer between 1 and ${MOST_PART_NUMBER}, inclusive`,
      fields: { ArgumentName: 'partNumber', ArgumentValue: text },
    });
  return number;
}

export interface Part {
  number: number;
  row: Row;
}

const PAGE_ROWS = 10_000;

/** All parts of an upload, by number: at most MOST_PART_NUMBER. */
export async function listParts(request: S3Request, services: S3Services, upload: UploadId): Promise<Part[]> {
  const prefix = `${uploadObject(upload)}/`;
  const query = { limit: String(PAGE_ROWS), prefix };
  const rows = await listRows(request, services, query, partsContainer(upload.bucket));
  return rows
    .flatMap((row): Part[] => {
      const number = (row.name ?? '').slice(prefix.length);
      return /^[1-9]\d{0,4}$/.test(number) ? [{ number: Number(number), row }] : [];
    })
    .sort((left, right) => left.number - right.number);
}
