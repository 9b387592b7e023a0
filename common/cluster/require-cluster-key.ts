import type { FastifyInstance } from 'fastify';
import { NonceStore } from './nonce-store.ts';
import { type SigningKey, verifyRequest } from './signature.ts';

/** Refuses every request to `app` that is not signed with the cluster's key, before its body is read; `/healthcheck` is open. */
export function requireClusterKey(app: FastifyInstance, key: SigningKey): void {
  const nonces = new NonceStore(key.clock);
  app.addHook('onRequest', async ({ raw }) => {
    const { method = '', url = '', headers } = raw;
    if (url === '/healthcheck') return;
    verifyRequest({ method, url, headers }, key, nonces);
  });
}
