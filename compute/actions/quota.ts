import type { ComputeContext } from '../context.ts';
import { quotaExceeded } from '../errors.ts';
import type { FlavorRecord } from '../store/records.ts';

export interface QuotaUse {
  servers: number;
  cores: number;
  ramMib: number;
}

/** What the project's servers take. */
export async function usedQuota({ tables }: Pick<ComputeContext, 'tables'>, projectId: string): Promise<QuotaUse> {
  const use: QuotaUse = { servers: 0, cores: 0, ramMib: 0 };
  for await (const { record } of tables.servers.scan()) {
    if (record.projectId !== projectId) continue;
    use.servers += 1;
    use.cores += record.flavor.vcpus;
    use.ramMib += record.flavor.ramMib;
  }
  return use;
}

/**
 * How many of the wanted servers fit. Two requests at the same moment may both fit where one would not: a quota bounds, it does not meter.
 *
 * @throws ApiError 403 when not even the least number fits.
 */
export async function assertWithinQuota(
  context: ComputeContext,
  projectId: string,
  flavor: FlavorRecord,
  { least, most }: { least: number; most: number },
): Promise<number> {
  const { quota_servers, quota_cores, quota_ram_mib } = context.config;
  const use = await usedQuota(context, projectId);
  const resources = [
    { name: 'instances', each: 1, used: use.servers, allowed: quota_servers },
    { name: 'cores', each: flavor.vcpus, used: use.cores, allowed: quota_cores },
    { name: 'ram', each: flavor.ramMib, used: use.ramMib, allowed: quota_ram_mib },
  ];
  let fits = most;
  for (const { name, each, used, allowed } of resources) {
    if (allowed < 0) continue;
    const room = Math.floor((allowed - used) / each);
    if (room < least) throw quotaExceeded(name, each * least, used, allowed);
    fits = Math.min(fits, room);
  }
  return fits;
}
