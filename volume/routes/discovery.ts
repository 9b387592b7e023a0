import type { FastifyInstance, FastifyRequest } from 'fastify';
import { formatMicroversion } from '../../openstack/microversions.ts';
import { originOf, VERSIONS } from './context.ts';

/** Spec: Block Storage API v3, "API versions". */
export function discoveryRoutes(app: FastifyInstance): void {
  app.get('/', async (request, reply) => reply.status(300).send({ versions: [versionDocument(request)] }));
  app.get('/v3', async (request) => ({ versions: [versionDocument(request)] }));
}

function versionDocument(request: FastifyRequest): Record<string, unknown> {
  return {
    id: 'v3.0',
    status: 'CURRENT',
    version: formatMicroversion(VERSIONS.highest),
    min_version: formatMicroversion(VERSIONS.lowest),
    updated: '2026-11-21T00:00:00Z',
    links: [
      { rel: 'describedby', type: 'text/html', href: 'https://docs.openstack.org/' },
      { rel: 'self', href: `${originOf(request)}/v3/` },
    ],
    'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.volume+json;version=3' }],
  };
}
