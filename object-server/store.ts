import { randomBytes } from 'node:crypto';
import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/log.ts';
import type { ListingStore } from '../container-server/contract.ts';
import type { ActionContext } from './actions/context.ts';
import { listObjects } from './actions/list-objects.ts';
import { openObject, openObjectNow } from './actions/open-object.ts';
import { putObject } from './actions/put-object.ts';
import { objectExists, removeObject } from './actions/remove-object.ts';
import { setMetadata } from './actions/set-metadata.ts';
import { storeObject } from './actions/store-object.ts';
import type { ObjectServerConfig } from './config.ts';
import type { ObjectStore, ObjectTarget } from './contract.ts';
import type { Disk } from './disk/contract.ts';
import { nodeDisk } from './disk/node-disk.ts';
import { StateCache } from './engine/state-cache.ts';
import { deviceUnavailable, toDeviceError } from './errors.ts';
import type { VersionIndex } from './index/contract.ts';
import { openLevelIndex } from './index/level-index.ts';
import type { LargeFilesMeans } from './large/large-files.ts';
import { HOUSEKEEPING_PERIOD_MS, MOST_CACHED_BYTES, MOST_CACHED_STATES, START_UPDATES_MS } from './limits.ts';
import { type DeviceThread, openDevice } from './open-device.ts';
import { createBatchedUpdates } from './updates/batched-updates.ts';
import type { ListingUpdates } from './updates/contract.ts';

export interface ObjectStoreDeps {
  /**
   * This node's devices; `path` must exist (a disk that is not mounted is not written below). `share` is `newDeviceShare()`, the same for
   * all threads of the process; undefined where this store is the only one.
   */
  devices: readonly { name: string; path: string; share?: SharedArrayBuffer | undefined }[];
  /** Number of this thread, 0..62: no two stores on the same devices have the same. */
  lane: number;
  clock: Clock;
  logger: Logger;
  config: ObjectServerConfig;
  /** Where container replicas are. */
  listingStoreAt(address: { ip: string; port: number }): Pick<ListingStore, 'applyObjectUpdates' | 'takeObjectUpdates'>;
  /**
   * Whether this thread recovers the devices, keeps them in order and sends pending listing updates: exactly one thread of a process
   * does. Its `start` must have resolved before the others' begins; its `stop` comes last, or what the others did after it is replayed.
   */
  housekeeping: boolean;
  /** Listing updates of writes; by `listingStoreAt` unless told. */
  updates?: ListingUpdates;
  /** The machine's own unless told. */
  disk?: Disk;
  /** LevelDB unless told. @param folder of the device's index. */
  openIndex?: (folder: string) => Promise<VersionIndex>;
  /** Whether housekeeping and pending updates run by themselves, as they do unless told; else somebody calls them. */
  timers?: boolean;
  /** Largest size of a slab segment; by the size of the device unless told. */
  segmentBytes?: number;
  /** How large bodies are named and what memory they pass through: the machine's own unless told. */
  large?: LargeFilesMeans;
  /** Key of a new device's index, hex; random unless told. */
  newNameKey?: () => string;
}

export interface LocalObjectStore extends ObjectStore {
  openNow: NonNullable<ObjectStore['openNow']>;
  /** Opens the devices; the housekeeper also recovers what a crash left, and waits (bounded) until that is listed. */
  start(): Promise<void>;
  /** Waits for what is being written, closes the devices. */
  stop(): Promise<void>;
  /** Sends pending listing updates now (housekeeper); resolves when each was tried once. */
  sendUpdates(): Promise<void>;
  /** Notes what is covered, now (housekeeper). */
  checkpoint(): Promise<void>;
  /** Compacts whatever has enough dead bytes and releases it, now (housekeeper). */
  housekeep(): Promise<void>;
}

