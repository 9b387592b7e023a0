import { describe, expect, it } from 'vitest';
import { partitionOfHash, pathHash } from '../../../ring/path-hash.ts';

const secret = { prefix: 'changeme', suffix: 'changeme' };

describe('the hash of a path', () => {
  it('is what swift-get-nodes says for a known object', () => {
    const digest = pathHash(secret, 'AUTH_test', 'c', 'o');
    expect(digest.toString('hex')).toMatch(/^4e2772c4/);
    expect(partitionOfHash(digest, 6)).toBe(19);
  });

  it('depends on prefix and suffix', () => {
    const hashes = [secret, { ...secret, prefix: 'other' }, { ...secret, suffix: 'other' }].map((one) =>
      pathHash(one, 'AUTH_test').toString('hex'),
    );
    expect(new Set(hashes).size).toBe(3);
  });

  it('of an object without container is a bug of the caller', () => {
    expect(() => pathHash(secret, 'AUTH_test', undefined, 'o')).toThrow('an object has a container');
  });
});

describe('the partition of a hash', () => {
  const digest = Buffer.from('ffffffff000000000000000000000000', 'hex');

  it('is below 2 ** partPower for every power', () => {
    expect([0, 1, 10, 31, 32].map((power) => partitionOfHash(digest, power))).toEqual([
      0,
      1,
      1023,
      2 ** 31 - 1,
      2 ** 32 - 1,
    ]);
  });

  it('of a power out of range is a bug of the caller', () => {
    for (const power of [-1, 33, 1.5]) expect(() => partitionOfHash(digest, power)).toThrow('partition power');
  });
});
