import { hash } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';
import { RecentMap } from '../../common/recent-map.ts';
import type { Identity, RevocationEpoch, TokenVerifier } from './contract.ts';
import { MOST_CACHED_IDENTITIES, MOST_CACHED_REFUSALS, MOST_TOKEN_LENGTH, REFUSAL_TTL_MS } from './limits.ts';

export interface CachingVerifierOptions {
  /** Who is asked when the cache does not know. */
  verifier: TokenVerifier;
  epoch: RevocationEpoch;
  clock: Clock;
  /** Most identities kept; MOST_CACHED_IDENTITIES unless told. */
  capacity?: number;
}

interface CachedVerdict {
  identity: Identity | undefined;
  /** The epoch read *before* the question was asked. */
  epoch: number;
  untilMs: number;
}

/** A verifier that can also say at once what it remembers. */
export interface CachingVerifier extends TokenVerifier {
  verifyNow(token: string): Identity | undefined;
}

/**
 * Remembers what a verifier said, as long as no revocation happened since, and at most until the token ends.
 * Concurrent questions about one token become one. Tokens themselves are not kept, only their SHA-256: in one call of the crypto
 * library it costs no more than a Map's own hash of a text of that length.
 */
export function createCachingVerifier(options: CachingVerifierOptions): CachingVerifier {
  const { verifier, epoch, clock } = options;
  const identities = new RecentMap<CachedVerdict>(options.capacity ?? MOST_CACHED_IDENTITIES);
  const refusals = new RecentMap<CachedVerdict>(MOST_CACHED_REFUSALS);
  const running = new Map<string, { epoch: number; verdict: Promise<Identity | undefined> }>();

  const isCurrent = (verdict: CachedVerdict | undefined): verdict is CachedVerdict =>
    verdict !== undefined && verdict.epoch === epoch.current() && clock.nowMs() < verdict.untilMs;

  async function ask(token: string, key: string, askedAt: number): Promise<Identity | undefined> {
    const identity = await verifier.verify(token);
    if (identity) identities.set(key, { identity, epoch: askedAt, untilMs: identity.expiresAtMs });
    else refusals.set(key, { identity, epoch: askedAt, untilMs: clock.nowMs() + REFUSAL_TTL_MS });
    return identity;
  }

  return {
    verifyNow(token) {
      if (token.length === 0 || token.length > MOST_TOKEN_LENGTH) return undefined;
      const cached = identities.get(keyOf(token));
      return isCurrent(cached) ? cached.identity : undefined;
    },
    async verify(token) {
      if (token.length === 0 || token.length > MOST_TOKEN_LENGTH) return undefined;
      const key = keyOf(token);
      const now = epoch.current();
      const cached = identities.get(key) ?? refusals.get(key);
      if (isCurrent(cached)) return cached.identity;
      // A question asked before a revocation may be answered with what was true before it: only those of this epoch are shared.
      const shared = running.get(key);
      if (shared && shared.epoch === now) return shared.verdict;
      identities.delete(key);
      const verdict = ask(token, key, now);
      const entry = { epoch: now, verdict };
      running.set(key, entry);
      try {
        return await verdict;
      } finally {
        if (running.get(key) === entry) running.delete(key);
      }
    },
  };
}

function keyOf(token: string): string {
  return hash('sha256', token, 'base64');
}
