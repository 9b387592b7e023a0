import type { FastifyInstance } from 'fastify';
import { notBuilt } from '../errors.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Parts of the identity API that this server does not have yet: said plainly, instead of 404. */
const NOT_BUILT: Readonly<Record<string, string>> = {
  '/v3/OS-FEDERATION': 'Federation',
  '/v3/OS-OAUTH1/request_token': 'OAuth tokens',
  '/v3/OS-OAUTH1/access_token': 'OAuth tokens',
  '/v3/OS-OAUTH1/authorize': 'OAuth tokens',
  '/v3/OS-OAUTH2': 'OAuth tokens',
  '/v3/policies/:id/OS-ENDPOINT-POLICY': 'Associations of policies',
};

export function registerNotBuiltRoutes(app: FastifyInstance): void {
  for (const [path, what] of Object.entries(NOT_BUILT)) {
    for (const url of [path, `${path}/*`]) {
      app.route({
        method: [...METHODS],
        url,
        handler: async () => {
          throw notBuilt(what);
        },
      });
    }
  }
}
