import { cutPage, type PageQuery } from '../../openstack/paging.ts';
import { invalidInput } from '../errors.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import type { VolumeRecord } from '../store/records.ts';

export interface VolumeFilter {
  /** All projects; honoured for administrators only. */
  allProjects: boolean;
  projectId?: string;
  name?: string;
  /** Text that the name contains (`name~`, 3.34). */
  nameLike?: string;
  status?: string;
  availabilityZone?: string;
  sizeGib?: number;
  bootable?: boolean;
  /** All of these items. */
  metadata?: Readonly<Record<string, string>>;
  imageMetadata?: Readonly<Record<string, string>>;
  createdAt?: readonly TimeCondition[];
  updatedAt?: readonly TimeCondition[];
}

export interface TimeCondition {
  operator: 'gt' | 'gte' | 'eq' | 'neq' | 'lt' | 'lte';
  timeMs: number;
}

export interface VolumePage {
  page: VolumeRecord[];
  /** Volumes that match, on all pages. */
  total: number;
}

/** The page of the caller's volumes that the query asks for. @throws ApiError 400 for a marker that is not in the list. */
export function listVolumes(parts: VolumeParts, caller: Caller, filter: VolumeFilter, query: PageQuery): VolumePage {
  parts.policy.authorize('volume:get_all', caller.identity, { project_id: caller.projectId, user_id: caller.userId });
  const all = filter.allProjects && caller.isAdmin ? parts.volumes.all() : parts.volumes.ofProject(caller.projectId);
  const matching = all.filter((volume) => matches(volume, filter));
  const cut = cutPage(matching, query, sortField);
  if (!cut) throw invalidInput(`marker [${query.marker?.slice(0, 64)}] not found`);
  return { page: cut.page, total: matching.length };
}

export const SORT_FIELDS = [
  'id',
  'status',
  'size',
  'availability_zone',
  'created_at',
  'updated_at',
  'name',
  'display_name',
  'bootable',
] as const;

function sortField(volume: VolumeRecord, field: string): string | number | boolean | null {
  const fields: Record<string, string | number | boolean | null> = {
    id: volume.id,
    status: volume.status,
    size: volume.sizeGib,
    availability_zone: volume.availabilityZone,
    created_at: volume.createdAtMs,
    updated_at: volume.updatedAtMs,
    name: volume.name,
    display_name: volume.name,
    bootable: volume.bootable,
  };
  return fields[field] ?? null;
}

function matches(volume: VolumeRecord, filter: VolumeFilter): boolean {
  return (
    equals(filter.projectId, volume.projectId) &&
    equals(filter.name, volume.name) &&
    (filter.nameLike === undefined || (volume.name?.includes(filter.nameLike) ?? false)) &&
    equals(filter.status, volume.status) &&
    equals(filter.availabilityZone, volume.availabilityZone) &&
    equals(filter.sizeGib, volume.sizeGib) &&
    equals(filter.bootable, volume.bootable) &&
    includes(volume.metadata, filter.metadata) &&
    includes(volume.imageMetadata ?? {}, filter.imageMetadata) &&
    isWithin(volume.createdAtMs, filter.createdAt) &&
    isWithin(volume.updatedAtMs, filter.updatedAt)
  );
}

function equals<T>(wanted: T | undefined, actual: T | null): boolean {
  return wanted === undefined || wanted === actual;
}

function includes(actual: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>> = {}): boolean {
  return Object.entries(wanted).every(([key, value]) => actual[key] === value);
}

function isWithin(timeMs: number | null, conditions: readonly TimeCondition[] = []): boolean {
  return conditions.every((each) => timeMs !== null && COMPARISONS[each.operator](timeMs - each.timeMs));
}

const COMPARISONS: Readonly<Record<TimeCondition['operator'], (differenceMs: number) => boolean>> = {
  gt: (difference) => difference > 0,
  gte: (difference) => difference >= 0,
  eq: (difference) => difference === 0,
  neq: (difference) => difference !== 0,
  lt: (difference) => difference < 0,
  lte: (difference) => difference <= 0,
};
