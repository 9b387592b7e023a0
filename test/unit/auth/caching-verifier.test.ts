import { describe, expect, it } from 'vitest';
import { createCachingVerifier } from '../../../auth/guard/caching-verifier.ts';
import type { Identity } from '../../../auth/guard/contract.ts';
import { createSharedEpoch } from '../../../auth/guard/shared-epoch.ts';
import { identityOf } from '../../support/auth/identity.ts';

function setUp(answer: (token: string) => Promise<Identity | undefined>, capacity = 10) {
  const asked: string[] = [];
  const clock = { now: 1000, nowMs: () => clock.now };
  const epoch = createSharedEpoch();
  const verifier = createCachingVerifier({
    epoch,
    clock,
    capacity,
    verifier: {
      verify: (token) => {
        asked.push(token);
        return answer(token);
      },
    },
  });
  return { asked, clock, epoch, verifier };
}

const someone = identityOf({ expiresAtMs: 5000 });

describe('the caching verifier', () => {
  it('asks once while nothing is revoked', async () => {
    const { asked, verifier } = setUp(async () => someone);
    expect(await verifier.verify('t')).toBe(someone);
    expect(await verifier.verify('t')).toBe(someone);
    expect(asked).toEqual(['t']);
  });

  it('asks again after a revocation, and when the token has ended', async () => {
    const { asked, verifier, epoch, clock } = setUp(async () => someone);
    await verifier.verify('t');
    epoch.bump();
    await verifier.verify('t');
    expect(asked).toHaveLength(2);
    clock.now = 5000;
    await verifier.verify('t');
    expect(asked).toHaveLength(3);
  });

  it('makes one question of concurrent ones', async () => {
    const { asked, verifier } = setUp(async () => someone);
    expect(await Promise.all([verifier.verify('t'), verifier.verify('t'), verifier.verify('t')])).toEqual([
      someone,
      someone,
      someone,
    ]);
    expect(asked).toHaveLength(1);
  });

  it('shares no question that was asked before a revocation, and keeps no answer of it', async () => {
    const answers: ((identity: Identity | undefined) => void)[] = [];
    const { asked, verifier, epoch } = setUp(() => new Promise((resolve) => answers.push(resolve)));
    const before = verifier.verify('t');
    epoch.bump();
    const after = verifier.verify('t');
    expect(asked).toHaveLength(2);
    answers[1]?.(undefined);
    expect(await after).toBeUndefined();
    answers[0]?.(someone);
    expect(await before).toBe(someone);
    const later = verifier.verify('t');
    answers[2]?.(undefined);
    expect(await later).toBeUndefined();
  });

  it('remembers a refusal for a short time only', async () => {
    const { asked, verifier, clock } = setUp(async () => undefined);
    await verifier.verify('t');
    await verifier.verify('t');
    expect(asked).toHaveLength(1);
    clock.now += 2000;
    await verifier.verify('t');
    expect(asked).toHaveLength(2);
  });

  it('forgets the token that was not used for longest', async () => {
    const { asked, verifier } = setUp(async () => someone, 2);
    for (const token of ['a', 'b', 'a', 'c', 'a', 'b']) await verifier.verify(token);
    expect(asked).toEqual(['a', 'b', 'c', 'b']);
  });

  it('passes a failure on and does not remember it', async () => {
    let failures = 1;
    const { verifier } = setUp(async () => {
      if (failures-- > 0) throw new Error('identity is down');
      return someone;
    });
    await expect(verifier.verify('t')).rejects.toThrow('identity is down');
    expect(await verifier.verify('t')).toBe(someone);
  });

  it('refuses an endless token without asking', async () => {
    const { asked, verifier } = setUp(async () => someone);
    expect(await verifier.verify('x'.repeat(5000))).toBeUndefined();
    expect(await verifier.verify('')).toBeUndefined();
    expect(asked).toEqual([]);
  });
});

describe('the shared epoch', () => {
  it('is one count for all who hold the buffer', () => {
    const one = createSharedEpoch();
    const other = createSharedEpoch(one.buffer);
    const before = other.current();
    one.bump();
    expect(other.current()).toBe(before + 1);
  });

  it('says at once what it remembers, and nothing after a revocation, the end of the token, or of a refused one', async () => {
    const { verifier, epoch, clock } = setUp(async (token) => (token === 'good' ? someone : undefined));
    expect(verifier.verifyNow('good')).toBeUndefined();
    await verifier.verify('good');
    await verifier.verify('bad');
    expect([verifier.verifyNow('good'), verifier.verifyNow('bad'), verifier.verifyNow('')]).toEqual([
      someone,
      undefined,
      undefined,
    ]);
    epoch.bump();
    expect(verifier.verifyNow('good')).toBeUndefined();
    await verifier.verify('good');
    clock.now = someone.expiresAtMs;
    expect(verifier.verifyNow('good')).toBeUndefined();
  });
});
