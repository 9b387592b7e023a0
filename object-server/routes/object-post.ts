import type { FastifyInstance } from 'fastify';
import type { ObjectStore } from '../contract.ts';
import { jsonOf, parseChange, targetOf } from './requests.ts';

export function routeObjectPost(app: FastifyInstance, store: ObjectStore): void {
  app.post('/*', async (request) => store.setMetadata(targetOf(request), parseChange(jsonOf(request))));
}
