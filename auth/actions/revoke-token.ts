import { type AuthContext, commitAndRevoke } from '../context.ts';
import type { TokenPayload } from '../tokens/payload.ts';

/**
 * Revokes a token at once; the first token of a chain takes with it all that came from it, as a log-out should.
 * Revoking twice is the same as once.
 */
export async function revokeToken(context: AuthContext, payload: TokenPayload): Promise<void> {
  const { tables, config } = context;
  const [auditId, parentId] = payload.auditIds;
  const id = parentId === undefined ? `chain:${auditId}` : `token:${auditId}`;
  if (await tables.revocations.get(id)) return;
  // A rescoped token keeps the expiry of the first, so nothing of the chain lives longer than this.
  const dropAfterMs = payload.expiresAtMs + config.allow_expired_window_s * 1000;
  await commitAndRevoke(context, tables.revocations.insert({ id, dropAfterMs }));
}

/** Drops revocations of tokens that cannot be used any longer anyway. */
export async function dropOldRevocations({ tables, store, clock }: AuthContext): Promise<void> {
  for await (const stored of tables.revocations.scan()) {
    if (stored.record.dropAfterMs > clock.nowMs()) continue;
    const { conditions, writes } = tables.revocations.remove(stored);
    await store.commit({ conditions, writes });
  }
}
