import { ApiError } from '../../../common/errors.ts';
import { ticksOf, timestampFromTicks } from '../../../common/timestamp.ts';
import { contentOf, type Headers } from '../../message.ts';
import { AS_OF_HEADER } from '../../routes/object-delete.ts';
import { momentOfMatching } from '../conditions.ts';
import { s3Error } from '../errors.ts';
import type { Operation, S3Request, S3Services } from '../message.ts';
import { objectOf } from '../names.ts';
import { askHead } from '../object-api.ts';
import { bypassHeaders } from '../object-lock.ts';
import { withRemovalOfParts } from '../parts.ts';
import { asVersionError, VERSION_ID, versionHeaders, versionOf, versionQuery } from '../versions.ts';

/** What is not there is deleted already. Spec: Amazon S3, DeleteObject. */
export const deleteObject: Operation = async (request, services) => {
  const { bucket, key } = objectOf(request);
  const version = versionOf(request);
  for (const name of ['x-amz-if-match-last-modified-time', 'x-amz-if-match-size'])
    if (request.headers[name] !== undefined) throw s3Error('NotImplemented', { fields: { Header: name } });
  const ifMatch = request.headers['if-match'];
  const bypass = bypassHeaders(request);
  const headers = await removeObject(request, services, { bucket, key, version, ifMatch, headers: bypass });
  return { status: 204, headers, body: contentOf('') };
};

/**
 * With its parts, where it was uploaded in some.
 *
 * @param what `ifMatch`: an ETag, or `*`, of the object that is to go; `headers`: for the object API.
 * @returns what the answer says of versions.
 * @throws ApiError `PreconditionFailed`; for a key that is not there only where it has to match.
 */
export async function removeObject(
  request: S3Request,
  services: S3Services,
  what: { bucket: string; key: string; version?: string | undefined; ifMatch?: string | undefined; headers?: Headers },
): Promise<Headers> {
  const { bucket, key, version, ifMatch } = what;
  return withRemovalOfParts(request, services, what, async () => {
    const condition = ifMatch === undefined ? {} : await asOfMatching(request, services, { ...what, ifMatch });
    try {
      const query = versionQuery(version);
      const target = { container: bucket, object: key, query, headers: { ...what.headers, ...condition } };
      const headers = await askHead(request, services, { method: 'DELETE', ...target });
      const isMarker = version === undefined && headers[VERSION_ID] !== undefined;
      return { ...versionHeaders(headers), ...(isMarker ? { 'x-amz-delete-marker': 'true' } : {}) };
    } catch (error) {
      if (error instanceof ApiError && error.code === 'NoSuchKey') return {};
      throw asVersionError(error, version);
    }
  });
}

/**
 * What makes a DELETE one of exactly the object that matches: what is written meanwhile is newer than the moment that it is as of, and stays.
 *
 * @throws ApiError `NoSuchKey`, `PreconditionFailed`; `NotImplemented` beside a version.
 * Spec: Amazon S3, "How to perform conditional deletes".
 */
async function asOfMatching(
  request: S3Request,
  services: S3Services,
  { bucket, key, version, ifMatch }: { bucket: string; key: string; version?: string | undefined; ifMatch: string },
): Promise<Headers> {
  if (version !== undefined)
    throw s3Error('NotImplemented', { message: 'A version goes without conditions.', fields: { Header: 'If-Match' } });
  const moment = await momentOfMatching(request, services, { bucket, key, ifMatch });
  return { [AS_OF_HEADER]: timestampFromTicks(ticksOf(moment) + 1) };
}
