import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/log.ts';
import type { ListingStore } from '../container-server/contract.ts';
import type { ObjectServerConfig } from './config.ts';
import type { Disk } from './disk/contract.ts';
import { Device, foldersOf, segmentBytesFor } from './engine/device.ts';
import { loadLayout, prepareLayout } from './engine/layout.ts';
import { openIndexOrRebuild } from './engine/open-index.ts';
import { recoverDevice } from './engine/recovery.ts';
import { openDeviceShare } from './engine/shared-state.ts';
import { releaseSpareIfShort } from './engine/spare-file.ts';
import type { StateCache } from './engine/state-cache.ts';
import { Housekeeper } from './housekeeping/housekeeper.ts';
import { DevicePendingSource } from './housekeeping/pending-source.ts';
import type { VersionIndex } from './index/contract.ts';
import type { LargeFilesMeans } from './large/large-files.ts';
import { PendingUpdater } from './updates/pending-updater.ts';

export interface OpenDeviceDeps {
  lane: number;
  clock: Clock;
  logger: Logger;
  config: ObjectServerConfig;
  listingStoreAt(address: { ip: string; port: number }): Pick<ListingStore, 'applyObjectUpdates'>;
  housekeeping: boolean;
  disk: Disk;
  openIndex(folder: string): Promise<VersionIndex>;
  segmentBytes?: number;
  large?: LargeFilesMeans;
  newNameKey(): string;
  cache: StateCache;
}

/** One device as one thread has it. */
export interface DeviceThread {
  device: Device;
  /** On the housekeeping thread alone. */
  keeper?: Housekeeper;
  updater?: PendingUpdater;
}

/** @throws where the device cannot be used: its folder is not there, laid out for another version, or does not work. */
export async function openDevice(
  { name, path, share: buffer }: { name: string; path: string; share?: SharedArrayBuffer | undefined },
  deps: OpenDeviceDeps,
): Promise<DeviceThread> {
  const { disk, housekeeping, config, logger, clock } = deps;
  const share = openDeviceShare(buffer);
  const layout = housekeeping ? await prepareLayout(disk, path, deps.newNameKey) : await loadLayout(disk, path);
  if (layout === undefined) throw new Error(`${path} has not been prepared by the housekeeping thread`);
  const { nameKey } = layout;
  const { totalBytes } = await disk.space(path);
  const segmentBytes = deps.segmentBytes ?? segmentBytesFor(totalBytes);
  if (housekeeping) for (const folder of Object.values(foldersOf(path))) await disk.makeFolder(folder);
  if (housekeeping) await releaseSpareIfShort(disk, path); // an index that is opened writes
  const index = await openIndexOrRebuild(disk, path, deps.openIndex, housekeeping);
  try {
    if (housekeeping) await recoverDevice({ disk, name, path, share, index, nameKey, logger });
  } catch (error) {
    await index.close();
    throw error;
  }
  const device = new Device({
    name,
    path,
    share,
    lane: deps.lane,
    disk,
    index,
    nameKey,
    segmentBytes,
    reservePercent: config.reserve_percent,
    ioInFlight: config.io_in_flight,
    cache: deps.cache,
    large: deps.large ?? {},
    clock,
    logger,
  });
  if (!housekeeping) return { device };
  await device.large.removeTemporaries(); // of uploads that a crash ended: no other thread has begun one yet
  const source = new DevicePendingSource(device);
  const updater = new PendingUpdater({ device: name, source, listingStoreAt: deps.listingStoreAt, clock, logger });
  return { device, keeper: new Housekeeper({ device, segmentBytes, config, clock, logger }), updater };
}
