import { setTimeout as delay } from 'node:timers/promises';
import { ApiError } from '../../common/errors.ts';
import { FIRST_RETRY_DELAY_MS, MOST_SERVICE_ATTEMPTS } from '../limits.ts';

/** Calls another service, again while it gives no answer (503): at start it may come up after us. Bounded. */
export async function withRetries<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1, delayMs = FIRST_RETRY_DELAY_MS; ; attempt += 1, delayMs *= 2) {
    try {
      return await call();
    } catch (error) {
      const isSilent = error instanceof ApiError && error.status === 503;
      if (!isSilent || attempt >= MOST_SERVICE_ATTEMPTS) throw error;
      await delay(delayMs, undefined, { signal });
    }
  }
}
