import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ImageContext } from '../context.ts';
import { notFound } from '../errors.ts';
import { SCHEMA_DOCUMENTS } from '../schemas.ts';

/** Versions whose features are there, the newest first. 2.6 is the interoperable import, which is not built. */
const VERSIONS = ['v2.8', 'v2.7', 'v2.5', 'v2.4', 'v2.3', 'v2.2', 'v2.1', 'v2.0'];

/** What tells clients about the service: versions, schemas, stores. Spec: Image API, "API versions", "Image Schemas", "Stores". */
export function registerDiscovery(app: FastifyInstance, context: ImageContext): void {
  for (const path of ['/', '/v2'])
    app.get(path, async (request, reply) => reply.status(300).send(versionList(request)));
  app.get('/versions', async (request) => versionList(request));

  app.get<{ Params: { name: string } }>('/v2/schemas/:name', async (request) => {
    const { name } = request.params;
    const schema = Object.hasOwn(SCHEMA_DOCUMENTS, name) ? SCHEMA_DOCUMENTS[name] : undefined;
    if (!schema) throw notFound('The resource could not be found.');
    return schema;
  });

  app.get('/v2/info/stores', async () => ({
    stores: (await context.stores.available()).map(({ id, description, isDefault }) => ({
      id,
      ...(description === undefined ? {} : { description }),
      ...(isDefault ? { default: 'true' } : {}),
    })),
  }));

  app.get('/v2/info/stores/detail', async (request) => {
    context.policy.authorize('stores_info_detail', request.identity);
    return {
      stores: (await context.stores.available()).map(({ id, description, isDefault, store }) => ({
        id,
        type: store.kind,
        ...(description === undefined ? {} : { description }),
        ...(isDefault ? { default: 'true' } : {}),
        properties: {},
      })),
    };
  });

  app.get('/v2/info/import', async () => ({
    'import-methods': { description: 'Import methods available.', type: 'array', value: [] },
  }));
}

/** Paths that need no token. */
export function isPublicPath(path: string): boolean {
  return ['', '/', '/versions', '/healthcheck', '/v2', '/v2/'].includes(path);
}

function versionList(request: FastifyRequest): { versions: unknown[] } {
  const href = `${request.protocol}://${request.host}/v2/`;
  return {
    versions: VERSIONS.map((id, index) => ({
      id,
      status: index === 0 ? 'CURRENT' : 'SUPPORTED',
      links: [{ rel: 'self', href }],
    })),
  };
}
