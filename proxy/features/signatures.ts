import { createHmac } from 'node:crypto';
import { equalSecrets } from '../../common/secrets.ts';
import type { Metadata } from '../../object-server/contract.ts';
import type { SignedGrant } from '../message.ts';
import type { Services } from '../routes/route.ts';

const DIGESTS = ['sha1', 'sha256', 'sha512'] as const;
type Digest = (typeof DIGESTS)[number];

/** A signature as a client sends it, taken apart. */
export interface SentSignature {
  readonly digest: Digest;
  readonly bytes: Buffer;
}

/** A secret that signs for an account or for one container. Never logged. */
export interface SigningKey {
  readonly key: string;
  readonly scope: SignedGrant['scope'];
}

const KEY_NAMES = ['temp-url-key', 'temp-url-key-2'];
const DIGEST_OF_HEX_LENGTH: Readonly<Record<number, Digest>> = { 40: 'sha1', 64: 'sha256', 128: 'sha512' };
const HEX = /^[0-9a-fA-F]+$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * Reads a signature: hexadecimal, its length telling the digest, or `sha512:` and base64 (of either alphabet).
 *
 * @returns undefined for what is neither.
 */
export function parseSignature(text: string): SentSignature | undefined {
  const colon = text.indexOf(':');
  if (colon < 0) {
    const digest = DIGEST_OF_HEX_LENGTH[text.length];
    return digest && HEX.test(text) ? { digest, bytes: Buffer.from(text, 'hex') } : undefined;
  }
  const digest = DIGESTS.find((known) => known === text.slice(0, colon));
  const base64 = text
    .slice(colon + 1)
    .replaceAll('-', '+')
    .replaceAll('_', '/');
  return digest && BASE64.test(base64) ? { digest, bytes: Buffer.from(base64, 'base64') } : undefined;
}

/** The keys that clients have set for an account and a container: none to four. @throws ApiError 503. */
export async function findSigningKeys(
  { accounts, containers }: Services,
  account: string,
  container: string,
): Promise<SigningKey[]> {
  const [knownAccount, knownContainer] = await Promise.all([
    accounts.find(account),
    containers.find(account, container),
  ]);
  return [...keysOf(knownAccount, 'account'), ...keysOf(knownContainer, 'container')];
}

function keysOf(known: { settings: Metadata } | undefined, scope: SignedGrant['scope']): SigningKey[] {
  return KEY_NAMES.flatMap((name) => {
    const key = known?.settings[`x-${scope}-meta-${name}`];
    return key ? [{ key, scope }] : [];
  });
}

/** The first of the keys with which one of the messages was signed so. Compares in constant time. */
export function signerOf<K extends { readonly key: string }>(
  { digest, bytes }: SentSignature,
  messages: readonly string[],
  keys: readonly K[],
): K | undefined {
  for (const message of messages)
    for (const key of keys) if (equalSecrets(createHmac(digest, key.key).update(message).digest(), bytes)) return key;
  return undefined;
}
