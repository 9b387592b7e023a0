import type { Timestamp } from '../../common/timestamp.ts';
import type { Headers } from '../message.ts';
import { UNCHANGED_SINCE_HEADER } from '../routes/object-put.ts';
import { s3Error } from './errors.ts';
import type { S3Request, S3Services } from './message.ts';
import { askHead } from './object-api.ts';

const CONDITIONS = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'] as const;

/**
 * Conditions on what is read, as the object API says them. Beside an ETag's condition, a date's of the same kind is not looked at.
 *
 * @param prefix of the headers that say them.
 * Spec: RFC 9110, 13.2.2; Amazon S3, GetObject and CopyObject: combinations of conditions.
 */
export function readConditions(headers: Headers, prefix: '' | 'x-amz-copy-source-'): Headers {
  const conditions: Record<string, string> = {};
  for (const name of CONDITIONS) {
    const value = headers[prefix + name];
    if (value !== undefined) conditions[name] = value;
  }
  if (conditions['if-match'] !== undefined) delete conditions['if-unmodified-since'];
  if (conditions['if-none-match'] !== undefined) delete conditions['if-modified-since'];
  return conditions;
}

/**
 * The request's conditions on what it replaces, for a PUT of the object API: that nothing is there, or that it still is what has the ETag.
 *
 * @throws ApiError `NotImplemented` for every other condition; of `If-Match` `NoSuchKey`, `PreconditionFailed`.
 * Spec: Amazon S3, "How to prevent object overwrites with conditional writes".
 */
export async function writeConditions(
  request: S3Request,
  services: S3Services,
  { bucket, key }: { bucket: string; key: string },
): Promise<Headers> {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = request.headers;
  if (ifNoneMatch !== undefined && (ifNoneMatch.trim() !== '*' || ifMatch !== undefined))
    throw s3Error('NotImplemented', { fields: { Header: 'If-None-Match' } });
  if (ifNoneMatch !== undefined) return { 'if-none-match': '*' };
  if (ifMatch === undefined) return {};
  return { [UNCHANGED_SINCE_HEADER]: await momentOfMatching(request, services, { bucket, key, ifMatch }) };
}

/**
 * When the object was last changed, if it matches: what is newer than that may not match any more.
 *
 * @param what `ifMatch`: an ETag as clients of this API see it, or `*`.
 * @throws ApiError `NoSuchKey`, `PreconditionFailed`.
 */
export async function momentOfMatching(
  request: S3Request,
  services: S3Services,
  { bucket, key, ifMatch }: { bucket: string; key: string; ifMatch: string },
): Promise<Timestamp> {
  const what = { method: 'HEAD', container: bucket, object: key };
  const newest = { 'x-newest': 'true' };
  // Where versions are kept, the object is a link to one: the link's moment counts, and is asked for before what it leads to.
  const link = await askHead(request, services, { ...what, query: { symlink: 'get' }, headers: newest });
  await askHead(request, services, { ...what, headers: { ...newest, 'if-match': ifMatch } });
  return link['x-timestamp'] ?? '';
}
