import { createHmac } from 'node:crypto';
import { equalSecrets } from '../../common/secrets.ts';

const STEP_MS = 30_000;
const DIGITS = 6;
/** Steps before the present one whose codes still count: a clock may be late, and typing takes time. */
const STEPS_BACK = 1;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * The time step that a passcode is of, among those that count now.
 *
 * @param seed in base32, as authenticator apps take it.
 * @returns undefined for a wrong code or a seed that is none.
 * Spec: RFC 6238, RFC 4226.
 */
export function totpStepOf(seed: string, passcode: string, nowMs: number): number | undefined {
  const key = decodeBase32(seed);
  if (!key) return undefined;
  const now = Math.floor(nowMs / STEP_MS);
  for (let step = now; step >= now - STEPS_BACK; step -= 1) if (equalSecrets(totpAt(key, step), passcode)) return step;
  return undefined;
}

/** The code of a step. */
export function totpAt(key: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac('sha1', key).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 0x0f;
  const value = digest.readUInt32BE(offset) & 0x7fff_ffff;
  return String(value % 10 ** DIGITS).padStart(DIGITS, '0');
}

/** Undefined for text that is no base32, or that is empty. Spec: RFC 4648, section 6. */
export function decodeBase32(text: string): Buffer | undefined {
  const letters = text.toUpperCase().replace(/=+$/, '');
  if (letters === '' || !/^[A-Z2-7]+$/.test(letters)) return undefined;
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const letter of letters) {
    bits = ((bits << 5) | ALPHABET.indexOf(letter)) & 0xfff;
    held += 5;
    if (held < 8) continue;
    held -= 8;
    bytes.push((bits >> held) & 0xff);
  }
  return Buffer.from(bytes);
}
