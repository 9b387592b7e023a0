import { ApiError } from '../common/errors.ts';

type SortDirection = 'asc' | 'desc';

interface SortKey {
  field: string;
  direction: SortDirection;
}

export interface PageQuery {
  limit: number;
  /** Id of the last record of the page before. */
  marker: string | undefined;
  sort: readonly SortKey[];
}

export interface PagingRules {
  /** Page length where the client asks for none. */
  defaultLimit: number;
  /** Larger limits are cut to this, as OpenStack does. */
  mostLimit: number;
  sortable: readonly string[];
  defaultSort: readonly SortKey[];
}

type Query = Readonly<Record<string, string | string[] | undefined>>;

/**
 * Reads `limit`, `marker`, `sort` (`name:asc,size`) and the older `sort_key`/`sort_dir`.
 *
 * @throws ApiError 400 naming the parameter.
 * Spec: API-SIG guideline "Pagination, Filtering, and Sorting".
 */
export function parsePageQuery(query: Query, rules: PagingRules): PageQuery {
  const marker = first(query['marker']);
  return { limit: parseLimit(first(query['limit']), rules), marker, sort: parseSort(query, rules) };
}

function parseLimit(text: string | undefined, rules: PagingRules): number {
  if (text === undefined || text === '') return rules.defaultLimit;
  if (!/^\d{1,15}$/.test(text)) throw invalid('limit', text, 'must be an integer of 0 or more');
  return Math.min(Number(text), rules.mostLimit);
}

function parseSort(query: Query, rules: PagingRules): readonly SortKey[] {
  const combined = first(query['sort']);
  const keys = combined
    ? combined.split(',').map((part) => part.split(':') as [string, (string | undefined)?])
    : legacySort(query);
  if (keys.length === 0) return rules.defaultSort;
  return keys.map(([field, direction = 'desc']) => {
    if (!rules.sortable.includes(field))
      throw invalid('sort key', field, `must be one of ${rules.sortable.join(', ')}`);
    if (direction !== 'asc' && direction !== 'desc') throw invalid('sort direction', direction, 'must be asc or desc');
    return { field, direction };
  });
}

function legacySort(query: Query): [string, (string | undefined)?][] {
  const fields = [query['sort_key'] ?? []].flat();
  const directions = [query['sort_dir'] ?? []].flat();
  return fields.map((field, index) => [field, directions[index] ?? directions[0]]);
}

/**
 * Sorts the records and cuts the page out.
 *
 * @param fieldOf the value of a sort field; undefined and null sort first.
 * @returns the page and whether records follow it; undefined if the marker names no record of the list.
 */
export function cutPage<T extends { id: string }>(
  records: readonly T[],
  query: PageQuery,
  fieldOf: (record: T, field: string) => string | number | boolean | null | undefined,
): { page: T[]; more: boolean } | undefined {
  const sorted = [...records].sort((left, right) => {
    for (const { field, direction } of query.sort) {
      const order = compare(fieldOf(left, field), fieldOf(right, field));
      if (order !== 0) return direction === 'asc' ? order : -order;
    }
    return compare(left.id, right.id);
  });
  let from = 0;
  if (query.marker !== undefined) {
    const index = sorted.findIndex(({ id }) => id === query.marker);
    if (index < 0) return undefined;
    from = index + 1;
  }
  const page = sorted.slice(from, from + query.limit);
  return { page, more: from + page.length < sorted.length };
}

type Comparable = string | number | boolean | null | undefined;

function compare(left: Comparable, right: Comparable): number {
  if (left === right) return 0;
  if (left === null || left === undefined) return -1;
  if (right === null || right === undefined) return 1;
  return left < right ? -1 : 1;
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function invalid(what: string, value: string, must: string): ApiError {
  return new ApiError({
    status: 400,
    code: 'InvalidInput',
    message: `Invalid ${what} '${value.slice(0, 64)}': ${must}.`,
  });
}
