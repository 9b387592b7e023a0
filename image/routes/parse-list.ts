import { parsePageQuery } from '../../openstack/paging.ts';
import type { ListRequest } from '../actions/list-images.ts';
import { SORTABLE } from '../actions/list-images.ts';
import { invalid } from '../errors.ts';
import { DEFAULT_LIMIT, MOST_LIMIT } from '../limits.ts';
import type { ImageRecord } from '../records/image-record.ts';

export type ListQuery = Readonly<Record<string, string | string[] | undefined>>;

type Predicate = (image: ImageRecord) => boolean;

const VISIBILITIES = ['public', 'private', 'shared', 'community', 'all'] as const;
const MEMBER_STATUSES = ['pending', 'accepted', 'rejected', 'all'] as const;
const NOT_FILTERS = new Set([
  'limit',
  'marker',
  'sort',
  'sort_key',
  'sort_dir',
  'visibility',
  'member_status',
  'os_hidden',
]);

/** Values of the fields that are compared as text; `in:` lists are allowed for those marked. */
const TEXT_FIELDS: Readonly<Record<string, { of: (image: ImageRecord) => string | null | undefined; list: boolean }>> =
  {
    id: { of: ({ id }) => id, list: true },
    name: { of: ({ name }) => name, list: true },
    status: { of: ({ status }) => status, list: true },
    disk_format: { of: ({ diskFormat }) => diskFormat, list: true },
    container_format: { of: ({ containerFormat }) => containerFormat, list: true },
    owner: { of: ({ owner }) => owner, list: false },
    checksum: { of: ({ data }) => data?.md5, list: false },
    os_hash_algo: { of: ({ data }) => data && 'sha512', list: false },
    os_hash_value: { of: ({ data }) => data?.sha512, list: false },
  };

/**
 * What a list's query asks for. A parameter that is none of the API's is a filter on a free property.
 *
 * @throws ApiError 400 naming the parameter.
 * Spec: Image API v2, "List images".
 */
export function parseListQuery(query: ListQuery): ListRequest {
  const filters = Object.entries(query)
    .filter(([name]) => !NOT_FILTERS.has(name))
    .flatMap(([name, values]) => [values ?? []].flat().map((value) => parseFilter(name, value)));
  const hidden = parseBoolean('os_hidden', single(query, 'os_hidden') ?? 'false');
  return {
    page: parsePageQuery(query, {
      defaultLimit: DEFAULT_LIMIT,
      mostLimit: MOST_LIMIT,
      sortable: SORTABLE,
      defaultSort: [{ field: 'created_at', direction: 'desc' }],
    }),
    visibility: parseChoice('visibility', single(query, 'visibility'), VISIBILITIES),
    memberStatus: parseChoice('member_status', single(query, 'member_status'), MEMBER_STATUSES) ?? 'accepted',
    matches: (image) => image.hidden === hidden && filters.every((matches) => matches(image)),
  };
}

function parseFilter(name: string, value: string): Predicate {
  const text = TEXT_FIELDS[name];
  if (text) {
    const wanted = text.list && value.startsWith('in:') ? parseValues(value.slice('in:'.length)) : [value];
    return (image) => wanted.includes(text.of(image) ?? '');
  }
  switch (name) {
    case 'tag':
      return ({ tags }) => tags.includes(value);
    case 'protected': {
      const wanted = parseBoolean(name, value);
      return (image) => image.protected === wanted;
    }
    case 'size': {
      const wanted = parseCount(name, value);
      return ({ data }) => data?.sizeBytes === wanted;
    }
    case 'size_min': {
      const least = parseCount(name, value);
      return ({ data }) => data !== null && data.sizeBytes >= least;
    }
    case 'size_max': {
      const most = parseCount(name, value);
      return ({ data }) => data !== null && data.sizeBytes <= most;
    }
    case 'min_disk':
    case 'min_ram': {
      const wanted = parseCount(name, value);
      return ({ minDisk, minRam }) => (name === 'min_disk' ? minDisk : minRam) === wanted;
    }
    case 'created_at':
    case 'updated_at': {
      const compare = parseTimeFilter(name, value);
      return ({ createdAtMs, updatedAtMs }) => compare(name === 'created_at' ? createdAtMs : updatedAtMs);
    }
    default:
      return ({ properties }) => Object.hasOwn(properties, name) && properties[name] === value;
  }
}

const TIME_OPERATORS: Readonly<Record<string, (left: number, right: number) => boolean>> = {
  eq: (left, right) => left === right,
  neq: (left, right) => left !== right,
  gt: (left, right) => left > right,
  gte: (left, right) => left >= right,
  lt: (left, right) => left < right,
  lte: (left, right) => left <= right,
};

/** `gt:2016-04-18T21:38:54Z`. Times are shown, and so compared, in whole seconds; without a zone they are UTC. */
function parseTimeFilter(name: string, value: string): (ms: number) => boolean {
  const [, operator = 'eq', text = ''] = /^(?:(eq|neq|gt|gte|lt|lte):)?(.*)$/s.exec(value) ?? [];
  const zoned = /(Z|[+-]\d\d:?\d\d)$/.test(text) || !text.includes('T') ? text : `${text}Z`;
  const seconds = Math.floor(Date.parse(zoned) / 1000);
  const compare = TIME_OPERATORS[operator];
  if (Number.isNaN(seconds) || !compare) throw invalid(`Invalid ${name} filter: a time in ISO 8601 is expected.`);
  return (ms) => compare(Math.floor(ms / 1000), seconds);
}

/** `a,b,"c,d"`: a value with a comma stands in double quotes, with `\"` for a quote. */
function parseValues(text: string): string[] {
  if (!/^(?:"(?:[^"\\]|\\.)*"|[^",]*)(?:,(?:"(?:[^"\\]|\\.)*"|[^",]*))*$/.test(text))
    throw invalid('Invalid filter value: a quote is not where it belongs.');
  const parts = text.match(/"(?:[^"\\]|\\.)*"|[^",]+/g) ?? [];
  return parts.map((part) => (part.startsWith('"') ? part.slice(1, -1).replace(/\\(.)/g, '$1') : part));
}

function parseCount(name: string, value: string): number {
  if (!/^\d{1,15}$/.test(value)) throw invalid(`Invalid ${name}: an integer of 0 or more is expected.`);
  return Number(value);
}

function parseBoolean(name: string, value: string): boolean {
  const lower = value.toLowerCase();
  if (lower === 'true') return true;
  if (lower === 'false') return false;
  throw invalid(`Invalid ${name}: true or false is expected.`);
}

function parseChoice<T extends string>(name: string, value: string | undefined, choices: readonly T[]): T | undefined {
  if (value === undefined) return undefined;
  const choice = choices.find((each) => each === value);
  if (choice === undefined) throw invalid(`Invalid ${name}: one of ${choices.join(', ')} is expected.`);
  return choice;
}

function single(query: ListQuery, name: string): string | undefined {
  const value = query[name];
  return Array.isArray(value) ? value[0] : value;
}
