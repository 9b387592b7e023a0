import type { Headers } from '../../message.ts';
import { encodePath } from '../../routes/path.ts';
import { checkObjectAcl } from '../acl.ts';
import { copySourceOf, sourceConditions } from '../copy-source.ts';
import { s3Error } from '../errors.ts';
import { etagOf, refuseNotBuilt, storedHeaders, TAGS } from '../headers.ts';
import type { Operation, S3Request, S3Services } from '../message.ts';
import { objectOf } from '../names.ts';
import { ask, askHead } from '../object-api.ts';
import { withRemovalOfParts } from '../parts.ts';
import { isoTimeOfHttp } from '../times.ts';
import { element, xmlAnswer } from '../xml/write.ts';
import { refuseConditions, taggingOf } from './put-object.ts';

/** Spec: Amazon S3, CopyObject. */
export const copyObject: Operation = async (request, services) => {
  const { bucket, key } = objectOf(request);
  const source = copySourceOf(request);
  const { headers } = request;
  refuseConditions(headers);
  refuseNotBuilt(headers);
  await checkObjectAcl(request, services, { bucket, canned: headers['x-amz-acl'] });
  const isReplacing = directiveOf(headers, 'x-amz-metadata-directive') === 'REPLACE';
  const isRetagging = directiveOf(headers, 'x-amz-tagging-directive') === 'REPLACE';
  if (source.bucket === bucket && source.key === key && !isReplacing && !isRetagging)
    throw s3Error('InvalidRequest', {
      message:
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    });
  const sent: Record<string, string> = {
    'x-copy-from': encodePath(`/${source.bucket}/${source.key}`),
    ...sourceConditions(headers),
    ...(headers['if-none-match'] === undefined ? {} : { 'if-none-match': '*' }),
  };
  if (isReplacing) Object.assign(sent, storedHeaders(request), { 'x-fresh-metadata': 'true' });
  Object.assign(sent, await tagsOf(request, services, { source, isReplacing, isRetagging }));
  return withRemovalOfParts(request, services, { bucket, key }, async () => {
    const answer = await ask(request, services, { method: 'PUT', container: bucket, object: key, headers: sent });
    await answer.body?.close();
    return xmlAnswer('CopyObjectResult', [
      element('LastModified', isoTimeOfHttp(answer.headers['last-modified'])),
      element('ETag', etagOf(answer.headers)),
    ]);
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
  how: { source: { bucket: string; key: string }; isReplacing: boolean; isRetagging: boolean },
): Promise<Headers> {
  if (how.isRetagging) return { [TAGS]: '', ...taggingOf(request.headers) };
  if (!how.isReplacing) return {};
  const { bucket, key } = how.source;
  const headers = await askHead(request, services, { method: 'HEAD', container: bucket, object: key });
  const tags = headers[TAGS];
  return tags ? { [TAGS]: tags } : {};
}
