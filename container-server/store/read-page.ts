import type { Level } from 'level';
import { invariant } from '../../common/errors.ts';
import { type ListingPage, type ListingQuery, textOfRows } from '../contract.ts';
import {
  FEWEST_ENTRIES_PER_FETCH,
  MOST_BYTES_PER_FETCH,
  MOST_ENTRIES_PER_FETCH,
  MOST_ROWS_PER_PAGE,
} from '../limits.ts';
import { type PageLease, type PageMemory, UNSHARED } from './page-memory.ts';

/** A UTF-8 text followed by this byte, which none holds, sorts after all texts that begin with it. */
const AFTER_ALL = Buffer.of(0xff);

/**
 * One page of a listing, from one snapshot. Where a delimiter folds names into a subdir, the iterator seeks past all of them:
 * a page costs its rows, not what they stand for. Rows become bytes chunk by chunk, while the next chunk is read: of strings there
 * are only as many as one chunk has.
 *
 * @param rowsPrefix what the rows' keys begin with; names follow.
 * @param jsonOf the client's JSON of a stored row.
 * @param memory where the page is to lie; in memory of its own unless told.
 * Spec: OpenStack Swift API, container listings: prefix, delimiter, marker, end_marker, path, reverse.
 */
export async function readPage(
  db: Level<string, string>,
  rowsPrefix: string,
  query: ListingQuery,
  jsonOf: (stored: string) => string,
  memory: Pick<PageMemory, 'lease'> = UNSHARED,
): Promise<ListingPage> {
  invariant(query.limit >= 0 && query.limit <= MOST_ROWS_PER_PAGE, `listing limit ${query.limit} is out of bounds`);
  const plan = planOf(query, rowsPrefix);
  if (query.limit === 0 || Buffer.compare(Buffer.from(plan.low), Buffer.from(plan.high)) >= 0) return { chunks: [] };
  const lease = memory.lease();
  try {
    const reading: Reading = { db, plan, query, jsonOf, lease };
    const chunks = await (plan.delimiter === '' ? readRun(reading) : readFolded(reading));
    return { chunks, release: () => lease.release() };
  } catch (error) {
    lease.release();
    throw error;
  }
}

interface Reading {
  db: Level<string, string>;
  plan: PagePlan;
  query: ListingQuery;
  jsonOf: (stored: string) => string;
  lease: PageLease;
}

/** Every row of the range: keys are not even looked at. */
async function readRun({ db, plan, query: { limit, reverse }, jsonOf, lease }: Reading): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  const iterator = db.iterator({ ...rangeOf(plan), keys: false, reverse, highWaterMarkBytes: MOST_BYTES_PER_FETCH });
  try {
    let left = limit;
    let fetching = iterator.nextv(Math.min(left, MOST_ENTRIES_PER_FETCH));
    for (;;) {
      const entries = await fetching;
      if (entries.length === 0) return chunks;
      left -= entries.length;
      if (left > 0) fetching = iterator.nextv(Math.min(left, MOST_ENTRIES_PER_FETCH));
      chunks.push(lease.write(textOfRows(entries.map(([, stored]) => jsonOf(stored)))));
      if (left === 0) return chunks;
    }
  } finally {
    await iterator.close();
  }
}

async function readFolded({ db, plan, query: { limit, reverse }, jsonOf, lease }: Reading): Promise<Buffer[]> {
  const { keyPrefix, delimiter, byPath } = plan;
  const chunks: Buffer[] = [];
  let rows: string[] = [];
  let left = limit;
  const flush = () => {
    if (rows.length > 0) chunks.push(lease.write(textOfRows(rows)));
    rows = [];
  };
  const iterator = db.iterator({ ...rangeOf(plan), reverse, highWaterMarkBytes: MOST_BYTES_PER_FETCH });
  let fetch = FEWEST_ENTRIES_PER_FETCH; // a subdir may make all but the first useless
  let folded: string | undefined; // key prefix of the subdir that is being skipped
  try {
    while (left > 0) {
      const entries = await iterator.nextv(Math.min(fetch, left + 1));
      const last = entries.at(-1);
      if (last === undefined) break;
      fetch = Math.min(fetch * 2, MOST_ENTRIES_PER_FETCH);
      for (const [key, stored] of entries) {
        // By path, the name that ends in the delimiter is an object, and no part of the fold.
        if (folded !== undefined && key.startsWith(folded) && !(byPath && key === folded)) continue;
        folded = undefined;
        const end = key.indexOf(delimiter, keyPrefix.length);
        const dirEnd = end + delimiter.length;
        let row: string | undefined;
        if (end < 0 || (byPath && dirEnd === key.length)) {
          if (!byPath || key.length > keyPrefix.length) row = jsonOf(stored);
        } else {
          folded = key.slice(0, dirEnd);
          if (!byPath && folded !== plan.low) row = JSON.stringify({ subdir: folded.slice(plan.rowsPrefix.length) });
        }
        if (row === undefined) continue;
        rows.push(row);
        left -= 1;
        if (left === 0) break;
      }
      if (rows.length >= MOST_ENTRIES_PER_FETCH) flush();
      // Backwards, the name that is the subdir itself is the last of its fold: to seek to it would read it for ever.
      if (folded !== undefined && last[0] !== folded) {
        const target = Buffer.from(folded);
        iterator.seek(reverse ? target : Buffer.concat([target, AFTER_ALL]), { keyEncoding: 'buffer' });
        fetch = FEWEST_ENTRIES_PER_FETCH;
      }
    }
    flush();
    return chunks;
  } finally {
    await iterator.close();
  }
}

/** All keys are texts. */
interface PagePlan {
  rowsPrefix: string;
  /** Rows' prefix with the query's. */
  keyPrefix: string;
  /** '' where nothing is folded. */
  delimiter: string;
  byPath: boolean;
  low: string;
  lowInclusive: boolean;
  high: string;
}

function rangeOf({ low, lowInclusive, high }: PagePlan) {
  return lowInclusive ? { gte: low, lt: high } : { gt: low, lt: high };
}

function planOf(query: ListingQuery, rowsPrefix: string): PagePlan {
  const byPath = query.path !== undefined;
  const prefix = query.path === undefined ? query.prefix : folderOf(query.path);
  const [after, before] = query.reverse ? [query.endMarker, query.marker] : [query.marker, query.endMarker];
  const keyPrefix = rowsPrefix + prefix;
  const pastPrefix = successorOf(keyPrefix);
  const beforeKey = before === '' ? pastPrefix : rowsPrefix + before;
  const lowInclusive = after === '' || isBefore(rowsPrefix + after, keyPrefix);
  return {
    rowsPrefix,
    keyPrefix,
    delimiter: byPath ? '/' : query.delimiter,
    byPath,
    low: lowInclusive ? keyPrefix : rowsPrefix + after,
    lowInclusive,
    high: isBefore(beforeKey, pastPrefix) ? beforeKey : pastPrefix,
  };
}

function folderOf(path: string): string {
  const stripped = path.replace(/\/+$/, '');
  return stripped === '' ? '' : `${stripped}/`;
}

function isBefore(left: string, right: string): boolean {
  return Buffer.compare(Buffer.from(left), Buffer.from(right)) < 0;
}

/** The first text, in the order of UTF-8 bytes, which is that of code points, after all that begin with `prefix`. */
function successorOf(prefix: string): string {
  const points = [...prefix];
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0) ?? 0;
    if (point < 0x10ffff) return points.join('') + String.fromCodePoint(point === 0xd7ff ? 0xe000 : point + 1);
  }
  invariant(false, 'a key space has no end');
}
