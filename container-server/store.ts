import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../common/clock.ts';
import { invariant } from '../common/errors.ts';
import type { Logger } from '../common/log.ts';
import { applyContainerRows } from './actions/apply-container-rows.ts';
import { applyObjectRows } from './actions/apply-object-rows.ts';
import {
  applyObjectUpdates,
  encodeUpdates,
  type TakingContext,
  takeObjectUpdates,
  type UpdatesContext,
} from './actions/apply-object-updates.ts';
import { createContainer } from './actions/create-container.ts';
import { accountInfo, containerInfo, listContainers, listObjects } from './actions/read-listing.ts';
import { removeAccount } from './actions/remove-account.ts';
import { removeContainer } from './actions/remove-container.ts';
import { updateAccount } from './actions/update-account.ts';
import { updateContainer } from './actions/update-container.ts';
import type { ContainerChanges } from './changes.ts';
import type { ContainerServerConfig } from './config.ts';
import type { ContainerTarget, ListingStore } from './contract.ts';
import { containerNotFound, deviceUnavailable } from './errors.ts';
import { MOST_ROWS_PER_CALL, RECLAIM_INTERVAL_MS } from './limits.ts';
import { packOutcomes, unpackUpdates } from './packed-updates.ts';
import { AccountReporter } from './store/account-reporter.ts';
import { ListingDatabase, type WriteBatch } from './store/database.ts';
import { encodeUpdate } from './store/object-rows.ts';
import { reclaim } from './store/reclaim.ts';
import { openTakenRows, type TakenRows } from './taken-rows.ts';

export interface ListingStoreDeps {
  /** This node's devices; `path` must exist (a disk that is not mounted is not written below). */
  devices: readonly { name: string; path: string }[];
  clock: Clock;
  logger: Logger;
  config: ContainerServerConfig;
  /** Where account replicas are, this store's own included. */
  listingStoreAt(address: { ip: string; port: number }): Pick<ListingStore, 'applyContainerRows'>;
  /** Bumped when a container's own record has changed. */
  changes?: ContainerChanges;
  /** What other threads are told of rows that are not written yet. */
  taken?: TakenRows;
  /** Replaced by tests that watch what becomes durable. */
  writeBatch?: WriteBatch;
}

export interface LocalListingStore extends ListingStore {
  /** `applyObjectUpdates` for other threads: see packed-updates.ts. */
  applyPackedUpdates(packed: string): Promise<string>;
  /** `takeObjectUpdates` for other threads, who look at the shared `TakenRows`. */
  takePackedUpdates(packed: string): Promise<TakenCall>;
  /** Resolves when what was taken for the device is written. @throws DeviceUnavailable. */
  writeTaken(device: string): Promise<void>;
  /** Takes up reports that a crash left unsent, then the background work. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Tells accounts of all changed counts now; resolves when that was tried once. */
  reportCounts(): Promise<void>;
  /** Forgets what was deleted longer ago than `reclaim_age_s`. */
  reclaim(): Promise<void>;
}

/** The ticket of all its taken rows, and its outcomes: see packed-updates.ts. */
interface TakenCall {
  ticket: number;
  outcomes: string;
}

interface OpenDevice {
  database: ListingDatabase;
  reporter: AccountReporter;
}

/**
 * Opens the listings on this node's devices. The only writer: one store per process, one process per device.
 * A device that cannot be opened is logged, and answers `DeviceUnavailable`.
 */
