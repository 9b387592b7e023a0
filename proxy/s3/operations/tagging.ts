import { contentOf, type Headers } from '../../message.ts';
import { s3Error } from '../errors.ts';
import { TAGS } from '../headers.ts';
import { MOST_BUCKET_TAGS, MOST_OBJECT_TAGS } from '../limits.ts';
import type { Operation, S3Request, S3Services } from '../message.ts';
import { bucketOf, objectOf } from '../names.ts';
import { askHead } from '../object-api.ts';
import { storedTags, tagSetXml, tagsOfXml } from '../tags.ts';
import { asVersionError, versionHeaders, versionOf, versionQuery } from '../versions.ts';
import { readXml } from '../xml/read.ts';
import { xmlAnswer } from '../xml/write.ts';

/** On a bucket: tags as a query. */
const BUCKET_TAGS = 'x-container-sysmeta-s3-tags';

export const getObjectTagging: Operation = async (request, services) => {
  const { bucket, key } = objectOf(request);
  const version = versionOf(request);
  const what = { container: bucket, object: key, query: versionQuery(version) };
  const headers = await askHead(request, services, { method: 'HEAD', ...what }).catch((error: unknown) => {
    throw asVersionError(error, version);
  });
  return xmlAnswer('Tagging', [tagSetXml(headers[TAGS] ?? '')], versionHeaders(headers));
};

export const putObjectTagging: Operation = async (request, services) => {
  const tags = tagsOfXml(await readXml(request.body, 'Tagging'), MOST_OBJECT_TAGS);
  await replaceTags(request, services, storedTags(tags));
  return { status: 200, headers: {}, body: contentOf('') };
};

export const deleteObjectTagging: Operation = async (request, services) => {
  await replaceTags(request, services, '');
  return { status: 204, headers: {} };
};

/** Of what a POST replaces as a whole: sent again as it is, but for the tags. */
const POSTED =
  /^(x-object-meta-|x-object-transient-sysmeta-|content-(disposition|encoding|language)$|cache-control$|expires$|x-robots-tag$|x-object-manifest$|x-delete-at$)/;

async function replaceTags(request: S3Request, services: S3Services, tags: string): Promise<void> {
  const { bucket, key } = objectOf(request);
  if (versionOf(request) !== undefined)
    throw s3Error('NotImplemented', { message: 'Tags of versions that have an id cannot be changed.' });
  const what = { container: bucket, object: key };
  const current: Headers = await askHead(request, services, { method: 'HEAD', ...what });
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(current)) if (POSTED.test(name) && name !== TAGS) headers[name] = value;
  if (tags !== '') headers[TAGS] = tags;
  await askHead(request, services, { method: 'POST', ...what, headers });
}

export const getBucketTagging: Operation = async (request, services) => {
  const headers = await askHead(request, services, { method: 'HEAD', container: bucketOf(request) });
  const tags = headers[BUCKET_TAGS];
  if (!tags) throw s3Error('NoSuchTagSet');
  return xmlAnswer('Tagging', [tagSetXml(tags)]);
};

export const putBucketTagging: Operation = async (request, services) => {
  const container = bucketOf(request);
  const tags = tagsOfXml(await readXml(request.body, 'Tagging'), MOST_BUCKET_TAGS);
  await askHead(request, services, { method: 'POST', container, headers: { [BUCKET_TAGS]: storedTags(tags) } });
  return { status: 204, headers: {} };
};

export const deleteBucketTagging: Operation = async (request, services) => {
  const container = bucketOf(request);
  await askHead(request, services, { method: 'POST', container, headers: { [BUCKET_TAGS]: '' } });
  return { status: 204, headers: {} };
};
