import { randomUUID } from 'node:crypto';
import type { Clock } from '../common/clock.ts';
import { renderBackendError } from '../common/cluster/backend-errors.ts';
import { FRAMES_TYPE } from '../common/cluster/frames.ts';
import { requireClusterKey } from '../common/cluster/require-cluster-key.ts';
import { createApp, type Service } from '../common/http/app.ts';
import type { Logger } from '../common/log.ts';
import type { ObjectStore } from './contract.ts';
import { routeDeviceList } from './routes/device-list.ts';
import { routeObjectDelete } from './routes/object-delete.ts';
import { routeObjectGet } from './routes/object-get.ts';
import { routeObjectPost } from './routes/object-post.ts';
import { routeObjectPut } from './routes/object-put.ts';

/** Metadata and names: bodies of objects are streams, bounded by who sends them. */
const MOST_JSON_BYTES = 1 << 20;

export interface ObjectServerDeps {
  /** Opened, started and stopped by the caller. */
  store: ObjectStore;
  clusterKey: string;
  clock: Clock;
  logger: Logger;
}

/** Serves this node's objects to other nodes. Spec: docs/formats/object-backend.md */
export function buildObjectServer({ store, clusterKey, clock, logger }: ObjectServerDeps): Service {
  const app = createApp({
    logger,
    renderError: renderBackendError,
    newRequestId: (request) => String(request.headers['x-trans-id'] ?? randomUUID()),
    requestIdHeaders: ['x-trans-id'],
    mostBodyBytes: MOST_JSON_BYTES,
  });
  requireClusterKey(app, { clusterKey, clock });
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addContentTypeParser(FRAMES_TYPE, (_request, payload, done) => done(null, payload));
  routeObjectPut(app, store);
  routeObjectGet(app, store);
  routeObjectPost(app, store);
  routeObjectDelete(app, store);
  routeDeviceList(app, store);
  return { app, start: async () => undefined, stop: async () => undefined };
}