export async function openListingStore(deps: ListingStoreDeps): Promise<LocalListingStore> {
  const devices = new Map<string, OpenDevice>();
  await Promise.all(
    deps.devices.map(async (device) => {
      try {
        devices.set(device.name, await openDevice(deps, device));
      } catch (error) {
        deps.logger.error({ err: error, device: device.name }, 'the listings of a device cannot be opened');
      }
    }),
  );
  const find = ({ device }: { device: string }): OpenDevice => {
    const found = devices.get(device);
    if (found === undefined) throw deviceUnavailable(device);
    return found;
  };
  /** Once it is durable and before it is acknowledged; also after a failure, which may have left the change behind. */
  const changing = async <T>({ account, container }: ContainerTarget, change: Promise<T>): Promise<T> => {
    try {
      return await change;
    } finally {
      deps.changes?.bump(account, container);
    }
  };
  const { reclaim_age_s: reclaimAgeSeconds } = deps.config;
  const reclaimAll = async () => {
    const horizonMs = deps.clock.nowMs() - reclaimAgeSeconds * 1000;
    for (const { database } of devices.values()) await reclaim(database, horizonMs);
  };
  const updating: UpdatesContext = {
    change: async (device, run) => find({ device }).database.change(run),
    note: (device, account, container) => find({ device }).reporter.note(account, container),
    onFailure: (device, error) => deps.logger.warn({ err: error, device }, 'rows could not be listed'),
  };
  const taken = deps.taken ?? openTakenRows(deps.devices.map(({ name }) => name));
  let lastTicket = 0;
  const takingAs = (ticket: number): TakingContext => ({
    ...updating,
    take: (name, { onWritten, onFailed, ...change }) => {
      const database = devices.get(name)?.database;
      const end = () => {
        for (const { account, container } of change.containers) taken.ended(account, container);
      };
      for (const { account, container } of change.containers) taken.began(account, container);
      const isTaken = database?.take({
        ...change,
        ticket,
        onWritten: () => {
          taken.wrote(name, ticket);
          end();
          onWritten();
        },
        onFailed: (error) => {
          taken.lost(name, ticket);
          end();
          onFailed(error);
        },
      });
      if (!isTaken) end();
      return isTaken ?? false;
    },
  });
  const writeTaken = (device: string) => find({ device }).database.change(async () => undefined);
  const allWritten = async ({ device, account, container }: ContainerTarget) => {
    if (taken.isUnwritten(account, container)) await writeTaken(device);
  };
  let reclaimTimer: NodeJS.Timeout | undefined;
  let reclaiming: Promise<void> = Promise.resolve();

  return {
    accountInfo: async (target) => accountInfo(find(target).database.db, target),
    updateAccount: async (target, change) =>
      changing({ ...target, container: '' }, updateAccount(find(target).database, target, change)),
    removeAccount: async (target, removal) => removeAccount(find(target).database, target, removal),
    listContainers: async (target, query) => listContainers(find(target).database.db, target, query),
    applyContainerRows: async (target, rows) => applyContainerRows(find(target).database, target, rows),
    containerInfo: async (target) => {
      await allWritten(target);
      return containerInfo(find(target).database.db, target);
    },
    createContainer: async (target, creation) => {
      const { database, reporter } = find(target);
      const result = await changing(target, createContainer(database, target, creation));
      await reporter.reportNow(target.account, target.container);
      return result;
    },
    updateContainer: async (target, change) => changing(target, updateContainer(find(target).database, target, change)),
    removeContainer: async (target, removal) => {
      const { database, reporter } = find(target);
      await changing(target, removeContainer(database, target, removal));
      await reporter.reportNow(target.account, target.container);
    },
    listObjects: async (target, query) => {
      await allWritten(target);
      return listObjects(find(target).database.db, target, query);
    },
    applyObjectRows: async (target, rows) => {
      invariant(rows.length <= MOST_ROWS_PER_CALL, `${rows.length} rows in one call`);
      const { database, reporter } = find(target);
      const updates = rows.map((row) => encodeUpdate(target.account, target.container, row));
      const applied = await database.change((view) => applyObjectRows(view, target, updates));
      if (applied === 'gone') throw containerNotFound(target.container);
      if (applied === 'counted') reporter.note(target.account, target.container);
    },
    applyObjectUpdates: async (updates) => {
      invariant(updates.length <= MOST_ROWS_PER_CALL, `${updates.length} rows in one call`);
      return applyObjectUpdates(updating, encodeUpdates(updates));
    },
    applyPackedUpdates: async (packed) => packOutcomes(await applyObjectUpdates(updating, unpackUpdates(packed))),
    takePackedUpdates: async (packed) => {
      lastTicket += 1;
      const ticket = lastTicket;
      return { ticket, outcomes: packOutcomes(await takeObjectUpdates(takingAs(ticket), unpackUpdates(packed))) };
    },
    writeTaken,
    start: async () => {
      for (const { reporter } of devices.values()) await reporter.start();
      reclaimTimer = setInterval(() => {
        reclaiming = reclaiming
          .then(reclaimAll)
          .catch((error: unknown) => deps.logger.error({ err: error }, 'deleted rows could not be reclaimed'));
      }, RECLAIM_INTERVAL_MS);
      reclaimTimer.unref();
    },
    stop: async () => {
      clearInterval(reclaimTimer);
      for (const { reporter } of devices.values()) await reporter.stop();
      await reclaiming;
      for (const { database } of devices.values()) await database.close();
    },
    reportCounts: async () => {
      await Promise.all([...devices.values()].map(({ reporter }) => reporter.flush()));
    },
    reclaim: reclaimAll,
  };
}

async function openDevice(deps: ListingStoreDeps, { name, path }: { name: string; path: string }): Promise<OpenDevice> {
  await stat(path);
  const folder = join(path, 'listings');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { listingStoreAt, logger } = deps;
  const database = await ListingDatabase.open(name, folder, logger, deps.writeBatch);
  const { report_interval_ms: intervalMs, report_timeout_ms: timeoutMs } = deps.config;
  return { database, reporter: new AccountReporter(database, { listingStoreAt, logger, intervalMs, timeoutMs }) };
}
