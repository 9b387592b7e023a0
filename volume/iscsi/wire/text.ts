import { MAX_TEXT_KEYS } from '../limits.ts';

/** Text that is no list of `key=value` pairs. Ends a login, or is rejected. */
export class TextError extends Error {
  override readonly name = 'TextError';
}

/** Key and value pairs in the order of the wire; a key may come twice, which is for the negotiation to judge. */
export type TextPairs = readonly (readonly [key: string, value: string])[];

/**
 * Parses the text of login and text PDUs: `key=value`, each ended by a NUL.
 *
 * @throws TextError for a pair without `=`, a key that is none, or too many pairs.
 * Spec: RFC 7143, 6.1
 */
export function parseText(text: Buffer): TextPairs {
  const pairs: [string, string][] = [];
  for (const pair of text.toString('utf8').split('\0')) {
    if (pair === '') continue; // the end, or padding that some initiators count as text
    const equals = pair.indexOf('=');
    const key = pair.slice(0, Math.max(0, equals));
    if (!/^[A-Z][A-Za-z0-9.\-+@_]{0,62}$/.test(key)) throw new TextError('text is no list of key=value pairs');
    if (pairs.length >= MAX_TEXT_KEYS) throw new TextError('too many text keys');
    pairs.push([key, pair.slice(equals + 1)]);
  }
  return pairs;
}

/** Spec: RFC 7143, 6.1 */
export function encodeText(pairs: TextPairs): Buffer {
  return Buffer.from(pairs.map(([key, value]) => `${key}=${value}\0`).join(''), 'utf8');
}
