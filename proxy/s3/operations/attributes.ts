import { s3Error } from '../errors.ts';
import { CHECKSUM_TYPE, checksumFields, etagOf } from '../headers.ts';
import type { Operation } from '../message.ts';
import { objectOf } from '../names.ts';
import { ask } from '../object-api.ts';
import { asVersionError, versionHeaders, versionOf, versionQuery } from '../versions.ts';
import { element, xmlAnswer } from '../xml/write.ts';

const ATTRIBUTES: ReadonlySet<string> = new Set(['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize']);

/** Of an object's parts only their number is told. Spec: Amazon S3, GetObjectAttributes. */
export const getAttributes: Operation = async (request, services) => {
  const { bucket, key } = objectOf(request);
  const asked = (request.headers['x-amz-object-attributes'] ?? '').split(',').map((name) => name.trim());
  if (!asked.every((name) => ATTRIBUTES.has(name)))
    throw s3Error('InvalidArgument', { message: 'Invalid attribute name specified.' });
  const version = versionOf(request);
  const what = { method: 'HEAD', container: bucket, object: key, query: versionQuery(version) };
  const { headers, body } = await ask(request, services, what).catch((error: unknown) => {
    throw asVersionError(error, version);
  });
  const sizeBytes = body?.sizeBytes ?? 0;
  await body?.close();
  const etag = etagOf(headers).replaceAll('"', '');
  const [, parts] = /-(\d+)$/.exec(etag) ?? [];
  const checksums = Object.entries(checksumFields(headers)).map(([name, value]) => element(name, value));
  const type = headers[CHECKSUM_TYPE] ?? 'FULL_OBJECT';
  const told: Readonly<Record<string, string>> = {
    ETag: element('ETag', etag),
    Checksum: checksums.length === 0 ? '' : element('Checksum', [...checksums, element('ChecksumType', type)]),
    ObjectParts: parts === undefined ? '' : element('ObjectParts', [element('PartsCount', parts)]),
    StorageClass: element('StorageClass', 'STANDARD'),
    ObjectSize: element('ObjectSize', sizeBytes),
  };
  const children = [...ATTRIBUTES].filter((name) => asked.includes(name)).map((name) => told[name] ?? '');
  const modified = { 'last-modified': headers['last-modified'] ?? '' };
  return xmlAnswer('GetObjectAttributesResponse', children, { ...modified, ...versionHeaders(headers) });
};
