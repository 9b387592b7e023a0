import type { Clock } from '../../common/clock.ts';
import { invariant } from '../../common/errors.ts';
import type { KeyValueStore } from '../../common/kv/contract.ts';
import { type Change, commitChanges, type Stored, Table } from '../../common/kv/table.ts';
import { KeyedQueue } from './keyed-queue.ts';
import type { VolumeRecord } from './records.ts';

/**
 * The volumes: records in the key-value store, and a projection of them in memory that lists, counts and finds attachments.
 * All writes go through here, so the projection is what the store holds.
 */
export class VolumeStore {
  private readonly store: KeyValueStore;
  private readonly clock: Clock;
  private readonly table: Table<VolumeRecord>;
  private readonly projection = new Map<string, Stored<VolumeRecord>>();
  private readonly idsOfProject = new Map<string, Set<string>>();
  private readonly volumeOfAttachment = new Map<string, string>();
  private readonly refreshes = new KeyedQueue();

  constructor(store: KeyValueStore, clock: Clock) {
    this.store = store;
    this.clock = clock;
    this.table = new Table<VolumeRecord>(store, { name: 'volumes' });
  }

  /** Reads all records once, before the first request. */
  async load(): Promise<void> {
    for await (const stored of this.table.scan()) this.project(stored);
  }

  get(id: string): VolumeRecord | undefined {
    return this.projection.get(id)?.record;
  }

  all(): VolumeRecord[] {
    return [...this.projection.values()].map(({ record }) => record);
  }

  ofProject(projectId: string): VolumeRecord[] {
    return [...(this.idsOfProject.get(projectId) ?? [])].flatMap((id) => this.get(id) ?? []);
  }

  withAttachment(attachmentId: string): VolumeRecord | undefined {
    const id = this.volumeOfAttachment.get(attachmentId);
    return id === undefined ? undefined : this.get(id);
  }

  /** @throws ConflictError when the id is taken or one of `with` lost a race. */
  async insert(record: VolumeRecord, ...alongWith: Change[]): Promise<void> {
    await commitChanges(this.store, this.table.insert(record), ...alongWith);
    await this.refresh(record.id);
  }

  /** A change of one volume for a batch with others; `refresh` it after the commit. */
  async changeOf(id: string, decide: (record: VolumeRecord) => VolumeRecord): Promise<Change | undefined> {
    const current = await this.table.get(id);
    return current && this.table.replace(current, this.stamp(decide(current.record)));
  }

  /** Brings the projection up to the store. One after the other per volume: the last read is the newest. */
  refresh(id: string): Promise<void> {
    return this.refreshes.run(id, async () => {
      const stored = await this.table.get(id);
      if (stored) this.project(stored);
      else this.forget(id);
    });
  }

  /**
   * Reads, decides and replaces by compare-and-set, again while others win.
   *
   * @param decide gives the next record, or undefined to leave it; throws to refuse.
   * @returns the record as it is then; undefined if the volume is gone.
   */
  async update(
    id: string,
    decide: (record: VolumeRecord) => VolumeRecord | undefined,
  ): Promise<VolumeRecord | undefined> {
    const after = await this.table.update(id, (record) => {
      const next = decide(record);
      return next && this.stamp(next);
    });
    await this.refresh(id);
    return after;
  }

  async remove(id: string): Promise<void> {
    const current = await this.table.get(id);
    if (current) await commitChanges(this.store, this.table.remove(current));
    await this.refresh(id);
  }

  private stamp(record: VolumeRecord): VolumeRecord {
    return { ...record, updatedAtMs: this.clock.nowMs() };
  }

  private project(stored: Stored<VolumeRecord>): void {
    const { record } = stored;
    const before = this.projection.get(record.id);
    if (before && before.revision >= stored.revision) return;
    invariant(!before || before.record.projectId === record.projectId, `volume ${record.id} keeps its project`);
    for (const { id } of before?.record.attachments ?? []) this.volumeOfAttachment.delete(id);
    for (const { id } of record.attachments) this.volumeOfAttachment.set(id, record.id);
    const ids = this.idsOfProject.get(record.projectId) ?? new Set();
    this.idsOfProject.set(record.projectId, ids.add(record.id));
    this.projection.set(record.id, stored);
  }

  private forget(id: string): void {
    const before = this.projection.get(id);
    if (!before) return;
    for (const attachment of before.record.attachments) this.volumeOfAttachment.delete(attachment.id);
    this.projection.delete(id);
    const ids = this.idsOfProject.get(before.record.projectId);
    ids?.delete(id);
    if (ids?.size === 0) this.idsOfProject.delete(before.record.projectId);
  }
}
