import { ApiError } from '../../common/errors.ts';
import { LOCKED_TEXT } from '../features/object-lock.ts';
import { DELETE_MARKER } from '../features/versions-archive.ts';
import type { Headers } from '../message.ts';
import { s3Error } from './errors.ts';
import type { S3Request } from './message.ts';

/** Where the object API says of which version it speaks. Ids are its own: S3 lets them be any text. */
export const VERSION_ID = 'x-object-version-id';

/** The version that a request names, `null` for the one without an id; undefined for the current one. */
export function versionOf({ query }: Pick<S3Request, 'query'>): string | undefined {
  return query.get('versionId');
}

/** The same as the object API's query. @throws ApiError `InvalidArgument` for an empty one. */
export function versionQuery(version: string | undefined): Readonly<Record<string, string>> {
  if (version === undefined) return {};
  if (version === '') throw s3Error('InvalidArgument', { message: 'Version id cannot be the empty string' });
  return { 'version-id': version };
}

export function versionHeaders(headers: Headers): Headers {
  const version = headers[VERSION_ID];
  return version === undefined ? {} : { 'x-amz-version-id': version };
}

/** What the object API says of a version, in S3's words. */
export function asVersionError(error: unknown, version: string | undefined): unknown {
  if (version === undefined || !(error instanceof ApiError)) return error;
  const marker = error.cause instanceof ApiError ? error.cause : error;
  if (marker.details['contentType'] === DELETE_MARKER)
    return s3Error('MethodNotAllowed', {
      headers: { 'x-amz-delete-marker': 'true', 'x-amz-version-id': version },
      cause: error,
    });
  if (error.code === 'NoSuchKey') return s3Error('NoSuchVersion', { fields: { VersionId: version }, cause: error });
  if (error.status === 403 && error.message === LOCKED_TEXT)
    return s3Error('AccessDenied', { message: LOCKED_TEXT, cause: error });
  if (error.status === 400)
    return s3Error('InvalidArgument', { message: 'Invalid version id specified', cause: error });
  return error;
}
