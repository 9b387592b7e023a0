import { hostname } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { projectIdOf } from '../../auth/guard/scope.ts';
import { usedQuota } from '../actions/quota.ts';
import type { ComputeContext } from '../context.ts';
import { MOST_KEYPAIRS_PER_USER, MOST_METADATA_ITEMS } from '../limits.ts';
import { gated } from '../microversions.ts';
import { isoMicroTime } from '../views/links.ts';
import { findServer } from './request.ts';

/** What the cloud is made of: limits, zones, services, hypervisors, and what was done to a server. */
export function cloudRoutes(app: FastifyInstance, context: ComputeContext): void {
  const { config, policy, tables, hypervisor, clock } = context;

  app.get('/v2.1/limits', async (request) => {
    const projectId = projectIdOf(request.identity);
    policy.authorize('os_compute_api:limits', request.identity, { project_id: projectId });
    const used = await usedQuota(context, projectId);
    const absolute = {
      maxTotalInstances: config.quota_servers,
      maxTotalCores: config.quota_cores,
      maxTotalRAMSize: config.quota_ram_mib,
      maxTotalKeypairs: MOST_KEYPAIRS_PER_USER,
      maxServerMeta: MOST_METADATA_ITEMS,
      maxServerGroups: 0,
      maxServerGroupMembers: 0,
      totalInstancesUsed: used.servers,
      totalCoresUsed: used.cores,
      totalRAMUsed: used.ramMib,
      totalServerGroupsUsed: 0,
    };
    return { limits: { rate: [], absolute } };
  });

  app.get('/v2.1/os-availability-zone', async () => ({
    availabilityZoneInfo: [{ zoneName: config.availability_zone, zoneState: { available: true }, hosts: null }],
  }));

  app.get('/v2.1/os-services', async (request) => {
    policy.authorize('os_compute_api:os-services:list', request.identity);
    const service = {
      id: request.computeMinor >= 53 ? '00000000-0000-4000-8000-000000000001' : 1,
      binary: 'nova-compute',
      host: hostname(),
      zone: config.availability_zone,
      status: 'enabled',
      state: 'up',
      updated_at: isoMicroTime(clock.nowMs()),
      disabled_reason: null,
      ...(request.computeMinor >= 11 && { forced_down: false }),
    };
    return { services: [service] };
  });

  for (const path of ['/v2.1/os-hypervisors', '/v2.1/os-hypervisors/detail']) {
    app.get(path, async (request) => {
      policy.authorize('os_compute_api:os-hypervisors:list', request.identity);
      const summary = {
        id: request.computeMinor >= 53 ? '00000000-0000-4000-8000-000000000002' : 1,
        hypervisor_hostname: hostname(),
        state: 'up',
        status: 'enabled',
      };
      if (!path.endsWith('detail')) return { hypervisors: [summary] };
      const facts = await hypervisor.facts();
      const servers = await tables.servers.list();
      const usedRamMib = servers.reduce((sum, { flavor }) => sum + flavor.ramMib, 0);
      const detail = {
        ...summary,
        hypervisor_type: facts.type,
        hypervisor_version: versionNumber(facts.version),
        host_ip: '127.0.0.1',
        service: { id: summary.id, host: hostname(), disabled_reason: null },
        ...(request.computeMinor < 88 && {
          vcpus: facts.vcpus,
          vcpus_used: servers.reduce((sum, { flavor }) => sum + flavor.vcpus, 0),
          memory_mb: facts.memoryMib,
          memory_mb_used: usedRamMib,
          free_ram_mb: Math.max(0, facts.memoryMib - usedRamMib),
          running_vms: servers.filter(({ id }) => hypervisor.isRunning(id)).length,
        }),
      };
      return { hypervisors: [detail] };
    });
  }

  app.get('/v2.1/servers/:id/os-instance-actions', async (request) => {
    const server = await findServer(context, request, 'os_compute_api:os-instance-actions:list');
    const actions = await tables.actions.list(undefined, `${server.id}/`);
    return {
      instanceActions: actions.reverse().map((action) =>
        gated('action', request.computeMinor, {
          action: action.action,
          instance_uuid: action.serverId,
          request_id: action.requestId,
          user_id: action.userId,
          project_id: action.projectId,
          start_time: isoMicroTime(action.startMs),
          updated_at: isoMicroTime(action.startMs),
          message: null,
        }),
      ),
    };
  });
}

/** `7.2.22` as 7002022. */
function versionNumber(version: string): number {
  const [major = 0, minor = 0, micro = 0] = version.split('.').map(Number);
  return major * 1_000_000 + minor * 1_000 + micro;
}
