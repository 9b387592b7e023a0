import type { FastifyInstance } from 'fastify';
import { GIB } from '../limits.ts';
import type { VolumeParts } from '../parts.ts';
import { hostOf, poolStates } from '../scheduler/pool-states.ts';
import { capabilitiesOf, type PoolState } from '../scheduler/pools.ts';
import { formatDate } from '../views/dates.ts';
import { callerOf, isTrue, queryOf, queryText, requireVersion } from './context.ts';

/** What the cloud is made of: services, pools, zones. Spec: Block Storage API v3, "Services", "Back-end storage pools". */
export function cloudRoutes(app: FastifyInstance, parts: VolumeParts): void {
  app.get('/os-services', async (request) => {
    parts.policy.authorize('volume_extension:services:index', callerOf(request, parts).identity);
    const query = queryOf(request);
    const [host, binary] = [queryText(query, 'host'), queryText(query, 'binary')];
    const working = new Set((await poolStates(parts)).map(({ name }) => name));
    const scheduler = { binary: 'cinder-scheduler', host: parts.config.host, isUp: true };
    const backends = parts.pools.map(({ name }) => ({
      binary: 'cinder-volume',
      host: `${parts.config.host}@${name}`,
      isUp: working.has(name),
    }));
    const services = [scheduler, ...backends].filter(
      (each) => (host === undefined || each.host === host) && (binary === undefined || each.binary === binary),
    );
    return {
      services: services.map(({ isUp, ...service }) => ({
        ...service,
        zone: parts.config.availability_zone,
        status: 'enabled',
        state: isUp ? 'up' : 'down',
        updated_at: formatDate(parts.clock.nowMs()),
        disabled_reason: null,
      })),
    };
  });

  app.get('/scheduler-stats/get_pools', async (request) => {
    parts.policy.authorize('scheduler_extension:scheduler_stats:get_pools', callerOf(request, parts).identity);
    const withDetail = isTrue(queryText(queryOf(request), 'detail'));
    const pools = await poolStates(parts);
    return {
      pools: pools.map((pool) => ({
        name: hostOf(parts, pool.name),
        ...(withDetail && { capabilities: renderCapabilities(pool, parts) }),
      })),
    };
  });

  app.get('/os-availability-zone', async (request) => {
    callerOf(request, parts);
    const zones = new Set(parts.pools.map(({ availabilityZone }) => availabilityZone));
    return {
      availabilityZoneInfo: [...zones].map((zoneName) => ({ zoneName, zoneState: { available: true } })),
    };
  });

  app.get('/extensions', async () => ({ extensions: EXTENSIONS }));

  app.get('/resource_filters', async (request) => {
    requireVersion(request, 33);
    return { resource_filters: [{ resource: 'volume', filters: VOLUME_FILTERS }] };
  });

  // Why volumes are in error, from their records. Spec: Block Storage API v3, "Messages" (3.3).
  app.get('/messages', async (request) => {
    requireVersion(request, 3);
    const { identity, projectId } = callerOf(request, parts);
    parts.policy.authorize('message:get_all', identity, { project_id: projectId });
    const volumes = parts.volumes.ofProject(projectId);
    const faulty = volumes.filter(({ fault }) => fault !== null);
    return {
      messages: faulty.map(({ id, fault, createdAtMs, updatedAtMs }) => ({
        id,
        event_id: 'VOLUME_VOLUME_001_001',
        user_message: fault,
        message_level: 'ERROR',
        resource_type: 'VOLUME',
        resource_uuid: id,
        created_at: formatDate(updatedAtMs ?? createdAtMs),
        guaranteed_until: null,
        request_id: null,
      })),
    };
  });
}

function renderCapabilities(pool: PoolState, parts: VolumeParts): Record<string, unknown> {
  const flags = Object.entries(capabilitiesOf(pool)).map(([key, value]) => [
    key,
    value === 'True' || value === 'False' ? value === 'True' : value,
  ]);
  return {
    ...Object.fromEntries(flags),
    total_capacity_gb: roundGib(pool.totalBytes),
    free_capacity_gb: roundGib(pool.freeBytes),
    allocated_capacity_gb: pool.allocatedGib,
    provisioned_capacity_gb: pool.allocatedGib,
    reserved_percentage: pool.reservedPercentage,
    max_over_subscription_ratio: String(pool.maxOverSubscriptionRatio),
    location_info: hostOf(parts, pool.name),
    driver_version: '1',
    timestamp: formatDate(parts.clock.nowMs()),
  };
}

function roundGib(bytes: number): number {
  return Math.round((bytes / GIB) * 100) / 100;
}

const VOLUME_FILTERS = [
  'name',
  'status',
  'metadata',
  'bootable',
  'availability_zone',
  'size',
  'glance_metadata',
  'created_at',
  'updated_at',
];

/** The extensions of old that are part of what is built. */
const EXTENSIONS = [
  ['AdminActions', 'os-admin-actions', 'Reset the status of volumes, delete them by force.'],
  ['AvailabilityZones', 'os-availability-zone', 'Availability zones.'],
  ['ExtendedServices', 'os-services', 'Services and their states.'],
  ['Quotas', 'os-quota-sets', 'Quotas of projects.'],
  ['SchedulerStats', 'scheduler-stats', 'Pools and their capacity.'],
  ['TypesExtraSpecs', 'os-types-extra-specs', 'Extra specs of volume types.'],
  ['TypesManage', 'os-types-manage', 'Making and changing of volume types.'],
  ['UsedLimits', 'os-used-limits', 'What of the limits is used.'],
  ['VolumeActions', 'os-volume-actions', 'Attach, detach, extend and other actions.'],
  ['VolumeImageMetadata', 'os-vol-image-meta', 'Properties of the image that a volume was made from.'],
  ['VolumeTenantAttribute', 'os-vol-tenant-attr', "A volume's project."],
  ['VolumeTypeAccess', 'os-volume-type-access', 'Volume types for some projects.'],
].map(([name, alias, description]) => ({
  name,
  alias,
  description,
  updated: '2026-11-21T00:00:00+00:00',
  links: [],
}));
