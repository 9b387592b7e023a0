import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/log.ts';
import type { ListingStore } from '../container-server/contract.ts';
import type { ActionContext } from './actions/context.ts';
import { openObject } from './actions/open-object.ts';
import { removeObject } from './actions/remove-object.ts';
import { setMetadata } from './actions/set-metadata.ts';
import { storeObject } from './actions/store-object.ts';
import type { ObjectServerConfig } from './config.ts';
import type { ObjectStore, ObjectTarget } from './contract.ts';
import { Device } from './engine/device.ts';
import { removeLeftovers } from './engine/leftovers.ts';
import { processToken } from './engine/process-token.ts';
import { deviceUnavailable, toDeviceError } from './errors.ts';
import { START_UPDATES_MS } from './limits.ts';
import { putInSteps } from './put-in-steps.ts';
import { ListingReporter } from './updates/listing-reporter.ts';
import { Updater } from './updates/updater.ts';

export interface ObjectStoreDeps {
  /** This node's devices; `path` must exist (a disk that is not mounted is not written below). */
  devices: readonly { name: string; path: string }[];
  clock: Clock;
  logger: Logger;
  config: ObjectServerConfig;
  /** Where container replicas are. */
  listingStoreAt(address: { ip: string; port: number }): Pick<ListingStore, 'applyObjectRows'>;
  /** Whether this thread cleans up after a crash and sends pending listing updates: exactly one thread of a process does. */
  housekeeping: boolean;
  /** Tests say that they are another process. */
  processToken?: string;
}

export interface LocalObjectStore extends ObjectStore {
  /** Makes the devices' folders; the housekeeper also clears up what a crash left, and waits (bounded) until that is listed. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Sends pending listing updates now (housekeeper); resolves when each was tried once. */
  sendUpdates(): Promise<void>;
}

/**
 * The objects on this node's devices, for one thread. Threads may open the same devices at once: what they share is the file
 * system, where versions only appear under names of their own.
 */
export async function openObjectStore(deps: ObjectStoreDeps): Promise<LocalObjectStore> {
  const { clock, logger, config, listingStoreAt } = deps;
  const token = deps.processToken ?? processToken();
  const reporter = new ListingReporter({ listingStoreAt, logger, timeoutMs: config.listing_timeout_ms });
  const devices = new Map(
    deps.devices.map(({ name, path }) => {
      const { reserve_percent: reservePercent, io_in_flight: ioInFlight } = config;
      return [name, new Device({ name, path, reservePercent, ioInFlight, processToken: token })];
    }),
  );
  const updaters = deps.housekeeping
    ? [...devices.values()].map((device) => new Updater(device, { listingStoreAt, clock, logger }))
    : [];
  const sendUpdates = async () => void (await Promise.all(updaters.map((updater) => updater.sweep())));
  let timer: NodeJS.Timeout | undefined;

  async function run<T>(target: ObjectTarget, action: (context: ActionContext) => Promise<T>): Promise<T> {
    const device = devices.get(target.device);
    if (device === undefined) throw deviceUnavailable(target.device);
    try {
      return await action({ device, reporter, clock, logger });
    } catch (error) {
      throw toDeviceError(target.device, error);
    }
  }

  const create: ObjectStore['create'] = (target, version) =>
    run(target, (context) => storeObject(context, target, version));

  return {
    create,
    put: (target, version, whole) => putInSteps({ create }, target, version, whole),
    open: (target) => run(target, (context) => openObject(context, target)),
    setMetadata: (target, change) => run(target, (context) => setMetadata(context, target, change)),
    remove: (target, removal) => run(target, (context) => removeObject(context, target, removal)),
    start: async () => {
      await Promise.all([...devices.values()].map((device) => startDevice(device, deps)));
      if (!deps.housekeeping) return;
      await within(sendUpdates(), START_UPDATES_MS);
      timer = setInterval(() => void sendUpdates(), config.update_interval_ms);
      timer.unref();
    },
    stop: async () => {
      clearInterval(timer);
      await within(updatesIdle(), config.listing_timeout_ms);
      await reporter.stop();
    },
    sendUpdates,
  };

  async function updatesIdle(): Promise<void> {
    await Promise.all(updaters.map((updater) => updater.idle()));
  }
}

async function startDevice(device: Device, { housekeeping, logger }: ObjectStoreDeps): Promise<void> {
  try {
    await device.prepare();
    if (!housekeeping) return;
    const removed = await removeLeftovers(device);
    if (removed > 0)
      logger.info({ device: device.name, removed }, 'half-written files of a former process are removed');
  } catch (error) {
    logger.error({ err: error, device: device.name }, 'a device cannot be used');
  }
}

async function within(work: Promise<void>, mostMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, mostMs);
  });
  await Promise.race([work, bound]);
  clearTimeout(timer);
}
