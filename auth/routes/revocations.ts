import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { listRevocationEvents } from '../actions/revocation-events.ts';
import type { AuthContext } from '../context.ts';

/** The count that other nodes follow, under the id of this run: it begins anew with every start; and Keystone's list of events. */
export function registerRevocationRoutes(app: FastifyInstance, context: AuthContext): void {
  const { epoch, policy, publicUrl } = context;
  const instance = randomUUID();
  app.get('/v3/martlet/revocation-epoch', async (request) => {
    policy.authorize('identity:get_revocation_epoch', request.identity);
    return { instance, epoch: epoch.current() };
  });
  app.get('/v3/OS-REVOKE/events', async ({ identity, url }) => ({
    events: await listRevocationEvents(context, identity),
    links: { self: `${publicUrl}${url}`, previous: null, next: null },
  }));
}
