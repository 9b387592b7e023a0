import type { KeyValueStore } from '../../common/kv/contract.ts';
import { commitChanges, Table } from '../../common/kv/table.ts';
import { QUOTA_RESOURCES, type QuotaRecord } from './records.ts';

/** Limits of projects: the configured ones unless an administrator set others. */
export class QuotaStore {
  private readonly store: KeyValueStore;
  private readonly table: Table<QuotaRecord>;
  private readonly defaults: Readonly<Record<string, number>>;

  constructor(store: KeyValueStore, defaults: Readonly<Record<string, number>>) {
    this.store = store;
    this.table = new Table<QuotaRecord>(store, { name: 'volume-quotas' });
    this.defaults = defaults;
  }

  /** Limit of every resource, -1 = none. Resources of types (`volumes_<type>`) are unlimited unless set. */
  async limitsOf(projectId: string, typeNames: readonly string[]): Promise<Record<string, number>> {
    const own = (await this.table.get(projectId))?.record.limits ?? {};
    return { ...this.defaultLimits(typeNames), ...own };
  }

  defaultLimits(typeNames: readonly string[]): Record<string, number> {
    const limits: Record<string, number> = {};
    for (const resource of QUOTA_RESOURCES) limits[resource] = this.defaults[resource] ?? -1;
    for (const name of typeNames) for (const prefix of TYPE_RESOURCES) limits[`${prefix}_${name}`] = -1;
    return limits;
  }

  async set(projectId: string, limits: Readonly<Record<string, number>>): Promise<void> {
    const merge = (record: QuotaRecord): QuotaRecord => ({ ...record, limits: { ...record.limits, ...limits } });
    if (await this.table.update(projectId, merge)) return;
    await commitChanges(this.store, this.table.insert({ version: 1, id: projectId, limits: { ...limits } }));
  }

  async reset(projectId: string): Promise<void> {
    const current = await this.table.get(projectId);
    if (current) await commitChanges(this.store, this.table.remove(current));
  }
}

/** Resources that exist once per volume type. */
const TYPE_RESOURCES = ['volumes', 'gigabytes', 'snapshots'] as const;
