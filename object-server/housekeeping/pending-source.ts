import { ApiError } from '../../common/errors.ts';
import type { ObjectRow } from '../../container-server/contract.ts';
import { currentRow, takeBack } from '../actions/store-version.ts';
import type { ObjectTarget } from '../contract.ts';
import { isDamage, isUnreadable } from '../engine/damage.ts';
import type { Device } from '../engine/device.ts';
import { foldVersions } from '../engine/fold.ts';
import { compareVersions } from '../engine/version.ts';
import type { PendingEntry } from '../index/contract.ts';
import type { Location, Needle } from '../slab/contract.ts';
import type { PendingSource, PendingStep, PendingUpdate } from '../updates/contract.ts';

/** The pending listing updates that a device's index holds. Names are in the needles: any version of the object tells them. */
export class DevicePendingSource implements PendingSource {
  private readonly device: Device;

  constructor(device: Device) {
    this.device = device;
  }

  async next(after: Buffer | undefined, limit: number): Promise<PendingStep> {
    const entries = await this.device.index.pending(after, limit);
    const updates: PendingUpdate[] = [];
    const lost: { key: Buffer }[] = [];
    for (const entry of entries) {
      const update = await this.read(entry);
      if (update === undefined) lost.push(entry);
      else if (update !== 'unreadable') updates.push(update);
    }
    if (lost.length > 0) await this.forget(lost);
    return { updates, after: entries.length < limit ? undefined : entries.at(-1)?.key };
  }

  async currentRow(target: ObjectTarget): Promise<ObjectRow | undefined | 'unreadable'> {
    try {
      return await currentRow(this.device, target);
    } catch (error) {
      if (isUnreadable(error)) return 'unreadable';
      if (!(error instanceof ApiError) || error.code !== 'CorruptObject') throw error;
      return currentRow(this.device, target); // it has been set aside just now
    }
  }

  async forget(updates: readonly { key: Buffer }[]): Promise<void> {
    await this.device.index.put(updates.map(({ key }) => ({ change: 'remove-pending', key })));
  }

  async takeBack({ target, kind, timestamp, tie }: PendingUpdate): Promise<void> {
    if (kind !== 'data') return;
    const { base } = foldVersions(await this.device.index.newest(this.device.keyOf(target)));
    if (base && compareVersions(base, { kind, timestamp, tie, typed: false }) === 0)
      await takeBack(this.device, target, timestamp);
  }

  /** @returns undefined where every version of the object is damaged: nobody can say any more what it was called. */
  private async read(entry: PendingEntry): Promise<PendingUpdate | 'unreadable' | undefined> {
    const { key, version, listing } = entry;
    const { kind, timestamp, tie } = version;
    const needle = await this.anyNeedle(entry);
    if (needle === undefined || needle === 'unreadable') return needle;
    const { account, container, object: name, partition, policyIndex } = needle;
    const target = { device: this.device.name, account, container, object: name, partition, policyIndex };
    return { key, target, kind, timestamp, tie, listing };
  }

  private async anyNeedle({ object, version }: PendingEntry): Promise<Needle | 'unreadable' | undefined> {
    const first = await this.needleAt(version.location);
    if (first !== undefined && first !== 'unreadable') return first;
    let none = first;
    for (const { location } of await this.device.index.versions(object)) {
      const needle = await this.needleAt(location);
      if (needle === 'unreadable') none = needle;
      else if (needle !== undefined) return needle;
    }
    return none;
  }

  private async needleAt(location: Location): Promise<Needle | 'unreadable' | undefined> {
    try {
      return await this.device.reader.read(location);
    } catch (error) {
      if (isUnreadable(error)) return 'unreadable';
      if (!isDamage(error)) throw error;
      return undefined;
    }
  }
}
