import { COPY_IF_ABSENT } from '../../features/copy.ts';
import type { Headers } from '../../message.ts';
import { checkObjectAcl } from '../acl.ts';
import { writeConditions } from '../conditions.ts';
import { askCopy, type CopySource, copySourceOf } from '../copy-source.ts';
import { s3Error } from '../errors.ts';
import { etagOf, refuseNotBuilt, storedHeaders, TAGS } from '../headers.ts';
import type { Operation, S3Request, S3Services } from '../message.ts';
import { objectOf } from '../names.ts';
import { askHead } from '../object-api.ts';
import { lockHeaders } from '../object-lock.ts';
import { withRemovalOfParts } from '../parts.ts';
import { isoTimeOfHttp } from '../times.ts';
import { asVersionError, versionHeaders, versionQuery } from '../versions.ts';
import { element, xmlAnswer } from '../xml/write.ts';
import { taggingOf } from './put-object.ts';

/** Spec: Amazon S3, CopyObject. */
export const copyObject: Operation = async (request, services) => {
  const { bucket, key } = objectOf(request);
  const source = copySourceOf(request);
  const { headers } = request;
  refuseNotBuilt(headers);
  await checkObjectAcl(request, services, { bucket, canned: headers['x-amz-acl'] });
  const isReplacing = directiveOf(headers, 'x-amz-metadata-directive') === 'REPLACE';
  const isRetagging = directiveOf(headers, 'x-amz-tagging-directive') === 'REPLACE';
  if (source.bucket === bucket && source.key === key && source.version === undefined && !isReplacing && !isRetagging)
    throw s3Error('InvalidRequest', {
      message:
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    });
  const { 'if-none-match': ifAbsent, ...conditions } = await writeConditions(request, services, { bucket, key });
  const sent: Record<string, string> = ifAbsent === undefined ? { ...conditions } : { [COPY_IF_ABSENT]: 'true' };
  if (isReplacing) Object.assign(sent, storedHeaders(request), { 'x-fresh-metadata': 'true' });
  Object.assign(sent, await lockHeaders(request, services, bucket));
  Object.assign(sent, await tagsOf(request, services, { source, isReplacing, isRetagging }));
  return withRemovalOfParts(request, services, { bucket, key }, async () => {
    const what = { container: bucket, object: key, headers: sent };
    const copied = await askCopy(request, services, source, what).catch((error: unknown) => {
      throw asVersionError(error, source.version);
    });
    const told = {
      ...versionHeaders(copied),
      ...(source.version === undefined ? {} : { 'x-amz-copy-source-version-id': source.version }),
    };
    return xmlAnswer(
      'CopyObjectResult',
      [
        element('LastModified', isoTimeOfHttp(copied['last-modified'])),
        element('ETag', etagOf({ etag: copied['etag'] ?? '' })),
      ],
      told,
    );
  });
};

/** @throws ApiError `InvalidArgument`. */
function directiveOf(headers: Headers, name: string): 'COPY' | 'REPLACE' {
  const directive = headers[name] ?? 'COPY';
  if (directive !== 'COPY' && directive !== 'REPLACE')
    throw s3Error('InvalidArgument', { fields: { ArgumentName: name, ArgumentValue: directive } });
  return directive;
}

/** What the copy is tagged with: a copy of the metadata brings the source's along, fresh metadata does not. */
async function tagsOf(
  request: S3Request,
  services: S3Services,
  how: { source: CopySource; isReplacing: boolean; isRetagging: boolean },
): Promise<Headers> {
  if (how.isRetagging) return { [TAGS]: '', ...taggingOf(request.headers) };
  if (!how.isReplacing) return {};
  const { bucket, key, version } = how.source;
  const what = { container: bucket, object: key, query: versionQuery(version) };
  const headers = await askHead(request, services, { method: 'HEAD', ...what });
  const tags = headers[TAGS];
  return tags ? { [TAGS]: tags } : {};
}
