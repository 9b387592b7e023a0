import type { Clock } from '../../common/clock.ts';
import { RecentMap } from '../../common/recent-map.ts';
import type { RevocationEpoch, Signer, SignerDirectory } from './contract.ts';
import { MOST_ACCESS_KEY_LENGTH, MOST_CACHED_REFUSALS, MOST_CACHED_SIGNERS, REFUSAL_TTL_MS } from './limits.ts';

export interface CachingSignersOptions {
  /** Who is asked when the cache does not know. */
  signers: SignerDirectory;
  epoch: RevocationEpoch;
  clock: Clock;
}

interface Remembered {
  signer: Signer | undefined;
  /** The epoch read *before* the question was asked. */
  epoch: number;
  untilMs: number;
}

/**
 * Remembers what access keys sign with as `caching-verifier.ts` remembers tokens: as long as nothing was revoked since, and at most until
 * the identity ends. Concurrent questions about one key become one.
 */
export function createCachingSigners({ signers, epoch, clock }: CachingSignersOptions): SignerDirectory {
  const found = new RecentMap<Remembered>(MOST_CACHED_SIGNERS);
  const refused = new RecentMap<Remembered>(MOST_CACHED_REFUSALS);
  const running = new Map<string, { epoch: number; answer: Promise<Signer | undefined> }>();

  async function ask(key: string, access: string, scope: string | undefined, askedAt: number) {
    const signer = await signers.find(access, scope);
    const untilMs = signer ? signer.identity.expiresAtMs : clock.nowMs() + REFUSAL_TTL_MS;
    (signer ? found : refused).set(key, { signer, epoch: askedAt, untilMs });
    return signer;
  }

  return {
    async find(access, scope) {
      if (access === '' || access.length > MOST_ACCESS_KEY_LENGTH || (scope?.length ?? 0) > MOST_ACCESS_KEY_LENGTH)
        return undefined;
      const key = `${access}\n${scope ?? ''}`;
      const now = epoch.current();
      const known = found.get(key) ?? refused.get(key);
      if (known && known.epoch === now && clock.nowMs() < known.untilMs) return known.signer;
      // A question asked before a revocation may be answered with what was true before it: only those of this epoch are shared.
      const shared = running.get(key);
      if (shared && shared.epoch === now) return shared.answer;
      found.delete(key);
      const answer = ask(key, access, scope, now);
      const entry = { epoch: now, answer };
      running.set(key, entry);
      try {
        return await answer;
      } finally {
        if (running.get(key) === entry) running.delete(key);
      }
    },
  };
}
