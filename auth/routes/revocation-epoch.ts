import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { AuthContext } from '../context.ts';

/** The count that other nodes follow, under the id of this run: it begins anew with every start. */
export function registerRevocationEpochRoute(app: FastifyInstance, { epoch, policy }: AuthContext): void {
  const instance = randomUUID();
  app.get('/v3/martlet/revocation-epoch', async (request) => {
    policy.authorize('identity:get_revocation_epoch', request.identity);
    return { instance, epoch: epoch.current() };
  });
}