/** The objects on this node's devices, for one thread. Threads of a process open the same devices at once. */
export function openObjectStore(deps: ObjectStoreDeps): LocalObjectStore {
  const { clock, logger, config } = deps;
  const { listing_timeout_ms: timeoutMs } = config;
  const updates = deps.updates ?? createBatchedUpdates({ listingStoreAt: deps.listingStoreAt, logger, timeoutMs });
  const cache = new StateCache(MOST_CACHED_STATES, MOST_CACHED_BYTES);
  const opened = new Map<string, DeviceThread>();
  const contexts = new Map<string, ActionContext>();
  let timers: NodeJS.Timeout[] = [];

  const threads = () => [...opened.values()];
  const keepers = () => threads().flatMap(({ keeper }) => (keeper === undefined ? [] : [keeper]));
  const sendUpdates = async () => {
    await Promise.all(threads().map(({ updater }) => updater?.sweep()));
  };

  async function runOn<T>(device: string, action: (context: ActionContext) => Promise<T>): Promise<T> {
    const context = contexts.get(device);
    if (context === undefined) throw deviceUnavailable(device);
    try {
      return await action(context);
    } catch (error) {
      throw toDeviceError(device, error);
    }
  }

  const run = <T>({ device }: ObjectTarget, action: (context: ActionContext) => Promise<T>) => runOn(device, action);

  async function startDevice(device: ObjectStoreDeps['devices'][number]): Promise<void> {
    try {
      const thread = await openDevice(device, {
        ...deps,
        cache,
        disk: deps.disk ?? nodeDisk,
        openIndex: deps.openIndex ?? openLevelIndex,
        newNameKey: deps.newNameKey ?? (() => randomBytes(16).toString('hex')),
      });
      opened.set(device.name, thread);
      contexts.set(device.name, { device: thread.device, updates, clock, logger });
    } catch (error) {
      logger.error({ err: error, device: device.name }, 'a device cannot be used');
    }
  }

  return {
    create: (target, version) => run(target, (context) => storeObject(context, target, version)),
    put: (target, version, whole) => run(target, (context) => putObject(context, target, version, whole)),
    openNow: (target) => {
      const context = contexts.get(target.device);
      return context && openObjectNow(context.device, clock, target);
    },
    open: (target) => run(target, (context) => openObject(context, target)),
    setMetadata: (target, change) => run(target, (context) => setMetadata(context, target, change)),
    exists: (target) => run(target, (context) => objectExists(context, target)),
    remove: (target, removal) => run(target, (context) => removeObject(context, target, removal)),
    listObjects: (name, listing) => runOn(name, ({ device }) => listObjects(device, listing)),
    start: async () => {
      await Promise.all(deps.devices.map(startDevice));
      if (!deps.housekeeping) return;
      await within(sendUpdates(), START_UPDATES_MS);
      if (deps.timers === false) return;
      timers = [
        setInterval(() => void sendUpdates(), config.update_interval_ms),
        setInterval(() => {
          const all = keepers();
          for (const keeper of all) void keeper.tick(HOUSEKEEPING_PERIOD_MS / all.length);
        }, HOUSEKEEPING_PERIOD_MS),
      ];
      for (const timer of timers) timer.unref();
    },
    stop: async () => {
      for (const timer of timers) clearInterval(timer);
      await within(updates.stop(), timeoutMs);
      await within(Promise.all(threads().map(({ updater }) => updater?.idle())), timeoutMs);
      contexts.clear();
      await Promise.all(threads().map((thread) => stopDevice(thread, logger)));
      opened.clear();
    },
    sendUpdates,
    checkpoint: async () => void (await Promise.all(keepers().map((keeper) => keeper.checkpoint()))),
    housekeep: async () => void (await Promise.all(keepers().map((keeper) => keeper.housekeep()))),
  };
}

async function stopDevice({ device, keeper }: DeviceThread, logger: Logger): Promise<void> {
  try {
    await device.slabs.close();
    await keeper?.stop();
    await device.close();
  } catch (error) {
    logger.error(
      { err: error, device: device.name },
      'a device was not closed in good order; the next start recovers it',
    );
  }
}

async function within(work: Promise<unknown>, mostMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, mostMs);
  });
  await Promise.race([work, bound]);
  clearTimeout(timer);
}
