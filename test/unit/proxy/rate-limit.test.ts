import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newRateMemory, RateSlots } from '../../../proxy/backend/rate-slots.ts';
import { rateOf } from '../../../proxy/features/rate-limit.ts';
import { CONTAINER_SIZE_MS } from '../../../proxy/limits.ts';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

const RATE = { perSecond: 10, bufferMs: 1000, mostSleepMs: 500 };

describe('booked time', () => {
  it('is spread evenly after a burst, until the wait would be too long', () => {
    const slots = new RateSlots(newRateMemory());
    const waits = (count: number, nowMs: number) => Array.from({ length: count }, () => slots.book('k', nowMs, RATE));
    expect(waits(7, 100_000)).toEqual([0, 100, 200, 300, 400, undefined, undefined]);
    expect(waits(2, 100_500)).toEqual([0, 100]);
    // Idle for less than the buffer: what was missed may be made up for.
    expect(waits(12, 101_600)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 200]);
    expect(waits(2, 200_000)).toEqual([0, 100]);
  });

  it('is kept apart by key, and shared by those who have the same memory', () => {
    const memory = newRateMemory();
    const [one, other] = [new RateSlots(memory), new RateSlots(memory)];
    expect(one.book('a', 1e6, RATE)).toBe(0);
    expect(other.book('a', 1e6, RATE)).toBe(100);
    expect(other.book('b', 1e6, RATE)).toBe(0);
  });

  it('has room for many keys, which others take when they are idle', () => {
    const slots = new RateSlots(newRateMemory());
    const unhindered = (prefix: string, nowMs: number) =>
      Array.from({ length: 20_000 }, (_, index) => slots.book(`${prefix}${index}`, nowMs, RATE)).filter(
        (wait) => wait === 0,
      ).length;
    for (const [turn, prefix] of ['a', 'b', 'c', 'd', 'e', 'f'].entries())
      expect(unhindered(prefix, 1e6 + turn * 1e4)).toBeGreaterThan(19_900);
  });

  it('has memory of the right size only', () => {
    expect(() => new RateSlots(new SharedArrayBuffer(8))).toThrow('another size');
  });
});

describe('rates by size', () => {
  it('lie on the line between two steps', () => {
    const steps = [
      { size: 100, rate: 100 },
      { size: 200, rate: 50 },
    ];
    expect([0, 99, 100, 150, 200, 1e6].map((size) => rateOf(steps, size))).toEqual([
      undefined,
      undefined,
      100,
      75,
      50,
      50,
    ]);
    expect(rateOf([{ size: 0, rate: 5 }], 0)).toBeUndefined();
    expect(rateOf([], 10)).toBeUndefined();
  });
});

describe.each([false, true])('rate limits (remembered: %s)', (straight) => {
  let swift: FakeSwift;
  const limits = {
    account_ratelimit: 0,
    container_ratelimits: [],
    container_listing_ratelimits: [],
    max_sleep_time_seconds: 0.02,
    rate_buffer_seconds: 0,
    account_whitelist: [],
    account_blacklist: [],
  };

  const start = async (ratelimit: object) => {
    swift = await FakeSwift.start({ straight, config: { ratelimit: { ...limits, ...ratelimit } } });
  };
  const status = async (method: string, path: string, body?: string) =>
    (await swift.request(method, path, body === undefined ? {} : { body })).status;

  beforeEach(() => start({}));
  afterEach(() => swift.stop());
  const restart = async (ratelimit: object) => {
    await swift.stop();
    await start(ratelimit);
  };

  it('nothing is limited unless it is configured', async () => {
    for (let index = 0; index < 5; index += 1) expect(await status('PUT', `/c${index}`)).toBe(201);
  });

  it('containers are made and deleted at a rate, and who is too far ahead is told to slow down', async () => {
    await restart({ account_ratelimit: 1 });
    expect(await status('PUT', '/c')).toBe(201);
    const refused = await swift.request('PUT', '/d');
    expect([refused.status, refused.statusText, await refused.text()]).toEqual([498, 'Rate Limited', 'Slow down']);
    expect(await status('DELETE', '/c')).toBe(498);
    expect(await status('POST', '/c')).toBe(204);
    swift.nowMs += 1000;
    expect(await status('DELETE', '/c')).toBe(204);
  });

  it('a short wait is waited', async () => {
    await restart({ account_ratelimit: 100, max_sleep_time_seconds: 5 });
    for (let index = 0; index < 4; index += 1) expect(await status('PUT', `/c${index}`)).toBe(201);
  });

  it('writes to a large container are limited, and its listings; reads and other containers are not', async () => {
    await restart({
      container_ratelimits: [{ size: 2, rate: 1 }],
      container_listing_ratelimits: [{ size: 2, rate: 1 }],
    });
    for (const container of ['/c', '/d']) {
      await swift.put(container);
      for (const name of ['1', '2']) expect(await status('PUT', `${container}/${name}`, 'x')).toBe(201);
    }
    swift.nowMs += CONTAINER_SIZE_MS; // until then they count as they were at first
    expect(await status('PUT', '/c/3', 'x')).toBe(201);
    expect(await status('PUT', '/c/4', 'x')).toBe(498);
    expect(await status('DELETE', '/c/1')).toBe(498);
    expect(await status('GET', '/c/1')).toBe(200);
    expect(await status('PUT', '/d/3', 'x')).toBe(201);
    expect(await status('GET', '/c')).toBe(200);
    expect(await status('GET', '/c')).toBe(498);
    expect(await status('HEAD', '/c')).toBe(204);
  });

  it('an account may be exempt, or refused altogether', async () => {
    await restart({ account_ratelimit: 1, account_whitelist: ['AUTH_p1'] });
    for (let index = 0; index < 3; index += 1) expect(await status('PUT', `/c${index}`)).toBe(201);
    await restart({ account_blacklist: ['AUTH_p1'] });
    const answer = await swift.request('GET', '/c/o');
    expect([answer.status, answer.statusText, await answer.text()]).toEqual([
      497,
      'Blacklisted',
      'Your account has been blacklisted',
    ]);
  });
});
