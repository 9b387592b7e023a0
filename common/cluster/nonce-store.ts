import type { Clock } from '../clock.ts';
import { ApiError } from '../errors.ts';

/** Requests per two minutes, of one serving thread; 32 hex digits each, about 50 MB when full. */
const MOST_NONCES = 500_000;
/** A signature is good from a minute before its time to a minute after: whoever sends it again after this is refused by the skew. */
const GENERATION_MS = 120_000;

/** Remembers the nonces of the last two to four minutes: two sets that take turns, so that forgetting costs nothing. */
export class NonceStore {
  private readonly clock: Clock;
  private readonly mostNonces: number;
  private current = new Set<string>();
  private previous = new Set<string>();
  private currentSinceMs: number;

  constructor(clock: Clock, mostNonces = MOST_NONCES) {
    this.clock = clock;
    this.mostNonces = mostNonces;
    this.currentSinceMs = clock.nowMs();
  }

  /** @returns false when the nonce was there already. @throws ApiError `TooManyNonces` 503: forgetting one early would let it be replayed. */
  remember(nonce: string): boolean {
    this.turn();
    if (this.current.has(nonce) || this.previous.has(nonce)) return false;
    if (this.current.size >= this.mostNonces)
      throw new ApiError({
        status: 503,
        code: 'TooManyNonces',
        message: 'This node has taken more requests in two minutes than it can tell apart; try again.',
      });
    this.current.add(nonce);
    return true;
  }

  private turn(): void {
    const nowMs = this.clock.nowMs();
    const ageMs = nowMs - this.currentSinceMs;
    if (ageMs < GENERATION_MS) return;
    this.previous = ageMs < 2 * GENERATION_MS ? this.current : new Set();
    this.current = new Set();
    this.currentSinceMs = nowMs;
  }
}
