import { contentOf } from '../../message.ts';
import { s3Error } from '../errors.ts';
import { etagOf } from '../headers.ts';
import { MOST_LISTED } from '../limits.ts';
import type { Operation } from '../message.ts';
import { bucketOf, partsContainer } from '../names.ts';
import { askHead, askIfThere, listRows } from '../object-api.ts';
import { ownerXml } from '../owner.ts';
import { partsInUse, removeParts } from '../parts.ts';
import { isoTimeOfRow } from '../times.ts';
import { findUpload, listParts, partObject, uploadObject, uploadOfRequest } from '../uploads.ts';
import { element, elementIf, xmlAnswer } from '../xml/write.ts';
import { askedOf, etagOfRow } from './list-objects.ts';

/**
 * The upload first: no part comes after it. Parts that were on their way are removed by asking again. What the object is made of stays: a
 * crash may have left an upload that was completed.
 *
 * Spec: AbortMultipartUpload.
 */
export const abortUpload: Operation = async (request, services) => {
  const upload = uploadOfRequest(request);
  await findUpload(request, services, upload);
  const container = partsContainer(upload.bucket);
  await askIfThere(request, services, { method: 'DELETE', container, object: uploadObject(upload) });
  const parts = await listParts(request, services, upload);
  const inUse = await partsInUse(request, services, upload);
  const names = parts.map(({ number }) => partObject(upload, number)).filter((name) => !inUse.has(name));
  await removeParts(request, services, names);
  return { status: 204, headers: {}, body: contentOf('') };
};

/** Spec: Amazon S3, ListParts. */
export const listPartsOfUpload: Operation = async (request, services) => {
  const upload = uploadOfRequest(request);
  const { encode, encoding, maxKeys } = askedOf(request, 'max-parts');
  const after = request.query.get('part-number-marker') ?? '0';
  if (!/^\d{1,5}$/.test(after)) throw s3Error('InvalidArgument', { fields: { ArgumentName: 'part-number-marker' } });
  await findUpload(request, services, upload);
  const parts = (await listParts(request, services, upload)).filter(({ number }) => number > Number(after));
  const page = parts.slice(0, maxKeys);
  return xmlAnswer('ListPartsResult', [
    element('Bucket', upload.bucket),
    element('Key', encode(upload.key)),
    element('UploadId', upload.uploadId),
    ownerXml(request, 'Initiator'),
    ownerXml(request),
    element('StorageClass', 'STANDARD'),
    element('PartNumberMarker', after),
    elementIf('NextPartNumberMarker', page.at(-1)?.number),
    element('MaxParts', maxKeys),
    elementIf('EncodingType', encoding),
    element('IsTruncated', String(page.length < parts.length)),
    ...page.map(({ number, row }) =>
      element('Part', [
        element('PartNumber', number),
        element('LastModified', isoTimeOfRow(row.last_modified)),
        element('ETag', etagOf({ etag: etagOfRow(row) })),
        element('Size', row.bytes ?? 0),
      ]),
    ),
  ]);
};

/** Rows read at a time to find uploads between parts. */
const PAGE_ROWS = 10_000;

interface ListedUpload {
  key: string;
  uploadId: string;
  initiated: string;
}

/** Spec: Amazon S3, ListMultipartUploads. */
export const listUploads: Operation = async (request, services) => {
  const bucket = bucketOf(request);
  const { query } = request;
  const asked = askedOf(request, 'max-uploads');
  const { prefix, delimiter, encode } = asked;
  const keyMarker = query.get('key-marker') ?? '';
  const uploadMarker = query.get('upload-id-marker') ?? '';
  await askHead(request, services, { method: 'HEAD', container: bucket });
  const container = partsContainer(bucket);
  const uploads: ListedUpload[] = [];
  const prefixes = new Set<string>();
  let isTruncated = false;
  let marker = keyMarker === '' ? '' : uploadMarker === '' ? `${keyMarker}/\u{10ffff}` : `${keyMarker}/${uploadMarker}`;
  const isThere = (await services.containers.find(request.account, container)) !== undefined;
  pages: while (isThere) {
    const rows = await listRows(request, services, { limit: String(PAGE_ROWS), prefix, marker }, container);
    for (const { name = '', last_modified } of rows) {
      const [, key, uploadId] = /^(.+)\/([A-Za-z0-9_-]{32})$/s.exec(name) ?? [];
      if (key === undefined || uploadId === undefined) continue;
      const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      const common = end < 0 ? undefined : key.slice(0, end + delimiter.length);
      if (common !== undefined && prefixes.has(common)) continue;
      if (uploads.length + prefixes.size >= asked.maxKeys) {
        isTruncated = true;
        break pages;
      }
      if (common === undefined) uploads.push({ key, uploadId, initiated: isoTimeOfRow(last_modified) });
      else prefixes.add(common);
    }
    if (rows.length < PAGE_ROWS) break;
    // Past all parts of the upload that the page ends in.
    marker = (rows.at(-1)?.name ?? '').replace(/(\/[A-Za-z0-9_-]{32})\/\d{1,5}$/, '$1/\u{10ffff}');
  }
  const last = uploads.at(-1);
  return xmlAnswer('ListMultipartUploadsResult', [
    element('Bucket', bucket),
    element('KeyMarker', encode(keyMarker)),
    element('UploadIdMarker', uploadMarker),
    isTruncated ? element('NextKeyMarker', encode(last?.key ?? [...prefixes].at(-1) ?? '')) : '',
    isTruncated ? element('NextUploadIdMarker', last?.uploadId ?? '') : '',
    delimiter === '' ? '' : element('Delimiter', encode(delimiter)),
    element('Prefix', encode(prefix)),
    element('MaxUploads', Math.min(asked.maxKeys, MOST_LISTED)),
    elementIf('EncodingType', asked.encoding),
    element('IsTruncated', String(isTruncated)),
    ...uploads.map(({ key, uploadId, initiated }) =>
      element('Upload', [
        element('Key', encode(key)),
        element('UploadId', uploadId),
        ownerXml(request, 'Initiator'),
        ownerXml(request),
        element('StorageClass', 'STANDARD'),
        element('Initiated', initiated),
      ]),
    ),
    ...[...prefixes].map((each) => element('CommonPrefixes', [element('Prefix', encode(each))])),
  ]);
};
