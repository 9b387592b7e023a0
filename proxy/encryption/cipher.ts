import { type Cipher, createCipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { DecryptionError } from './keyring.ts';

const ALGORITHM = 'aes-256-ctr';
const BLOCK_BYTES = 16;
export const KEY_BYTES = 32;
export const IV_BYTES = BLOCK_BYTES;

/**
 * AES-256 in counter mode, as if `offset` bytes had passed already. The same both ways; bytes come out as many as went in.
 *
 * @param iv 16 bytes: the counter's value for the first block, big-endian, modulo 2 ** 128.
 * Spec: NIST SP 800-38A, 6.5.
 */
export function counterMode(key: Uint8Array, iv: Uint8Array, offset = 0): Cipher {
  const cipher = createCipheriv(ALGORITHM, key, offset < BLOCK_BYTES ? iv : advanced(iv, Math.floor(offset / 16)));
  const within = offset % BLOCK_BYTES;
  if (within > 0) cipher.update(Buffer.alloc(within));
  return cipher;
}

function advanced(iv: Uint8Array, blocks: number): Buffer {
  const counter = BigInt(`0x${Buffer.from(iv).toString('hex')}`) + BigInt(blocks);
  return Buffer.from(
    BigInt.asUintN(128, counter)
      .toString(16)
      .padStart(2 * IV_BYTES, '0'),
    'hex',
  );
}

/** Encrypts a short text under an IV of its own. @returns base64 of IV and ciphertext. */
export function sealText(key: Uint8Array, text: string): string {
  return sealBytes(key, Buffer.from(text));
}

/** @throws DecryptionError for what `sealText` has not made. A wrong key gives a wrong text. */
export function openText(key: Uint8Array, sealed: string): string {
  return openBytes(key, sealed).toString();
}

export function sealBytes(key: Uint8Array, bytes: Uint8Array): string {
  const iv = randomBytes(IV_BYTES);
  return Buffer.concat([iv, counterMode(key, iv).update(bytes)]).toString('base64');
}

export function openBytes(key: Uint8Array, sealed: string): Buffer {
  const bytes = Buffer.from(sealed, 'base64');
  if (bytes.length < IV_BYTES) throw new DecryptionError('an encrypted value is too short');
  return counterMode(key, bytes.subarray(0, IV_BYTES)).update(bytes.subarray(IV_BYTES));
}

/** HMAC-SHA256 of an ETag under its object's key, base64. */
export function etagMac(objectKey: Uint8Array, etag: string): string {
  return createHmac('sha256', objectKey).update(etag).digest('base64');
}

export function isEtagMac(objectKey: Uint8Array, etag: string, stored: string): boolean {
  const expected = Buffer.from(etagMac(objectKey, etag));
  const given = Buffer.from(stored);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
