import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodeFernet, encodeFernet, type FernetKey, parseFernetKey } from '../../../auth/tokens/fernet.ts';

/** Spec: Fernet specification, `generate.json`. */
const VECTOR = {
  token: 'gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==',
  secret: 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=',
  issuedAtS: 499162800,
  text: 'hello',
};

function keyOf(text: string): FernetKey {
  const key = parseFernetKey(text);
  if (!key) throw new Error('no key');
  return key;
}

const key = keyOf(VECTOR.secret);
const otherKey = keyOf(Buffer.alloc(32, 7).toString('base64url'));

describe('Fernet', () => {
  it('makes the token of the specification', () => {
    const iv = Buffer.from(Array.from({ length: 16 }, (_, index) => index));
    const token = encodeFernet(Buffer.from(VECTOR.text), key, { issuedAtS: VECTOR.issuedAtS, iv });
    expect(token).toBe(VECTOR.token.replaceAll('=', ''));
  });

  it('reads the token of the specification, padded or not', () => {
    expect(decodeFernet(VECTOR.token, [key])?.toString()).toBe(VECTOR.text);
    expect(decodeFernet(VECTOR.token.replaceAll('=', ''), [otherKey, key])?.toString()).toBe(VECTOR.text);
  });

  it('refuses the token of another key', () => {
    expect(decodeFernet(VECTOR.token, [otherKey])).toBeUndefined();
    expect(decodeFernet(VECTOR.token, [])).toBeUndefined();
  });

  it.each([
    '',
    'gAAAAA',
    'not base64!',
    VECTOR.token.slice(0, -4),
    `${VECTOR.token}\n`,
    `A${VECTOR.token.slice(1)}`,
    'A'.repeat(4096),
  ])('refuses "%s"', (text) => {
    expect(decodeFernet(text, [key])).toBeUndefined();
  });

  it('refuses what is signed and yet not padded as it must be', () => {
    const bytes = Buffer.from(encodeFernet(Buffer.from('x'), key, { issuedAtS: 0 }), 'base64url');
    bytes[30] = (bytes[30] ?? 0) ^ 1;
    const signed = bytes.subarray(0, -32);
    const forged = Buffer.concat([signed, createHmac('sha256', key.signing).update(signed).digest()]);
    const decoded = decodeFernet(forged.toString('base64url'), [key]);
    expect(decoded?.toString()).not.toBe('x');
  });

  it.each(['', 'abc', Buffer.alloc(31).toString('base64url'), Buffer.alloc(33).toString('base64url'), '*'.repeat(44)])(
    'takes "%s" for no key',
    (text) => {
      expect(parseFernetKey(text)).toBeUndefined();
    },
  );
});
