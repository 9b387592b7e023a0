import type { AddressInfo } from 'node:net';
import { systemClock } from '../../../common/clock.ts';
import { createLogger } from '../../../common/log.ts';
import { createObjectClient } from '../../../object-server/client.ts';
import { buildObjectServer } from '../../../object-server/service.ts';
import { makeObjectNode } from '../../support/object-store.ts';
import { describeObjectStore } from '../object-store.ts';

describeObjectStore('object store of another node', async () => {
  const node = await makeObjectNode();
  const clusterKey = 'k'.repeat(32);
  const logger = createLogger('silent');
  const { app } = buildObjectServer({ store: node.store, clusterKey, clock: systemClock, logger });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const store = createObjectClient({ ip: '127.0.0.1', port, clusterKey, clock: systemClock });
  return {
    store,
    listings: node.listings,
    clock: node.clock,
    close: async () => {
      await store.close();
      await app.close();
      await node.remove();
    },
  };
});
