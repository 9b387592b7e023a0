import type { FastifyRequest } from 'fastify';
import { cutPage, type PagingRules, parsePageQuery } from '../../openstack/paging.ts';
import { badRequest } from '../errors.ts';
import { MOST_PAGE_LENGTH } from '../limits.ts';

type Query = Readonly<Record<string, string | string[] | undefined>>;
/** A resource as the API shows it. */
export type Rendered = Readonly<Record<string, unknown>> & { id: string };

export interface ListOptions<T extends Rendered> {
  publicUrl: string;
  /** `users`, as in the body. */
  collection: string;
  items: readonly T[];
  /** Attributes that may be filtered by. */
  filters: readonly string[];
}

export function queryOf(request: FastifyRequest): Query {
  return request.query as Query;
}

/** The first value of a query parameter. */
export function parameterOf(request: FastifyRequest, name: string): string | undefined {
  const value = queryOf(request)[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Keystone's flags: present, and not `0`. */
export function flagOf(request: FastifyRequest, name: string): boolean {
  const value = parameterOf(request, name);
  return value !== undefined && value !== '0' && value.toLowerCase() !== 'false';
}

/**
 * A list as Keystone answers it: filtered, sorted, cut to a page, with links. Unknown parameters are ignored, as there.
 *
 * Spec: Identity API v3, "Filtering and sorting", "Pagination".
 */
export function renderList<T extends Rendered>(
  request: FastifyRequest,
  options: ListOptions<T>,
): Record<string, unknown> {
  const query = queryOf(request);
  const filtered = options.items.filter((item) => matches(item, query, options.filters));
  const rules: PagingRules = {
    defaultLimit: MOST_PAGE_LENGTH,
    mostLimit: MOST_PAGE_LENGTH,
    sortable: options.filters,
    defaultSort: [],
  };
  const page = cutPage(filtered, parsePageQuery(query, rules), (item, field) => sortable(item[field]));
  if (!page) throw badRequest(`The marker ${String(query['marker']).slice(0, 64)} is not in the list.`);
  const self = `${options.publicUrl}${request.url}`;
  return {
    [options.collection]: page.page,
    links: { self, previous: null, next: page.more ? nextLink(self, page.page.at(-1)?.id) : null },
  };
}

function nextLink(self: string, marker: string | undefined): string | null {
  if (marker === undefined) return null;
  const url = new URL(self);
  url.searchParams.set('marker', marker);
  return url.href;
}

function sortable(value: unknown): string | number | boolean | null {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

/** `name=x`, and `name__contains=x` and its like; several parameters must all hold. */
function matches(item: Rendered, query: Query, filters: readonly string[]): boolean {
  return Object.entries(query).every(([parameter, value]) => {
    const [field = '', comparator = 'equals'] = parameter.split('__');
    const compare = COMPARATORS[comparator];
    if (!filters.includes(field) || !compare || value === undefined) return true;
    const held = item[field];
    return [value].flat().every((wanted) => compareTyped(held, wanted, compare));
  });
}

function compareTyped(held: unknown, wanted: string, compare: (held: string, wanted: string) => boolean): boolean {
  if (typeof held === 'boolean') return held === (wanted === '' || /^(1|true|yes|on)$/i.test(wanted));
  return typeof held === 'string' ? compare(held, wanted) : wanted === '';
}

const COMPARATORS: Readonly<Record<string, ((held: string, wanted: string) => boolean) | undefined>> = {
  equals: (held, wanted) => held === wanted,
  contains: (held, wanted) => held.includes(wanted),
  startswith: (held, wanted) => held.startsWith(wanted),
  endswith: (held, wanted) => held.endsWith(wanted),
  iequals: (held, wanted) => held.toLowerCase() === wanted.toLowerCase(),
  icontains: (held, wanted) => held.toLowerCase().includes(wanted.toLowerCase()),
  istartswith: (held, wanted) => held.toLowerCase().startsWith(wanted.toLowerCase()),
  iendswith: (held, wanted) => held.toLowerCase().endsWith(wanted.toLowerCase()),
};
