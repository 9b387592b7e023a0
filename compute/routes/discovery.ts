import type { FastifyInstance } from 'fastify';
import { formatMicroversion } from '../../openstack/microversions.ts';
import { COMPUTE_MICROVERSIONS } from '../microversions.ts';
import { baseUrlOf } from '../views/links.ts';

const MEDIA_TYPES = [{ base: 'application/json', type: 'application/vnd.openstack.compute+json;version=2.1' }];

/** Which versions there are: asked before a client has a token. Spec: Compute API, "API Versions". */
export function discoveryRoutes(app: FastifyInstance): void {
  app.get('/', async (request) => ({ versions: [versionOf(baseUrlOf(request))] }));
  app.get('/v2.1', async (request) => ({
    version: { ...versionOf(baseUrlOf(request)), 'media-types': MEDIA_TYPES },
  }));
}

function versionOf(base: string): Record<string, unknown> {
  return {
    id: 'v2.1',
    status: 'CURRENT',
    version: formatMicroversion(COMPUTE_MICROVERSIONS.highest),
    min_version: formatMicroversion(COMPUTE_MICROVERSIONS.lowest),
    updated: '2013-07-23T11:33:21Z',
    links: [{ rel: 'self', href: `${base}/v2.1/` }],
  };
}
