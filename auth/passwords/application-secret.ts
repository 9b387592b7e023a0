import { createHash, randomBytes } from 'node:crypto';
import { equalSecrets } from '../../common/secrets.ts';
import type { PasswordHasher } from './password-hasher.ts';

/** A secret nobody has to remember: 64 random bytes. */
export function newApplicationSecret(): string {
  return randomBytes(64).toString('base64url');
}

/**
 * What is stored of a secret: of one that we made a plain SHA-256, for nobody guesses 512 bits and machines log in often; of one
 * that somebody chose a scrypt hash, as of a password.
 */
export async function hashApplicationSecret(
  secret: string,
  origin: 'made' | 'chosen',
  passwords: PasswordHasher,
): Promise<string> {
  return origin === 'made' ? `sha256$${sha256(secret)}` : passwords.hash(secret);
}

/**
 * Whether a secret is the one that was hashed. Every failure costs what a wrong password costs, so that its time does not tell
 * whether there is such a credential.
 *
 * @param stored undefined where there is none.
 * @throws ApiError 503 when too many passwords are being checked.
 */
export async function verifyApplicationSecret(
  secret: string,
  stored: string | undefined,
  passwords: PasswordHasher,
): Promise<boolean> {
  if (stored?.startsWith('sha256$')) {
    if (equalSecrets(stored, `sha256$${sha256(secret)}`)) return true;
    await passwords.verify(secret, undefined);
    return false;
  }
  return (await passwords.verify(secret, stored)).matches;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
