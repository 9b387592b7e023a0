import type { Level } from 'level';
import { invariant } from '../../common/errors.ts';
import type { ListingQuery } from '../contract.ts';
import { FEWEST_ENTRIES_PER_FETCH, MOST_ENTRIES_PER_FETCH, MOST_ROWS_PER_PAGE } from '../limits.ts';

/** No UTF-8 text holds this byte: a name followed by it sorts after all names that begin with that name. */
const AFTER_ALL = Buffer.of(0xff);

/**
 * One page of a listing, from one snapshot. Where a delimiter folds names into a subdir, the iterator seeks past all of them:
 * a page costs its rows, not what they stand for.
 *
 * @param rowsPrefix what the rows' keys begin with; names follow.
 * @param jsonOf the client's JSON of a stored row.
 * @returns rows in the order asked for, each JSON.
 * Spec: OpenStack Swift API, container listings: prefix, delimiter, marker, end_marker, path, reverse.
 */
export async function readPage(
  db: Level<string, string>,
  rowsPrefix: string,
  query: ListingQuery,
  jsonOf: (stored: string) => string,
): Promise<string[]> {
  invariant(query.limit >= 0 && query.limit <= MOST_ROWS_PER_PAGE, `listing limit ${query.limit} is out of bounds`);
  const plan = planOf(query, rowsPrefix);
  const rows: string[] = [];
  if (query.limit === 0 || Buffer.compare(plan.low, plan.high) >= 0) return rows;
  const iterator = db.iterator<Buffer, string>({
    keyEncoding: 'buffer',
    valueEncoding: 'utf8',
    ...(plan.lowInclusive ? { gte: plan.low } : { gt: plan.low }),
    lt: plan.high,
    reverse: query.reverse,
  });
  let fetch = plan.delimiter.length > 0 ? FEWEST_ENTRIES_PER_FETCH : MOST_ENTRIES_PER_FETCH;
  let folded: Buffer | undefined; // key prefix of the subdir that is being skipped
  try {
    for (;;) {
      const entries = await iterator.nextv(Math.min(fetch, query.limit - rows.length + 1));
      if (entries.length === 0) return rows;
      fetch = Math.min(fetch * 2, MOST_ENTRIES_PER_FETCH);
      for (const [key, stored] of entries) {
        // By path, the name that ends in the delimiter is an object, and no part of the fold.
        if (folded !== undefined && startsWith(key, folded) && !(plan.byPath && key.equals(folded))) continue;
        folded = undefined;
        const end = plan.delimiter.length > 0 ? key.indexOf(plan.delimiter, plan.keyPrefix.length) : -1;
        const dirEnd = end + plan.delimiter.length;
        if (end < 0 || (plan.byPath && dirEnd === key.length)) {
          if (!plan.byPath || key.length > plan.keyPrefix.length) rows.push(jsonOf(stored));
        } else {
          folded = key.subarray(0, dirEnd);
          if (!plan.byPath && !folded.equals(plan.low))
            rows.push(JSON.stringify({ subdir: folded.subarray(plan.rowsPrefixLength).toString() }));
        }
        if (rows.length >= query.limit) return rows;
      }
      const last = entries.at(-1)?.[0];
      // Backwards, the name that is the subdir itself is the last of its fold: to seek to it would read it for ever.
      if (folded !== undefined && !last?.equals(folded)) {
        iterator.seek(query.reverse ? folded : Buffer.concat([folded, AFTER_ALL]));
        fetch = FEWEST_ENTRIES_PER_FETCH;
      }
    }
  } finally {
    await iterator.close();
  }
}

interface PagePlan {
  rowsPrefixLength: number;
  /** Rows' prefix with the query's. */
  keyPrefix: Buffer;
  delimiter: Buffer;
  byPath: boolean;
  low: Buffer;
  lowInclusive: boolean;
  high: Buffer;
}

function planOf(query: ListingQuery, rowsPrefix: string): PagePlan {
  const byPath = query.path !== undefined;
  const prefix = query.path === undefined ? query.prefix : folderOf(query.path);
  const [after, before] = query.reverse ? [query.endMarker, query.marker] : [query.marker, query.endMarker];
  const keyPrefix = Buffer.from(rowsPrefix + prefix);
  const afterKey = Buffer.from(rowsPrefix + after);
  const pastPrefix = Buffer.concat([keyPrefix, AFTER_ALL]);
  const beforeKey = before === '' ? pastPrefix : Buffer.from(rowsPrefix + before);
  const lowInclusive = after === '' || Buffer.compare(afterKey, keyPrefix) < 0;
  return {
    rowsPrefixLength: Buffer.byteLength(rowsPrefix),
    keyPrefix,
    delimiter: Buffer.from(byPath ? '/' : query.delimiter),
    byPath,
    low: lowInclusive ? keyPrefix : afterKey,
    lowInclusive,
    high: Buffer.compare(beforeKey, pastPrefix) < 0 ? beforeKey : pastPrefix,
  };
}

function folderOf(path: string): string {
  const stripped = path.replace(/\/+$/, '');
  return stripped === '' ? '' : `${stripped}/`;
}

function startsWith(key: Buffer, prefix: Buffer): boolean {
  return key.length >= prefix.length && key.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
}
