import { MOST_LISTING_ROWS } from '../../limits.ts';
import { s3Error } from '../errors.ts';
import { MOST_BUCKETS_LISTED } from '../limits.ts';
import type { Operation } from '../message.ts';
import { isBucketName } from '../names.ts';
import { listRows, type Row } from '../object-api.ts';
import { ownerXml } from '../owner.ts';
import { isoTimeOfRow } from '../times.ts';
import { markerOfToken, tokenOfMarker } from '../tokens.ts';
import { element, elementIf, xmlAnswer } from '../xml/write.ts';

/** Containers that a bucket may be called as; the others belong to Swift's users alone. Spec: Amazon S3, ListBuckets. */
export const listBuckets: Operation = async (request, services) => {
  const { query } = request;
  const asked = query.get('max-buckets') ?? String(MOST_BUCKETS_LISTED);
  const most = /^\d{1,5}$/.test(asked) ? Number(asked) : 0;
  if (most < 1 || most > MOST_BUCKETS_LISTED)
    throw s3Error('InvalidArgument', { fields: { ArgumentName: 'max-buckets', ArgumentValue: asked } });
  const prefix = query.get('prefix');
  const token = query.get('continuation-token');
  let marker = token === undefined ? '' : markerOfToken(token);
  const buckets: Row[] = [];
  const limit = Math.min(most + 1, MOST_LISTING_ROWS);
  for (let isWhole = false; !isWhole && buckets.length <= most; ) {
    const rows = await listRows(request, services, { limit: String(limit), marker, prefix: prefix ?? '' });
    buckets.push(...rows.filter(({ name }) => name !== undefined && isBucketName(name)));
    isWhole = rows.length < limit;
    marker = rows.at(-1)?.name ?? marker;
  }
  const page = buckets.slice(0, most);
  return xmlAnswer('ListAllMyBucketsResult', [
    ownerXml(request),
    element(
      'Buckets',
      page.map(({ name, last_modified }) =>
        element('Bucket', [element('Name', name ?? ''), element('CreationDate', isoTimeOfRow(last_modified))]),
      ),
    ),
    buckets.length > page.length ? element('ContinuationToken', tokenOfMarker(page.at(-1)?.name ?? '')) : '',
    elementIf('Prefix', prefix),
  ]);
};
