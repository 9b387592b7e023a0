import { createHash } from 'node:crypto';
import { ApiError } from '../../../common/errors.ts';
import { concurrently } from '../../features/concurrently.ts';
import { SUBREQUEST_CONCURRENCY } from '../../limits.ts';
import { collect } from '../../message.ts';
import { asS3Error, s3Error } from '../errors.ts';
import { etagOfContentMd5 } from '../headers.ts';
import { MOST_DELETED, MOST_LONG_XML_BYTES } from '../limits.ts';
import type { Operation } from '../message.ts';
import { bucketOf } from '../names.ts';
import { askHead } from '../object-api.ts';
import { bypassHeaders } from '../object-lock.ts';
import { parseXml } from '../xml/read.ts';
import { element, elementIf, xmlAnswer } from '../xml/write.ts';
import { removeObject } from './delete-object.ts';

/** A digest of the body is checked where there is one; today's clients send a checksum instead. Spec: Amazon S3, DeleteObjects. */
export const deleteObjects: Operation = async (request, services) => {
  const bucket = bucketOf(request);
  const md5 = etagOfContentMd5(request.headers['content-md5']);
  const bytes = await collect(request.body.chunks(), MOST_LONG_XML_BYTES);
  if (!bytes) throw s3Error('MaxMessageLengthExceeded');
  if (md5 !== undefined && createHash('md5').update(bytes).digest('hex') !== md5) throw s3Error('BadDigest');
  const document = parseXml(bytes.toString('utf8'), 'Delete');
  const isQuiet = document.textOf('Quiet')?.toLowerCase() === 'true';
  const objects = document.all('Object').map((object) => {
    const key = object.textOf('Key');
    if (!key) throw s3Error('MalformedXML');
    for (const name of ['LastModifiedTime', 'Size'])
      if (object.one(name)) throw s3Error('NotImplemented', { fields: { Element: name } });
    return { key, version: object.textOf('VersionId'), ifMatch: object.textOf('ETag') };
  });
  if (objects.length === 0 || objects.length > MOST_DELETED) throw s3Error('MalformedXML');
  await askHead(request, services, { method: 'HEAD', container: bucket });
  const bypass = bypassHeaders(request);
  const results = await concurrently(objects, SUBREQUEST_CONCURRENCY, async ({ key, version, ifMatch }) => {
    try {
      const told = await removeObject(request, services, { bucket, key, version, ifMatch, headers: bypass });
      if (isQuiet) return '';
      const isMarker = told['x-amz-delete-marker'] === 'true';
      return element('Deleted', [
        element('Key', key),
        elementIf('VersionId', version),
        ...(isMarker
          ? [element('DeleteMarker', 'true'), elementIf('DeleteMarkerVersionId', told['x-amz-version-id'])]
          : []),
      ]);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const { code, message } = asS3Error(error);
      return element('Error', [
        element('Key', key),
        elementIf('VersionId', version),
        element('Code', code),
        element('Message', message),
      ]);
    }
  });
  return xmlAnswer('DeleteResult', results);
};
