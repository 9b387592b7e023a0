import type { FastifyInstance } from 'fastify';
import { ApiError } from '../../common/errors.ts';

/** Parts of the Image API that do not exist here: answered 501 by name, so that nobody takes them for a wrong address. */
const NOT_BUILT: readonly { path: string; what: string }[] = [
  { path: '/v2/images/:id/stage', what: 'Staging of images' },
  { path: '/v2/images/:id/import', what: 'Interoperable import' },
  { path: '/v2/images/:id/locations', what: 'Locations of images' },
  { path: '/v2/images/:id/tasks', what: 'Tasks' },
  { path: '/v2/tasks', what: 'Tasks' },
  { path: '/v2/tasks/*', what: 'Tasks' },
  { path: '/v2/cache', what: 'The image cache' },
  { path: '/v2/cache/*', what: 'The image cache' },
  { path: '/v2/metadefs/*', what: 'The catalog of metadata definitions' },
  { path: '/v2/stores/*', what: 'Deletion from a single store' },
];

export function registerNotBuilt(app: FastifyInstance): void {
  for (const { path, what } of NOT_BUILT) {
    app.route({
      method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
      url: path,
      handler: async () => {
        throw new ApiError({ status: 501, code: 'NotImplemented', message: `${what}: not implemented here.` });
      },
    });
  }
}
