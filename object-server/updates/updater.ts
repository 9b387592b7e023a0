import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { systemErrorCode } from '../../common/errors.ts';
import type { Logger } from '../../common/log.ts';
import type { ListingStore, ObjectRow } from '../../container-server/contract.ts';
import { takeBack } from '../actions/store-object.ts';
import type { ListingReport, ObjectTarget } from '../contract.ts';
import type { Device } from '../engine/device.ts';
import { foldVersions } from '../engine/fold.ts';
import type { VersionRecord } from '../engine/object-file.ts';
import { folderOf, listVersions } from '../engine/object-folder.ts';
import { isDamage, readObject } from '../engine/read-object.ts';
import { compareVersions, type VersionName } from '../engine/version-name.ts';
import { VersionReader } from '../engine/version-reader.ts';
import { FIRST_BACKOFF_MS, MOST_BACKOFF_MS, UNPUBLISHED_AGE_MS, UPDATE_GRACE_MS, UPDATES_PER_STEP } from '../limits.ts';
import { forget, isContainerGone } from './listing-reporter.ts';
import { rowOf } from './listing-rows.ts';
import { type PendingName, parsePendingName } from './pending-name.ts';

export interface UpdaterDeps {
  listingStoreAt(address: { ip: string; port: number }): Pick<ListingStore, 'applyObjectRows'>;
  clock: Clock;
  logger: Logger;
}

interface PendingUpdate {
  path: string;
  version: VersionName;
  target: ObjectTarget;
  listing: ListingReport;
  row: ObjectRow;
}

/** What a container replica said to an update. */
type Answer = 'listed' | 'no container' | 'none';

/**
 * Sends the listing updates of one device that got no answer: what a crash left at once, those of this process when nobody can be
 * waiting for them any more. It tells what is true now, not what the update once said.
 */
export class Updater {
  private readonly device: Device;
  private readonly deps: UpdaterDeps;
  private readonly backoff = new Map<string, { untilMs: number; delayMs: number }>();
  private sweeping: Promise<void> | undefined;

  constructor(device: Device, deps: UpdaterDeps) {
    this.device = device;
    this.deps = deps;
  }

  /** One pass over all pending updates; a pass that runs is shared. Never rejects. */
  sweep(): Promise<void> {
    this.sweeping ??= this.pass()
      .catch((error: unknown) =>
        this.deps.logger.error({ err: error, device: this.device.name }, 'pending listing updates cannot be sent'),
      )
      .finally(() => {
        this.sweeping = undefined;
      });
    return this.sweeping;
  }

  /** Resolves when no pass runs. */
  async idle(): Promise<void> {
    await this.sweeping;
  }

  private async pass(): Promise<void> {
    let step: Promise<PendingUpdate | undefined>[] = [];
    for await (const entry of await opendir(this.device.pendingFolder)) {
      const name = parsePendingName(entry.name);
      if (name === undefined) continue;
      step.push(this.read(join(this.device.pendingFolder, entry.name), name));
      if (step.length < UPDATES_PER_STEP) continue;
      await this.sendAll(await Promise.all(step));
      step = [];
    }
    await this.sendAll(await Promise.all(step));
  }

  /** @returns undefined for what is not to be sent, or not yet. */
  private async read(path: string, { processToken, version }: PendingName): Promise<PendingUpdate | undefined> {
    try {
      const isOurs = processToken === this.device.processToken;
      const ageMs = isOurs ? Date.now() - (await stat(path)).ctimeMs : Number.POSITIVE_INFINITY;
      if (ageMs < UPDATE_GRACE_MS) return undefined;
      const reader = await VersionReader.open(this.device, path);
      await reader.close();
      const target = targetOf(this.device, reader.record);
      const found = await readObject(this.device, target, this.deps.logger);
      await found.data?.reader.close();
      const row = rowOf(target.object, found);
      const { listing } = reader.record;
      if (row !== undefined && listing !== undefined) return { path, version, target, listing, row };
      if (ageMs > UNPUBLISHED_AGE_MS) await forget(path); // its version never became visible, or is gone for good
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined; // acknowledged meanwhile
      this.deps.logger.error({ err: error, path }, 'a pending listing update cannot be read');
      if (isDamage(error)) await forget(path);
    }
    return undefined;
  }

  /**
   * An update goes when every replica of its container has answered. One that all of them know no container for is taken back; a
   * single replica without the container was away when it was made, and will have both from its peers.
   */
  private async sendAll(updates: readonly (PendingUpdate | undefined)[]): Promise<void> {
    const groups = new Map<string, { listing: ListingReport; updates: PendingUpdate[] }>();
    const answers = new Map<PendingUpdate, Answer[]>();
    for (const update of updates) {
      if (update === undefined) continue;
      answers.set(update, []);
      const { target, listing } = update;
      for (const each of [listing, ...(listing.others ?? [])]) {
        const id = [replicaOf(each), each.partition, target.account, target.container].join('\0');
        const group = groups.get(id);
        if (group) group.updates.push(update);
        else groups.set(id, { listing: each, updates: [update] });
      }
    }
    const sending = [...groups.values()].map(async (group) => {
      const answer = await this.send(group.listing, group.updates);
      for (const update of group.updates) answers.get(update)?.push(answer);
    });
    await Promise.all(sending);
    for (const [update, all] of answers) {
      if (all.includes('none')) continue;
      if (all.every((answer) => answer === 'no container')) await this.takeBackIfCurrent(update);
      await forget(update.path);
    }
  }

  private async send(listing: ListingReport, updates: readonly PendingUpdate[]): Promise<Answer> {
    const [first] = updates;
    if (first === undefined) return 'listed';
    const replica = replicaOf(listing);
    const pause = this.backoff.get(replica);
    if (pause !== undefined && pause.untilMs > this.deps.clock.nowMs()) return 'none';
    const { account, container } = first.target;
    const { device, partition } = listing;
    const rows = updates.map(({ row }) => row);
    try {
      await this.deps.listingStoreAt(listing).applyObjectRows({ device, partition, account, container }, rows);
      this.backoff.delete(replica);
      return 'listed';
    } catch (error) {
      if (isContainerGone(error)) return 'no container';
      const delayMs = Math.min((pause?.delayMs ?? FIRST_BACKOFF_MS / 2) * 2, MOST_BACKOFF_MS);
      this.backoff.set(replica, { untilMs: this.deps.clock.nowMs() + delayMs, delayMs });
      this.deps.logger.warn({ err: error, listing }, 'listing updates have to be sent again');
      return 'none';
    }
  }

  private async takeBackIfCurrent({ target, version }: PendingUpdate): Promise<void> {
    if (version.kind !== 'data') return;
    const folder = folderOf(this.device, target);
    const { base } = foldVersions(await listVersions(this.device, folder));
    if (base && compareVersions(base, version) === 0) await takeBack({ device: this.device }, target, folder, version);
  }
}

function targetOf(device: Device, record: VersionRecord): ObjectTarget {
  const { account, container, object, partition, policyIndex } = record;
  return { device: device.name, account, container, object, partition, policyIndex };
}

function replicaOf({ ip, port, device }: ListingReport): string {
  return `${ip}|${port}|${device}`;
}
