import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { invariant } from '../../common/errors.ts';

/** One Fernet key: 16 bytes that sign, then 16 bytes that encrypt. */
export interface FernetKey {
  signing: Buffer;
  encryption: Buffer;
}

const VERSION = 0x80;
const IV_OFFSET = 9;
const CIPHERTEXT_OFFSET = 25;
const HMAC_BYTES = 32;
const BLOCK_BYTES = 16;
const BASE64URL = /^[A-Za-z0-9_-]+={0,2}$/;

/** A key from the text of a key file: 32 bytes in base64url. Undefined for any other text. */
export function parseFernetKey(text: string): FernetKey | undefined {
  const trimmed = text.trim();
  const bytes = BASE64URL.test(trimmed) ? Buffer.from(trimmed, 'base64url') : Buffer.alloc(0);
  return bytes.length === 32 ? { signing: bytes.subarray(0, 16), encryption: bytes.subarray(16) } : undefined;
}

export interface EncodeFernetOptions {
  /** Seconds since the epoch, written in the clear. */
  issuedAtS: number;
  /** 16 bytes, never used twice with one key; random unless told. */
  iv?: Buffer;
}

/**
 * Encrypts and signs a payload: AES-128-CBC, then HMAC-SHA256 over version, time, IV and ciphertext.
 *
 * @returns base64url without padding.
 * Spec: Fernet specification, "Token Format".
 */
export function encodeFernet(payload: Uint8Array, key: FernetKey, options: EncodeFernetOptions): string {
  const iv = options.iv ?? randomBytes(BLOCK_BYTES);
  invariant(iv.length === BLOCK_BYTES, 'a Fernet IV has 16 bytes');
  const head = Buffer.alloc(IV_OFFSET);
  head.writeUInt8(VERSION, 0);
  head.writeBigUInt64BE(BigInt(Math.floor(options.issuedAtS)), 1);
  const cipher = createCipheriv('aes-128-cbc', key.encryption, iv);
  const signed = Buffer.concat([head, iv, cipher.update(payload), cipher.final()]);
  return Buffer.concat([signed, sign(signed, key)]).toString('base64url');
}

/**
 * The payload of a token that one of the keys signed, or undefined for any other text.
 *
 * Spec: Fernet specification, "Verifying".
 */
export function decodeFernet(token: string, keys: readonly FernetKey[]): Buffer | undefined {
  if (!BASE64URL.test(token)) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  const ciphertextBytes = bytes.length - CIPHERTEXT_OFFSET - HMAC_BYTES;
  if (bytes[0] !== VERSION || ciphertextBytes < BLOCK_BYTES || ciphertextBytes % BLOCK_BYTES !== 0) return undefined;
  const signed = bytes.subarray(0, -HMAC_BYTES);
  const signature = bytes.subarray(-HMAC_BYTES);
  const key = keys.find((each) => timingSafeEqual(sign(signed, each), signature));
  if (!key) return undefined;
  const decipher = createDecipheriv('aes-128-cbc', key.encryption, signed.subarray(IV_OFFSET, CIPHERTEXT_OFFSET));
  try {
    return Buffer.concat([decipher.update(signed.subarray(CIPHERTEXT_OFFSET)), decipher.final()]);
  } catch {
    // Signed by us and yet badly padded: not a token that this program made.
    return undefined;
  }
}

function sign(bytes: Buffer, key: FernetKey): Buffer {
  return createHmac('sha256', key.signing).update(bytes).digest();
}
