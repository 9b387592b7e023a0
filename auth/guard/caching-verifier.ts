import { createHash } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';
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

/**
 * Remembers what a verifier said, as long as no revocation happened since, and at most until the token ends.
 * Concurrent questions about one token become one. Tokens themselves are not kept, only their SHA-256.
 */
export function createCachingVerifier(options: CachingVerifierOptions): TokenVerifier {
  const { verifier, epoch, clock } = options;
  const identities = new Lru<CachedVerdict>(options.capacity ?? MOST_CACHED_IDENTITIES);
  const refusals = new Lru<CachedVerdict>(MOST_CACHED_REFUSALS);
  const running = new Map<string, { epoch: number; verdict: Promise<Identity | undefined> }>();

  async function ask(token: string, key: string, askedAt: number): Promise<Identity | undefined> {
    const identity = await verifier.verify(token);
    if (identity) identities.set(key, { identity, epoch: askedAt, untilMs: identity.expiresAtMs });
    else refusals.set(key, { identity, epoch: askedAt, untilMs: clock.nowMs() + REFUSAL_TTL_MS });
    return identity;
  }

  return {
    async verify(token) {
      if (token.length === 0 || token.length > MOST_TOKEN_LENGTH) return undefined;
      const key = createHash('sha256').update(token).digest('base64');
      const now = epoch.current();
      const cached = identities.get(key) ?? refusals.get(key);
      if (cached && cached.epoch === now && clock.nowMs() < cached.untilMs) return cached.identity;
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

/** A map that forgets what was not used for longest. */
class Lru<V> {
  private readonly entries = new Map<string, V>();
  private readonly capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get(key: string): V | undefined {
    const value = this.entries.get(key);
    if (value === undefined) return undefined;
    this.entries.delete(key);
    this.entries.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    this.entries.delete(key);
    this.entries.set(key, value);
    if (this.entries.size <= this.capacity) return;
    const oldest = this.entries.keys().next();
    if (!oldest.done) this.entries.delete(oldest.value);
  }

  delete(key: string): void {
    this.entries.delete(key);
  }
}
