import { describe, expect, it } from 'vitest';
import { createCachingSigners } from '../../../auth/guard/caching-signers.ts';
import type { Signer } from '../../../auth/guard/contract.ts';
import { createSharedEpoch } from '../../../auth/guard/shared-epoch.ts';
import { identity } from '../../support/swift-fakes/fake-swift.ts';

const SCOPE = '20261121/us-east-1/s3/aws4_request';

function setUp() {
  const asked: string[] = [];
  const known = new Map<string, Signer>([
    ['AK', { identity: { ...identity('p1', 'u1', ['member']), expiresAtMs: 10_000 }, key: Buffer.from('key') }],
  ]);
  let nowMs = 0;
  const epoch = createSharedEpoch();
  const signers = createCachingSigners({
    signers: {
      async find(access, scope) {
        asked.push(`${access} ${scope}`);
        return known.get(access);
      },
    },
    epoch,
    clock: { nowMs: () => nowMs },
  });
  return { asked, known, epoch, signers, at: (ms: number) => (nowMs = ms) };
}

describe('what access keys sign with', () => {
  it('is asked once for a key and a scope, by many at a time', async () => {
    const { asked, signers } = setUp();
    await Promise.all([signers.find('AK', SCOPE), signers.find('AK', SCOPE)]);
    expect((await signers.find('AK', SCOPE))?.identity.user.id).toBe('u1');
    await signers.find('AK', undefined);
    expect(asked).toEqual([`AK ${SCOPE}`, 'AK undefined']);
  });

  it('is asked anew after a revocation and when the identity has ended', async () => {
    const { asked, known, epoch, signers } = setUp();
    await signers.find('AK', SCOPE);
    known.delete('AK');
    expect(await signers.find('AK', SCOPE)).toBeDefined();
    epoch.bump();
    expect(await signers.find('AK', SCOPE)).toBeUndefined();
    expect(asked).toHaveLength(2);
    const second = setUp();
    await second.signers.find('AK', SCOPE);
    second.at(10_001);
    await second.signers.find('AK', SCOPE);
    expect(second.asked).toHaveLength(2);
  });

  it('is not shared with who asks after a revocation, while the answer of before it is on its way', async () => {
    const { asked, epoch, signers } = setUp();
    const before = signers.find('AK', SCOPE);
    epoch.bump();
    await Promise.all([before, signers.find('AK', SCOPE)]);
    expect(asked).toHaveLength(2);
  });

  it('is not asked of identity for what cannot be a key, and a refusal is remembered for a while', async () => {
    const { asked, signers, at } = setUp();
    expect(await signers.find('', SCOPE)).toBeUndefined();
    expect(await signers.find('x'.repeat(300), SCOPE)).toBeUndefined();
    expect(await signers.find('AK', 'x'.repeat(300))).toBeUndefined();
    expect(asked).toEqual([]);
    await signers.find('NOBODY', SCOPE);
    await signers.find('NOBODY', SCOPE);
    expect(asked).toHaveLength(1);
    at(2_001);
    await signers.find('NOBODY', SCOPE);
    expect(asked).toHaveLength(2);
  });
});
