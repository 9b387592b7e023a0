import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { workerListings } from '../../../cli/workers/worker-listings.ts';
import { createLogger } from '../../../common/log.ts';
import { openListingReader } from '../../../container-server/reader.ts';
import { openTakenRows } from '../../../container-server/taken-rows.ts';
import { WrittenWatch } from '../../../container-server/written-watch.ts';
import { makeListingNode, WHOLE } from '../../support/listing-store.ts';
import { describeListingStore } from '../listing-store.ts';

const logger = createLogger('silent');
const devicesOf = ({ folder }: { folder: string }) => ['d1', 'd2'].map((name) => ({ name, path: join(folder, name) }));

describeListingStore('listing store as a data worker has it', async () => {
  const taken = openTakenRows(['d1', 'd2']);
  const node = await makeListingNode({ taken });
  const reads = await openListingReader({ devices: devicesOf(node), logger });
  return {
    store: workerListings({ reads, writes: node.store, taken, written: new WrittenWatch(taken, 10_000) }),
    reportCounts: () => node.store.reportCounts(),
    close: async () => {
      await reads.close();
      await node.remove();
    },
  };
});

it('a reader of listings answers DeviceUnavailable for a device whose listings cannot be opened, and makes none', async () => {
  const node = await makeListingNode();
  await node.store.stop();
  const [d1, d2] = devicesOf(node);
  await rm(join(node.folder, 'd1', 'listings'), { recursive: true });
  const reader = await openListingReader({ devices: [d1, d2].flatMap((device) => device ?? []), logger });
  const target = { partition: 1, account: 'AUTH_a', container: 'c' };
  await expect(reader.listObjects({ device: 'd1', ...target }, WHOLE)).rejects.toMatchObject({ status: 507 });
  await expect(reader.containerInfo({ device: 'd2', ...target })).rejects.toMatchObject({ code: 'ContainerNotFound' });
  await reader.close();
  await rm(node.folder, { recursive: true });
});
