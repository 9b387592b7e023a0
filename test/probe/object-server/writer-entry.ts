import { createHash, randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, MessageChannel, type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads';
import { systemClock } from '../../../common/clock.ts';
import { ApiError } from '../../../common/errors.ts';
import { createLogger } from '../../../common/log.ts';
import { rpcClient, serveRpc } from '../../../common/rpc/port-rpc.ts';
import { TimestampSource } from '../../../common/timestamp.ts';
import type { ListingStore } from '../../../container-server/contract.ts';
import { type LocalListingStore, openListingStore } from '../../../container-server/store.ts';
import { openDeviceShare } from '../../../object-server/engine/shared-state.ts';
import { type LocalObjectStore, openObjectStore } from '../../../object-server/store.ts';

/**
 * Writes until it is killed: listings on the main thread, objects in two worker threads on the same devices. Tells on stdout what
 * it begins and what was acknowledged, one JSON line each.
 */
const WORKERS = 2;
const WRITERS_PER_WORKER = 8;
const NAMES = 40;
const logger = createLogger('silent');
const devicesIn = (folder: string) => ['d1', 'd2'].map((name) => ({ name, path: join(folder, name) }));

interface Setup {
  folder: string;
  index: number;
  listings: MessagePort;
  shares: SharedArrayBuffer[];
}

if (isMainThread) await runMain(process.argv[2] ?? '');
else await runWorker(workerData as unknown as Setup);

async function runMain(folder: string): Promise<void> {
  const listings: LocalListingStore = await openListingStore({
    devices: devicesIn(folder),
    clock: systemClock,
    logger,
    config: { reclaim_age_s: 604_800, report_interval_ms: 20, report_timeout_ms: 3000 },
    listingStoreAt: () => listings,
  });
  await listings.start();
  const shares = devicesIn(folder).map(() => openDeviceShare().buffer);
  for (let index = 0; index < WORKERS; index += 1) {
    const { port1, port2 } = new MessageChannel();
    serveRpc(port1, { applyObjectUpdates: listings.applyObjectUpdates });
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { folder, index, listings: port2, shares },
      transferList: [port2],
    });
    worker.on('error', (error) => {
      throw error;
    });
    await once(worker, 'message'); // the housekeeper is through with recovery before the others open the devices
  }
}

/** Far more than in earnest: so that kills meet checkpoints, compaction and recycling. */
async function keepHouse(store: LocalObjectStore): Promise<void> {
  for (;;) {
    await store.housekeep();
    await sleep(10);
  }
}

async function runWorker({ folder, index, listings, shares }: Setup): Promise<void> {
  const { remote } = rpcClient<Pick<ListingStore, 'applyObjectUpdates'>>(listings);
  const store = openObjectStore({
    devices: devicesIn(folder).map((device, place) => ({ ...device, share: shares[place] })),
    lane: index,
    clock: systemClock,
    logger,
    config: {
      reserve_percent: 0,
      io_in_flight: 16,
      listing_timeout_ms: 5000,
      update_interval_ms: 1000,
      checkpoint_interval_ms: 50,
      housekeeping_percent: 50,
      compact_percent: 20,
      reclaim_age_s: 604_800,
    },
    segmentBytes: 1 << 20,
    listingStoreAt: () => remote,
    housekeeping: index === 0,
  });
  await store.start();
  parentPort?.postMessage('started');
  if (index === 0) void keepHouse(store);
  const timestamps = new TimestampSource(systemClock);
  await Promise.all(Array.from({ length: WRITERS_PER_WORKER }, () => writeForever()));

  async function writeForever(): Promise<void> {
    for (;;) {
      const number = randomInt(NAMES);
      const device = number % 2 === 0 ? 'd1' : 'd2';
      const target = {
        device,
        partition: number,
        account: 'AUTH_a',
        container: 'c',
        object: `o/${number}`,
        policyIndex: 0,
      };
      const listing = { ip: '127.0.0.1', port: 6201, device: 'd1', partition: 1 };
      const timestamp = timestamps.next();
      const kind = ['put', 'put', 'put', 'remove', 'post'][randomInt(5)];
      const body = randomBytes(randomInt(4) === 0 ? randomInt(1_500_000) : randomInt(10_000));
      const etag = createHash('md5').update(body).digest('hex');
      const said = { kind, name: target.object, device, partition: number, timestamp, etag };
      tell({ ...said, acknowledged: false });
      try {
        if (kind === 'put') {
          const contentType = 'text/plain';
          const fresh = { timestamp, contentType, fixedMetadata: {}, metadata: {}, onlyIfAbsent: false, listing };
          const upload = await store.create(target, fresh);
          for (let start = 0; start < body.length; start += 65_536)
            await upload.write(body.subarray(start, start + 65_536));
          await upload.commit({ etag, sizeBytes: body.length });
        } else if (kind === 'remove') await store.remove(target, { timestamp, listing });
        else await store.setMetadata(target, { timestamp, metadata: { 'x-object-meta-at': timestamp }, listing });
        tell({ ...said, acknowledged: true });
      } catch (error) {
        if (!(error instanceof ApiError) || error.status >= 500) throw error;
      }
    }
  }
}

function tell(line: object): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}
