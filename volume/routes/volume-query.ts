import type { FastifyRequest } from 'fastify';
import { type PageQuery, type PagingRules, parsePageQuery } from '../../openstack/paging.ts';
import { SORT_FIELDS, type TimeCondition, type VolumeFilter } from '../actions/list-volumes.ts';
import { invalidInput } from '../errors.ts';
import { MOST_PAGE_LENGTH } from '../limits.ts';
import { isTrue, type Query, queryOf, queryText, versionOf } from './context.ts';

export const PAGING: PagingRules = {
  defaultLimit: MOST_PAGE_LENGTH,
  mostLimit: MOST_PAGE_LENGTH,
  sortable: SORT_FIELDS,
  defaultSort: [
    { field: 'created_at', direction: 'desc' },
    { field: 'id', direction: 'desc' },
  ],
};

/** Which volumes, and which page of them. Filters that nobody knows are ignored, as Cinder does. */
export function parseVolumeQuery(request: FastifyRequest): { filter: VolumeFilter; page: PageQuery } {
  const query = queryOf(request);
  return { filter: parseFilter(query, versionOf(request).minor), page: parsePageQuery(query, PAGING) };
}

function parseFilter(query: Query, minor: number): VolumeFilter {
  const get = (name: string): string | undefined => queryText(query, name);
  const nameLike = minor >= 34 ? get('name~') : undefined;
  const name = get('name') ?? get('display_name');
  const projectId = get('project_id') ?? get('tenant_id');
  const status = get('status');
  const availabilityZone = get('availability_zone');
  const size = get('size');
  const bootable = get('bootable');
  const metadata = get('metadata');
  const imageMetadata = minor >= 4 ? get('glance_metadata') : undefined;
  return {
    allProjects: isTrue(get('all_tenants')) || isTrue(get('all_projects')),
    ...(projectId !== undefined && { projectId }),
    ...(name !== undefined && { name }),
    ...(nameLike !== undefined && { nameLike }),
    ...(status !== undefined && { status }),
    ...(availabilityZone !== undefined && { availabilityZone }),
    ...(size !== undefined && { sizeGib: Number(size) }),
    ...(bootable !== undefined && { bootable: isTrue(bootable) }),
    ...(metadata !== undefined && { metadata: parseDictionary(metadata) }),
    ...(imageMetadata !== undefined && { imageMetadata: parseDictionary(imageMetadata) }),
    ...(minor >= 60 && { createdAt: parseTimes(get('created_at')), updatedAt: parseTimes(get('updated_at')) }),
  };
}

/** A dictionary as clients write it in a query: JSON, or Python's `{'key': 'value'}`. */
function parseDictionary(source: string): Record<string, string> {
  if (source.length > 4096) throw invalidInput('the metadata filter is too long');
  const items: Record<string, string> = {};
  const pair = /\s*(?:u?'([^']*)'|"([^"]*)")\s*:\s*(?:u?'([^']*)'|"([^"]*)")\s*(?:,|$)/y;
  const inner = source.trim().replace(/^\{|\}$/g, '');
  while (pair.lastIndex < inner.length) {
    const match = pair.exec(inner);
    if (!match) throw invalidInput(`the filter ${source.slice(0, 64)} is no dictionary of texts`);
    items[match[1] ?? match[2] ?? ''] = match[3] ?? match[4] ?? '';
  }
  return items;
}

/** `gt:2026-01-01T00:00:00,lt:…`. Spec: Cinder, 3.60. */
function parseTimes(source: string | undefined): TimeCondition[] {
  if (source === undefined) return [];
  return source.split(',').map((each) => {
    const match = /^(?:(gt|gte|eq|neq|lt|lte):)?(\d{4}-\d{2}-\d{2}.*)$/.exec(each);
    const time = match?.[2] ?? '';
    const timeMs = Date.parse(/([zZ]|[+-]\d{2}:?\d{2})$/.test(time) || time.length === 10 ? time : `${time}Z`);
    if (!match || Number.isNaN(timeMs)) throw invalidInput(`'${each.slice(0, 64)}' is no time comparison`);
    return { operator: (match[1] ?? 'eq') as TimeCondition['operator'], timeMs };
  });
}
