import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

const BLOCK_SIZE = 8;
const PARALLELISM = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

interface ScryptHash {
  /** Cost as a power of two. */
  cost: number;
  blockSize: number;
  parallelism: number;
  salt: Buffer;
  hash: Buffer;
}

/**
 * Hashes a password, all of it, with a salt of its own.
 *
 * @param cost power of two: 14 means N = 2^14.
 * @returns `scrypt$<cost>$<r>$<p>$<salt>$<hash>`, base64url.
 * Spec: RFC 7914.
 */
export async function hashPassword(password: string, cost: number): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const parameters = { cost, blockSize: BLOCK_SIZE, parallelism: PARALLELISM };
  const hash = await derive(password, { ...parameters, salt });
  return ['scrypt', cost, BLOCK_SIZE, PARALLELISM, salt.toString('base64url'), hash.toString('base64url')].join('$');
}

/** Whether a password is the one that was hashed, in a time that depends on the stored parameters only. */
export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const parsed = parseHash(stored);
  if (!parsed) return false;
  return timingSafeEqual(await derive(password, parsed), parsed.hash);
}

/** Whether a stored hash is weaker than a new one would be. */
export function needsRehash(stored: string, cost: number): boolean {
  const parsed = parseHash(stored);
  return !parsed || parsed.cost < cost;
}

function parseHash(stored: string): ScryptHash | undefined {
  const match = /^scrypt\$(\d{1,2})\$(\d{1,3})\$(\d{1,2})\$([\w-]+)\$([\w-]{43})$/.exec(stored);
  if (!match?.[4] || !match[5]) return undefined;
  return {
    cost: Number(match[1]),
    blockSize: Number(match[2]),
    parallelism: Number(match[3]),
    salt: Buffer.from(match[4], 'base64url'),
    hash: Buffer.from(match[5], 'base64url'),
  };
}

function derive(password: string, { cost, blockSize, parallelism, salt }: Omit<ScryptHash, 'hash'>): Promise<Buffer> {
  const N = 2 ** cost;
  const options = { N, r: blockSize, p: parallelism, maxmem: 256 * N * blockSize };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, HASH_BYTES, options, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}
