import { ApiError } from '../../../common/errors.ts';
import { contentOf, type Headers } from '../../message.ts';
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
  const bypass = bypassHeaders(request);
  const headers = await removeObject(request, services, { bucket, key, version, headers: bypass });
  return { status: 204, headers, body: contentOf('') };
};

/**
 * With its parts, where it was uploaded in some.
 *
 * @param what `headers`: for the object API.
 * @returns what the answer says of versions.
 * @throws ApiError; never for a key or version that is not there.
 */
export async function removeObject(
  request: S3Request,
  services: S3Services,
  what: { bucket: string; key: string; version?: string | undefined; headers?: Headers },
): Promise<Headers> {
  const { bucket, key, version, headers: sent = {} } = what;
  return withRemovalOfParts(request, services, what, async () => {
    try {
      const query = versionQuery(version);
      const target = { container: bucket, object: key, query, headers: sent };
      const headers = await askHead(request, services, { method: 'DELETE', ...target });
      const isMarker = version === undefined && headers[VERSION_ID] !== undefined;
      return { ...versionHeaders(headers), ...(isMarker ? { 'x-amz-delete-marker': 'true' } : {}) };
    } catch (error) {
      if (error instanceof ApiError && error.code === 'NoSuchKey') return {};
      throw asVersionError(error, version);
    }
  });
}
