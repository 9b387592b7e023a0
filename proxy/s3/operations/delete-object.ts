import { ApiError } from '../../../common/errors.ts';
import { contentOf } from '../../message.ts';
import { s3Error } from '../errors.ts';
import type { Operation, S3Request, S3Services } from '../message.ts';
import { objectOf } from '../names.ts';
import { askHead } from '../object-api.ts';
import { withRemovalOfParts } from '../parts.ts';

/** What is not there is deleted already. Spec: Amazon S3, DeleteObject. */
export const deleteObject: Operation = async (request, services) => {
  const { bucket, key } = objectOf(request);
  const version = request.query.get('versionId');
  if (version !== undefined && version !== 'null') throw s3Error('NoSuchVersion');
  await removeObject(request, services, { bucket, key });
  return { status: 204, headers: {}, body: contentOf('') };
};

/** With its parts, where it was uploaded in some. @throws ApiError; never for a key that is not there. */
export async function removeObject(
  request: S3Request,
  services: S3Services,
  { bucket, key }: { bucket: string; key: string },
): Promise<void> {
  await withRemovalOfParts(request, services, { bucket, key }, async () => {
    try {
      await askHead(request, services, { method: 'DELETE', container: bucket, object: key });
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'NoSuchKey') throw error;
    }
  });
}
