import { randomUUID } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';
import type { KeyValueStore } from '../../common/kv/contract.ts';
import { ConflictError, commitChanges, Table } from '../../common/kv/table.ts';
import { conflict, volumeTypeNotFound } from '../errors.ts';
import type { VolumeTypeRecord } from './records.ts';

/** The volume types. There are few of them: read from the store each time. */
export class VolumeTypeStore {
  private readonly store: KeyValueStore;
  private readonly clock: Clock;
  private readonly table: Table<VolumeTypeRecord>;
  readonly defaultName: string;

  constructor(store: KeyValueStore, clock: Clock, defaultName: string) {
    this.store = store;
    this.clock = clock;
    this.defaultName = defaultName;
    this.table = new Table<VolumeTypeRecord>(store, { name: 'volume-types', unique: { name: ({ name }) => name } });
  }

  /** Makes the default type where there is none: a volume always has a type. */
  async ensureDefault(): Promise<void> {
    if (await this.table.findBy('name', this.defaultName)) return;
    await this.create({ name: this.defaultName, description: 'Default Volume Type', isPublic: true, extraSpecs: {} });
  }

  async get(id: string): Promise<VolumeTypeRecord | undefined> {
    return (await this.table.get(id))?.record;
  }

  /** By id, else by name: requests may use either. */
  async find(idOrName: string): Promise<VolumeTypeRecord | undefined> {
    return (await this.get(idOrName)) ?? (await this.table.findBy('name', idOrName))?.record;
  }

  async default(): Promise<VolumeTypeRecord> {
    const found = await this.table.findBy('name', this.defaultName);
    if (!found) throw volumeTypeNotFound(this.defaultName);
    return found.record;
  }

  async list(): Promise<VolumeTypeRecord[]> {
    return this.table.list();
  }

  async create(
    type: Pick<VolumeTypeRecord, 'name' | 'description' | 'isPublic' | 'extraSpecs'>,
  ): Promise<VolumeTypeRecord> {
    const record: VolumeTypeRecord = {
      version: 1,
      id: randomUUID(),
      ...type,
      projectIds: [],
      createdAtMs: this.clock.nowMs(),
    };
    await this.refusingTakenName(record.name, () => commitChanges(this.store, this.table.insert(record)));
    return record;
  }

  async update(id: string, decide: (record: VolumeTypeRecord) => VolumeTypeRecord): Promise<VolumeTypeRecord> {
    let name = '';
    const update = async (): Promise<VolumeTypeRecord | undefined> =>
      this.table.update(id, (record) => {
        const next = decide(record);
        name = next.name;
        return next;
      });
    const updated = await this.refusingTakenName(() => name, update);
    if (!updated) throw volumeTypeNotFound(id);
    return updated;
  }

  async remove(id: string): Promise<void> {
    const current = await this.table.get(id);
    if (!current) throw volumeTypeNotFound(id);
    await commitChanges(this.store, this.table.remove(current));
  }

  private async refusingTakenName<T>(name: string | (() => string), write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      const taken = typeof name === 'string' ? name : name();
      throw conflict('VolumeTypeExists', `Volume Type ${taken} already exists.`);
    }
  }
}
