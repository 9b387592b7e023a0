import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { usageOf } from '../actions/quota-usage.ts';
import { invalidInput, notBuilt } from '../errors.ts';
import type { VolumeParts } from '../parts.ts';
import { callerOf, isTrue, param, queryOf, queryText } from './context.ts';
import { parseBody } from './parse-body.ts';

const limit = Type.Union([
  Type.Integer({ minimum: -1, maximum: 2147483647 }),
  Type.String({ pattern: '^-?[0-9]{1,9}$' }),
]);
const quotaBody = Type.Object({
  quota_set: Type.Record(Type.String(), Type.Union([limit, Type.Boolean(), Type.Null()])),
});

/** Spec: Block Storage API v3, "Quota sets" and "Limits". */
export function quotaRoutes(app: FastifyInstance, parts: VolumeParts): void {
  app.get('/os-quota-sets/:target_id', async (request) => {
    const projectId = param(request, 'target_id');
    const { identity } = callerOf(request, parts);
    parts.policy.authorize('volume_extension:quotas:show', identity, { project_id: projectId });
    const withUsage = isTrue(queryText(queryOf(request), 'usage'));
    return { quota_set: await renderQuota(parts, projectId, withUsage) };
  });

  app.get('/os-quota-sets/:target_id/defaults', async (request) => {
    const projectId = param(request, 'target_id');
    const { identity } = callerOf(request, parts);
    parts.policy.authorize('volume_extension:quotas:show', identity, { project_id: projectId });
    return { quota_set: { id: projectId, ...parts.quotas.defaultLimits(await typeNames(parts)) } };
  });

  app.put('/os-quota-sets/:target_id', async (request) => {
    const projectId = param(request, 'target_id');
    parts.policy.authorize('volume_extension:quotas:update', callerOf(request, parts).identity);
    const limits = await parseLimits(parts, parseBody(quotaBody, request.body).quota_set);
    await parts.quotas.set(projectId, limits);
    const { id: _id, ...quota } = await renderQuota(parts, projectId, false);
    return { quota_set: quota };
  });

  app.delete('/os-quota-sets/:target_id', async (request, reply) => {
    parts.policy.authorize('volume_extension:quotas:delete', callerOf(request, parts).identity);
    await parts.quotas.reset(param(request, 'target_id'));
    return reply.status(200).send();
  });

  app.get('/os-quota-class-sets/:class_name', async (request) => {
    parts.policy.authorize('volume_extension:quotas:update', callerOf(request, parts).identity);
    const name = param(request, 'class_name');
    return { quota_class_set: { id: name, ...parts.quotas.defaultLimits(await typeNames(parts)) } };
  });
  app.put('/os-quota-class-sets/:class_name', async () => {
    throw notBuilt('Changing quota classes: the configuration has the default limits;');
  });

  app.get('/limits', async (request) => {
    const caller = callerOf(request, parts);
    const asked = queryText(queryOf(request), 'project_id');
    const projectId = asked !== undefined && caller.isAdmin ? asked : caller.projectId;
    const limits = await parts.quotas.limitsOf(projectId, []);
    const seesUsed = parts.policy.allows('limits_extension:used_limits', caller.identity, { project_id: projectId });
    const used = usageOf(parts, projectId, []);
    return {
      limits: {
        rate: [],
        absolute: {
          maxTotalVolumes: limits['volumes'],
          maxTotalVolumeGigabytes: limits['gigabytes'],
          maxTotalSnapshots: limits['snapshots'],
          maxTotalBackups: limits['backups'],
          maxTotalBackupGigabytes: limits['backup_gigabytes'],
          ...(seesUsed && {
            totalVolumesUsed: used['volumes'],
            totalGigabytesUsed: used['gigabytes'],
            totalSnapshotsUsed: 0,
            totalBackupsUsed: 0,
            totalBackupGigabytesUsed: 0,
          }),
        },
      },
    };
  });
}

async function renderQuota(
  parts: VolumeParts,
  projectId: string,
  withUsage: boolean,
): Promise<Record<string, unknown>> {
  const types = await parts.types.list();
  const names = types.map(({ name }) => name);
  const limits = await parts.quotas.limitsOf(projectId, names);
  if (!withUsage) return { id: projectId, ...limits };
  const used = usageOf(parts, projectId, types);
  const rows = Object.entries(limits).map(([name, value]) => [
    name,
    { in_use: used[name] ?? 0, limit: value, reserved: 0 },
  ]);
  return { id: projectId, ...Object.fromEntries(rows) };
}

async function parseLimits(
  parts: VolumeParts,
  quota: Readonly<Record<string, number | string | boolean | null>>,
): Promise<Record<string, number>> {
  const known = new Set(Object.keys(parts.quotas.defaultLimits(await typeNames(parts))));
  const limits: Record<string, number> = {};
  for (const [name, value] of Object.entries(quota)) {
    if (name === 'tenant_id' || name === 'force' || value === null) continue;
    if (!known.has(name)) throw invalidInput(`Bad key(s) in quota set: ${name.slice(0, 64)}`);
    limits[name] = Number(value);
  }
  return limits;
}

async function typeNames(parts: VolumeParts): Promise<string[]> {
  return (await parts.types.list()).map(({ name }) => name);
}
