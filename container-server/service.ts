import { randomUUID } from 'node:crypto';
import type { Clock } from '../common/clock.ts';
import { renderBackendError } from '../common/cluster/backend-errors.ts';
import { requireClusterKey } from '../common/cluster/require-cluster-key.ts';
import { createApp, type Service } from '../common/http/app.ts';
import type { Logger } from '../common/log.ts';
import type { ListingStore } from './contract.ts';
import { MOST_BODY_BYTES } from './limits.ts';
import { routeOperations } from './routes/operations.ts';

export interface ContainerServerDeps {
  /** Opened, started and stopped by the caller: two services may share it. */
  store: ListingStore;
  clusterKey: string;
  clock: Clock;
  logger: Logger;
}

/** Serves this node's accounts and containers to other nodes; built once for the port of accounts, once for that of containers. */
export function buildContainerServer({ store, clusterKey, clock, logger }: ContainerServerDeps): Service {
  const app = createApp({
    logger,
    renderError: renderBackendError,
    newRequestId: (request) => String(request.headers['x-trans-id'] ?? randomUUID()),
    requestIdHeaders: ['x-trans-id'],
    mostBodyBytes: MOST_BODY_BYTES,
  });
  requireClusterKey(app, { clusterKey, clock });
  routeOperations(app, store);
  return { app, start: async () => undefined, stop: async () => undefined };
}
