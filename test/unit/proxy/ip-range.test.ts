import { describe, expect, it } from 'vitest';
import { isInIpRange } from '../../../proxy/features/ip-range.ts';

describe('ranges of addresses', () => {
  it.each([
    ['10.1.2.3', '10.0.0.0/8', true],
    ['11.1.2.3', '10.0.0.0/8', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.3', '0.0.0.0/0', true],
    ['::ffff:10.1.2.3', '10.0.0.0/8', true],
    ['2001:db8::1', '2001:db8::/32', true],
    ['2001:db9::1', '2001:db8::/32', false],
    ['::1', '::1/128', true],
    ['10.1.2.3', '::/0', false],
    ['::1', '0.0.0.0/0', false],
    ['', '0.0.0.0/0', undefined],
    ['10.1.2.3', '10.1.2.3/8', undefined],
    ['10.1.2.3', '10.0.0.0/255.0.0.0', true],
    ['11.1.2.3', '10.0.0.0/255.0.0.0', false],
    ['10.1.2.3', '10.0.0.0/0.255.255.255', true],
    ['10.1.2.3', '0.0.0.0/0.0.0.0', true],
    ['10.1.2.3', '10.1.2.3/255.255.255.255', true],
    ['10.1.2.3', '10.0.0.0/255.0.255.0', undefined],
    ['::1', '::/255.0.0.0', undefined],
    ['10.1.2.3', '10.0.0.0/33', undefined],
    ['10.1.2.3', '10.0.0.0/8/8', undefined],
    ['10.1.2.3', '10.0.0.0/', undefined],
    ['10.1.2.3', 'example.com', undefined],
    ['fe80::1', 'fe80::%eth0/64', undefined],
  ])('%s in %s: %s', (address, range, expected) => {
    expect(isInIpRange(address, range)).toBe(expected);
  });
});
