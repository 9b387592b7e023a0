import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { FastifyRequest } from 'fastify';
import { badRequest } from '../errors.ts';
import { LIST_CHUNK_LENGTH, LIST_SLICE_MS, MOST_PAGE_LENGTH } from '../limits.ts';

type Query = Readonly<Record<string, string | string[] | undefined>>;
/** A resource as the API shows it. */
export type Rendered = Readonly<Record<string, unknown>> & { id: string };

interface ListPlace {
  publicUrl: string;
  /** `users`, as in the body. */
  collection: string;
  /** Attributes that may be filtered by. */
  filters: readonly string[];
}

export interface ListOptions<T extends Rendered> extends ListPlace {
  items: readonly T[];
}

export interface RecordListOptions<T> extends ListPlace {
  /** The records in the order of their ids, behind one of them where the client names a marker; some at a time. */
  scan(afterId: string | undefined): AsyncIterable<readonly T[]> | Iterable<readonly T[]>;
  /** Undefined for what the caller may not see. */
  render(record: T): Rendered | undefined | Promise<Rendered | undefined>;
  /** Whether a marker is the id of a record. */
  exists?(id: string): Promise<boolean>;
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
 * A list as Keystone answers it: filtered, cut to a page, with links. Unknown parameters are ignored, as there.
 * Made as it is sent: a page costs what its records cost, however many follow, and no list holds the event loop.
 *
 * @returns the JSON text, as a stream where it is long.
 * @throws ApiError 400 for a marker that is not in the list.
 * Spec: Identity API v3, "Filtering and sorting", "Pagination".
 */
export async function listRecords<T>(
  request: FastifyRequest,
  options: RecordListOptions<T>,
): Promise<string | Readable> {
  const marker = parameterOf(request, 'marker');
  if (marker !== undefined && options.exists && !(await options.exists(marker)))
    throw badRequest(`The marker ${marker.slice(0, 64)} is not in the list.`);
  const chunks = chunksOf(request, options, marker);
  const first = await chunks.next();
  const second = await chunks.next();
  if (first.done || second.done) return first.value ?? '';
  return Readable.from(joined(first.value, second.value, chunks), { objectMode: false });
}

async function* joined(first: string, second: string, rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield first;
  yield second;
  yield* rest;
}

/** The list's JSON text, in pieces of LIST_CHUNK_LENGTH or so. */
async function* chunksOf<T>(
  request: FastifyRequest,
  { publicUrl, collection, filters, scan, render }: RecordListOptions<T>,
  marker: string | undefined,
): AsyncGenerator<string, void, void> {
  const query = queryOf(request);
  const limit = limitOf(request);
  let text = `{${JSON.stringify(collection)}:[`;
  let count = 0;
  let last: string | undefined;
  let more = false;
  let sliceEnd = performance.now() + LIST_SLICE_MS;
  for await (const page of scan(marker)) {
    for (const record of page) {
      if (performance.now() > sliceEnd) {
        await setImmediate();
        sliceEnd = performance.now() + LIST_SLICE_MS;
      }
      // Waited for only where there is something to wait for: a promise for each of many records is most of their garbage.
      const rendered = render(record);
      const item = rendered instanceof Promise ? await rendered : rendered;
      if (!item || !matches(item, query, filters)) continue;
      more = count === limit;
      if (more) break;
      text += `${count === 0 ? '' : ','}${JSON.stringify(item)}`;
      count += 1;
      last = item.id;
      if (text.length < LIST_CHUNK_LENGTH) continue;
      yield text;
      text = '';
    }
    if (more) break;
  }
  const self = `${publicUrl}${request.url}`;
  const links = { self, previous: null, next: more ? nextLink(self, last) : null };
  yield `${text}],"links":${JSON.stringify(links)}}`;
}

function limitOf(request: FastifyRequest): number {
  const text = parameterOf(request, 'limit');
  if (text === undefined || text === '') return Number.POSITIVE_INFINITY;
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`Invalid limit '${text.slice(0, 64)}': it must be a whole number.`);
  return Math.min(Number(text), MOST_PAGE_LENGTH);
}

/** The same of items that are at hand. */
export function renderList<T extends Rendered>(
  request: FastifyRequest,
  { items, ...place }: ListOptions<T>,
): Promise<string | Readable> {
  const sorted = items.toSorted((left, right) => (left.id < right.id ? -1 : 1));
  return listRecords(request, {
    ...place,
    scan: (afterId) => [afterId === undefined ? sorted : sorted.filter(({ id }) => id > afterId)],
    render: (item) => item,
    exists: async (marker) => items.some(({ id }) => id === marker),
  });
}

function nextLink(self: string, marker: string | undefined): string | null {
  if (marker === undefined) return null;
  const url = new URL(self);
  url.searchParams.set('marker', marker);
  return url.href;
}

/** `name=x`, and `name__contains=x` and its like; several parameters must all hold. */
function matches(item: Rendered, query: Query, filters: readonly string[]): boolean {
  for (const [parameter, value] of Object.entries(query)) {
    const [field = '', comparator = 'equals'] = parameter.split('__');
    const compare = Object.hasOwn(COMPARATORS, comparator) ? COMPARATORS[comparator] : undefined;
    if (!filters.includes(field) || !compare || value === undefined) continue;
    const held = item[field];
    if (![value].flat().every((wanted) => compareTyped(held, wanted, compare))) return false;
  }
  return true;
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
