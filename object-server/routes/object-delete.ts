import type { FastifyInstance } from 'fastify';
import type { ObjectStore } from '../contract.ts';
import { jsonOf, parseRemoval, targetOf } from './requests.ts';

export function routeObjectDelete(app: FastifyInstance, store: ObjectStore): void {
  app.delete('/*', async (request) => store.remove(targetOf(request), parseRemoval(jsonOf(request))));
}
