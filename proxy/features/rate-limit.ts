import { setTimeout as sleep } from 'node:timers/promises';
import type { Rate } from '../backend/rate-slots.ts';
import { refusal } from '../errors.ts';
import { MOST_RATE_LIMITED_WAITERS, REFUSED_ACCOUNT_DELAY_MS } from '../limits.ts';
import type { Feature, ProxyRequest } from '../message.ts';
import type { Services } from '../routes/route.ts';

/** Objects in a container, and how many requests a second it then serves; ascending. */
type Steps = readonly { readonly size: number; readonly rate: number }[];

const WRITES: ReadonlySet<string> = new Set(['PUT', 'DELETE', 'POST', 'COPY']);

/** Whether a request for an object may be limited, as far as is known without asking: the straight way leaves those to the pipeline. */
export function mayBeLimited(
  { config, sizes }: Services,
  method: string,
  { account, container }: { account: string; container: string },
): boolean {
  const { account_blacklist: refused, container_ratelimits: steps } = config.ratelimit;
  if (refused.length > 0 && refused.includes(account)) return true;
  if (steps.length === 0 || !WRITES.has(method)) return false;
  const size = sizes.now(account, container);
  return size === undefined || steps.some((step) => step.size <= size);
}

/**
 * Slows down writes to large containers, listings of them, and the making of containers; refuses who is too far ahead.
 *
 * Spec: Swift, "Rate Limiting". The rates are those of one node.
 */
export function rateLimit(services: Services): Feature {
  const { config, cluster, rates, sizes } = services;
  const {
    account_ratelimit: accountRate,
    account_whitelist: unlimited,
    account_blacklist: refused,
    rate_buffer_seconds: bufferSeconds,
    max_sleep_time_seconds: mostSleepSeconds,
  } = config.ratelimit;
  const containerRates = ascending(config.ratelimit.container_ratelimits);
  const listingRates = ascending(config.ratelimit.container_listing_ratelimits);
  let waiters = 0;

  /** The key that a request counts under, and its rate; undefined: it is not limited. */
  async function limitOf({ method, path }: ProxyRequest): Promise<{ key: string; perSecond: number } | undefined> {
    const { account, container, object } = path;
    if (container === undefined) return undefined;
    if (object !== undefined && WRITES.has(method) && containerRates.length > 0) {
      const perSecond = rateOf(containerRates, await sizes.find(account, container));
      return perSecond ? { key: `${account}/${container}`, perSecond } : undefined;
    }
    if (object !== undefined) return undefined;
    if (method === 'GET' && listingRates.length > 0) {
      const perSecond = rateOf(listingRates, await sizes.find(account, container));
      return perSecond ? { key: `listing ${account}/${container}`, perSecond } : undefined;
    }
    const makes = method === 'PUT' || method === 'DELETE';
    return makes && accountRate > 0 ? { key: account, perSecond: accountRate } : undefined;
  }

  async function waitFor(ms: number): Promise<void> {
    if (waiters >= MOST_RATE_LIMITED_WAITERS) throw slowDown();
    waiters += 1;
    try {
      await sleep(ms);
    } finally {
      waiters -= 1;
    }
  }

  return (next) => async (request) => {
    const { account } = request.path;
    if (unlimited.includes(account)) return next(request);
    if (refused.includes(account)) {
      await waitFor(REFUSED_ACCOUNT_DELAY_MS);
      throw refusal(497, { body: 'Your account has been blacklisted' });
    }
    const limit = await limitOf(request);
    if (!limit) return next(request);
    const rate: Rate = {
      perSecond: limit.perSecond,
      bufferMs: bufferSeconds * 1000,
      mostSleepMs: mostSleepSeconds * 1000,
    };
    const waitMs = rates.book(limit.key, cluster.clock.nowMs(), rate);
    if (waitMs === undefined) throw slowDown();
    if (waitMs > 0) await waitFor(waitMs);
    return next(request);
  };
}

function slowDown(): Error {
  return refusal(498, { body: 'Slow down' });
}

function ascending(steps: Steps): Steps {
  return [...steps].sort((left, right) => left.size - right.size);
}

/** On the line between the step that the size has reached and the next one. @returns undefined below the first, and for nothing. */
export function rateOf(steps: Steps, size: number): number | undefined {
  const index = steps.findLastIndex((step) => step.size <= size);
  const [step, next] = [steps[index], steps[index + 1]];
  if (!step || size === 0) return undefined;
  if (!next) return step.rate;
  return step.rate + ((size - step.size) * (next.rate - step.rate)) / (next.size - step.size);
}
