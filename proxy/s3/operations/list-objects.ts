import { s3Error } from '../errors.ts';
import { MOST_LISTED } from '../limits.ts';
import type { Operation, S3Request, S3Services } from '../message.ts';
import { bucketOf } from '../names.ts';
import { listRows, type Row } from '../object-api.ts';
import { ownerXml } from '../owner.ts';
import { encodeStrictly } from '../signature/text.ts';
import { isoTimeOfRow } from '../times.ts';
import { markerOfToken, tokenOfMarker } from '../tokens.ts';
import { element, elementIf, xmlAnswer } from '../xml/write.ts';

/** Spec: Amazon S3, ListObjects. */
export const listObjectsV1: Operation = async (request, services) => {
  const bucket = bucketOf(request);
  const { query } = request;
  const asked = askedOf(request);
  const marker = query.get('marker') ?? '';
  const page = await readPage(request, services, bucket, { ...asked, after: marker });
  return xmlAnswer('ListBucketResult', [
    element('Name', bucket),
    element('Prefix', asked.encode(asked.prefix)),
    element('Marker', asked.encode(marker)),
    page.isTruncated && asked.delimiter !== '' ? element('NextMarker', asked.encode(page.last)) : '',
    ...commonXml(asked, page),
    ...contentsXml(page, asked, ownerXml(request)),
  ]);
};

/** Spec: Amazon S3, ListObjectsV2. */
export const listObjectsV2: Operation = async (request, services) => {
  const bucket = bucketOf(request);
  const { query } = request;
  const asked = askedOf(request);
  const token = query.get('continuation-token');
  const startAfter = query.get('start-after');
  const after = token === undefined ? (startAfter ?? '') : markerOfToken(token);
  const page = await readPage(request, services, bucket, { ...asked, after });
  const owner = query.get('fetch-owner') === 'true' ? ownerXml(request) : '';
  return xmlAnswer('ListBucketResult', [
    element('Name', bucket),
    element('Prefix', asked.encode(asked.prefix)),
    elementIf('StartAfter', startAfter === undefined ? undefined : asked.encode(startAfter)),
    elementIf('ContinuationToken', token),
    page.isTruncated ? element('NextContinuationToken', tokenOfMarker(page.last)) : '',
    element('KeyCount', page.rows.length),
    ...commonXml(asked, page),
    ...contentsXml(page, asked, owner),
  ]);
};

export interface Asked {
  prefix: string;
  delimiter: string;
  maxKeys: number;
  encode(text: string): string;
  encoding: string | undefined;
}

/** @throws ApiError `InvalidArgument`. */
export function askedOf({ query }: S3Request, maxName = 'max-keys'): Asked {
  const text = query.get(maxName) ?? String(MOST_LISTED);
  if (!/^\d{1,10}$/.test(text) || Number(text) > 2 ** 31 - 1)
    throw s3Error('InvalidArgument', { fields: { ArgumentName: maxName, ArgumentValue: text } });
  const encoding = query.get('encoding-type');
  if (encoding !== undefined && encoding !== 'url')
    throw s3Error('InvalidArgument', { message: 'Invalid Encoding Method specified in Request' });
  return {
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') ?? '',
    maxKeys: Math.min(Number(text), MOST_LISTED),
    encode: encoding === 'url' ? (name) => encodeStrictly(name).replaceAll('%2F', '/') : (name) => name,
    encoding,
  };
}

interface Page {
  rows: readonly Row[];
  isTruncated: boolean;
  /** Key or common prefix that the next page comes after. */
  last: string;
}

/** A page, asked for with one row more than wanted: whether there is more is known then. */
async function readPage(
  request: S3Request,
  services: S3Services,
  container: string,
  { prefix, delimiter, maxKeys, after }: Pick<Asked, 'prefix' | 'delimiter' | 'maxKeys'> & { after: string },
): Promise<Page> {
  // What comes after a common prefix comes after everything in it.
  const marker =
    delimiter !== '' && after.endsWith(delimiter) && after.length > prefix.length ? `${after}\u{10ffff}` : after;
  const limit = maxKeys === 0 ? 0 : maxKeys + 1;
  const rows = await listRows(request, services, { limit: String(limit), prefix, delimiter, marker }, container);
  const kept = rows.slice(0, maxKeys);
  const last = kept.at(-1);
  return { rows: kept, isTruncated: rows.length > kept.length, last: last?.name ?? last?.subdir ?? '' };
}

function commonXml(asked: Asked, page: Page): string[] {
  return [
    element('MaxKeys', asked.maxKeys),
    asked.delimiter === '' ? '' : element('Delimiter', asked.encode(asked.delimiter)),
    elementIf('EncodingType', asked.encoding),
    element('IsTruncated', String(page.isTruncated)),
  ];
}

function contentsXml({ rows }: Page, { encode }: Asked, owner: string): string[] {
  return rows.map((row) =>
    row.subdir === undefined
      ? element('Contents', [
          element('Key', encode(row.name ?? '')),
          element('LastModified', isoTimeOfRow(row.last_modified)),
          element('ETag', etagOfRow(row)),
          element('Size', row.bytes ?? 0),
          owner,
          element('StorageClass', 'STANDARD'),
        ])
      : element('CommonPrefixes', [element('Prefix', encode(row.subdir))]),
  );
}

export function etagOfRow({ s3_etag, slo_etag, hash }: Row): string {
  return s3_etag ?? slo_etag ?? `"${hash ?? ''}"`;
}
