import type { FastifyInstance } from 'fastify';
import type { AuthContext } from '../context.ts';

/** What clients read before they log in. Spec: Identity API v3, "API versions". */
export function registerVersionRoutes(app: FastifyInstance, { publicUrl }: AuthContext): void {
  const version = {
    id: 'v3.14',
    status: 'stable',
    updated: '2020-04-07T00:00:00Z',
    links: [{ rel: 'self', href: `${publicUrl}/v3/` }],
    'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
  };
  app.get('/', async (_request, reply) => reply.status(300).send({ versions: { values: [version] } }));
  app.get('/v3', async () => ({ version }));
}
