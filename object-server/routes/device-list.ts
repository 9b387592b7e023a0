import type { FastifyInstance } from 'fastify';
import type { ObjectStore } from '../contract.ts';
import { jsonOf, parseListing } from './requests.ts';

/** POST to a device itself: a page of the objects that it has. */
export function routeDeviceList(app: FastifyInstance, store: ObjectStore): void {
  app.post<{ Params: { device: string } }>('/:device', async (request) =>
    store.listObjects(request.params.device, parseListing(jsonOf(request))),
  );
}
