import type { Operation } from '../message.ts';
import { isBucketName } from '../names.ts';
import { listRows, type Row } from '../object-api.ts';
import { ownerXml } from '../owner.ts';
import { isoTimeOfRow } from '../times.ts';
import { element, xmlAnswer } from '../xml/write.ts';

const PAGE_ROWS = 10_000;

/** Containers that S3 could name, in one answer as long as the account has: the operation knows pages only since late. */
export const listBuckets: Operation = async (request, services) => {
  const buckets: string[] = [];
  let marker = '';
  for (let rows: Row[]; ; ) {
    rows = await listRows(request, services, { limit: String(PAGE_ROWS), marker });
    for (const { name, last_modified } of rows)
      if (name !== undefined && isBucketName(name))
        buckets.push(element('Bucket', [element('Name', name), element('CreationDate', isoTimeOfRow(last_modified))]));
    if (rows.length < PAGE_ROWS) break;
    marker = rows.at(-1)?.name ?? '';
  }
  return xmlAnswer('ListAllMyBucketsResult', [ownerXml(request), element('Buckets', buckets)]);
};
