import type { AddressInfo } from 'node:net';
import { systemClock } from '../../../common/clock.ts';
import { createLogger } from '../../../common/log.ts';
import { createContainerClient } from '../../../container-server/client.ts';
import { buildContainerServer } from '../../../container-server/service.ts';
import { makeListingNode } from '../../support/listing-store.ts';
import { describeListingStore } from '../listing-store.ts';

describeListingStore('listing store of another node', async () => {
  const node = await makeListingNode();
  const clusterKey = 'k'.repeat(32);
  const logger = createLogger('silent');
  const { app } = buildContainerServer({ store: node.store, clusterKey, clock: systemClock, logger });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const store = createContainerClient({ ip: '127.0.0.1', port, clusterKey, clock: systemClock });
  return {
    store,
    reportCounts: () => node.store.reportCounts(),
    close: async () => {
      await store.close();
      await app.close();
      await node.remove();
    },
  };
});
