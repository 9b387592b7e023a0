import { describe, expect, it } from 'vitest';
import { MOST_WAITING_HASHES } from '../../../auth/limits.ts';
import { PasswordHasher } from '../../../auth/passwords/password-hasher.ts';
import { hashPassword, needsRehash, verifyPassword } from '../../../auth/passwords/scrypt.ts';

const COST = 10;

describe('password hashes', () => {
  it('accept the password and no other', async () => {
    const hash = await hashPassword('correct horse', COST);
    expect(await verifyPassword('correct horse', hash)).toBe(true);
    expect(await verifyPassword('correct horsf', hash)).toBe(false);
    expect(await verifyPassword('', hash)).toBe(false);
  });

  it('look at the whole password, beyond 72 bytes', async () => {
    const hash = await hashPassword(`${'x'.repeat(200)}a`, COST);
    expect(await verifyPassword(`${'x'.repeat(200)}b`, hash)).toBe(false);
  });

  it('have a salt of their own', async () => {
    expect(await hashPassword('same', COST)).not.toBe(await hashPassword('same', COST));
  });

  it.each(['', 'scrypt$', 'md5$x', 'scrypt$10$8$1$salt$short'])(
    'a stored text "%s" accepts nothing',
    async (stored) => {
      expect(await verifyPassword('', stored)).toBe(false);
      expect(needsRehash(stored, COST)).toBe(true);
    },
  );
});

describe('the password hasher', () => {
  it('asks for a new hash when the cost has risen, and only for the right password', async () => {
    const stored = await hashPassword('secret', COST);
    const hasher = new PasswordHasher(COST + 1);
    expect(await hasher.verify('wrong', stored)).toEqual({ matches: false });
    const { matches, rehash } = await hasher.verify('secret', stored);
    expect(matches).toBe(true);
    expect(await hasher.verify('secret', rehash)).toEqual({ matches: true });
  });

  it('matches nothing where there is no user or no password', async () => {
    const hasher = new PasswordHasher(COST);
    expect(await hasher.verify('', undefined)).toEqual({ matches: false });
    expect(await hasher.verify('', null)).toEqual({ matches: false });
  });

  it('refuses with 503 when too many wait, and goes on afterwards', async () => {
    const hasher = new PasswordHasher(COST);
    const waiting = Array.from({ length: MOST_WAITING_HASHES }, () => hasher.hash('x'));
    await expect(hasher.hash('one too many')).rejects.toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    await Promise.all(waiting);
    await expect(hasher.hash('x')).resolves.toMatch(/^scrypt\$/);
  });
});
