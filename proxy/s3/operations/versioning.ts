import { DELETE_MARKER } from '../../features/versions-archive.ts';
import { contentOf } from '../../message.ts';
import { s3Error } from '../errors.ts';
import type { Operation } from '../message.ts';
import { bucketOf } from '../names.ts';
import { askHead, listRows, type Row } from '../object-api.ts';
import { isLockable } from '../object-lock.ts';
import { ownerXml } from '../owner.ts';
import { isoTimeOfRow } from '../times.ts';
import { readXml } from '../xml/read.ts';
import { element, elementIf, xmlAnswer } from '../xml/write.ts';
import { askedOf, etagOfRow } from './list-objects.ts';

export const getVersioning: Operation = async (request, services) => {
  const headers = await askHead(request, services, { method: 'HEAD', container: bucketOf(request) });
  const enabled = headers['x-versions-enabled'];
  const status = enabled?.toLowerCase() === 'true' ? 'Enabled' : 'Suspended';
  return xmlAnswer('VersioningConfiguration', [enabled === undefined ? '' : element('Status', status)]);
};

export const putVersioning: Operation = async (request, services) => {
  const container = bucketOf(request);
  const document = await readXml(request.body, 'VersioningConfiguration');
  const status = document.textOf('Status');
  if (status !== 'Enabled' && status !== 'Suspended') throw s3Error('IllegalVersioningConfigurationException');
  if (document.textOf('MfaDelete') === 'Enabled') throw s3Error('NotImplemented');
  if (status === 'Suspended' && (await isLockable(request, services, container)))
    throw s3Error('InvalidBucketState', {
      message: 'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.',
    });
  const headers = { 'x-versions-enabled': status === 'Enabled' ? 'true' : 'false' };
  await askHead(request, services, { method: 'POST', container, headers });
  return { status: 200, headers: {}, body: contentOf('') };
};

/** Spec: Amazon S3, ListObjectVersions. */
export const listObjectVersions: Operation = async (request, services) => {
  const container = bucketOf(request);
  const { query } = request;
  const asked = askedOf(request);
  const { prefix, delimiter, maxKeys, encode } = asked;
  const keyMarker = query.get('key-marker') ?? '';
  const versionMarker = query.get('version-id-marker') ?? '';
  if (versionMarker !== '' && keyMarker === '')
    throw s3Error('InvalidArgument', { message: 'A version-id marker cannot be specified without a key marker.' });
  const rows = await listRows(
    request,
    services,
    {
      versions: '',
      limit: String(maxKeys === 0 ? 0 : maxKeys + 1),
      prefix,
      delimiter,
      ...(keyMarker === '' ? {} : { marker: keyMarker }),
      ...(versionMarker === '' ? {} : { version_marker: versionMarker }),
    },
    container,
  );
  const page = rows.slice(0, maxKeys);
  const last = page.at(-1);
  const isTruncated = rows.length > page.length;
  return xmlAnswer('ListVersionsResult', [
    element('Name', container),
    element('Prefix', encode(prefix)),
    element('KeyMarker', encode(keyMarker)),
    element('VersionIdMarker', versionMarker),
    isTruncated ? element('NextKeyMarker', encode(last?.name ?? last?.subdir ?? '')) : '',
    isTruncated ? elementIf('NextVersionIdMarker', last?.version_id) : '',
    element('MaxKeys', maxKeys),
    delimiter === '' ? '' : element('Delimiter', encode(delimiter)),
    elementIf('EncodingType', asked.encoding),
    element('IsTruncated', String(isTruncated)),
    ...page.map((row) => versionXml(row, encode, ownerXml(request))),
  ]);
};

function versionXml(row: Row, encode: (text: string) => string, owner: string): string {
  if (row.subdir !== undefined) return element('CommonPrefixes', [element('Prefix', encode(row.subdir))]);
  const common = [
    element('Key', encode(row.name ?? '')),
    element('VersionId', row.version_id ?? 'null'),
    element('IsLatest', String(row.is_latest ?? true)),
    element('LastModified', isoTimeOfRow(row.last_modified)),
  ];
  if (row.content_type === DELETE_MARKER) return element('DeleteMarker', [...common, owner]);
  return element('Version', [
    ...common,
    element('ETag', etagOfRow(row)),
    element('Size', row.bytes ?? 0),
    element('StorageClass', 'STANDARD'),
    owner,
  ]);
}
