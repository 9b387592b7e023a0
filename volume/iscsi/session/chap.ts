import { createHash, randomBytes } from 'node:crypto';
import { equalSecrets } from '../../../common/secrets.ts';

/** CHAP algorithms by their number, the one we prefer first. Spec: IANA PPP authentication algorithms; RFC 7143, 12.1.3 */
const ALGORITHMS: readonly { number: string; hash: string; challengeBytes: number }[] = [
  { number: '7', hash: 'sha256', challengeBytes: 32 },
  { number: '5', hash: 'md5', challengeBytes: 16 },
];

/** What the target asked, to be answered once. */
export interface ChapChallenge {
  /** CHAP_A. */
  algorithm: string;
  /** CHAP_I, 0..255. */
  identifier: number;
  challenge: Buffer;
}

/**
 * Asks a new challenge in the best algorithm that the initiator offers.
 *
 * @param offered value of CHAP_A: algorithm numbers, comma separated.
 * @returns undefined if none of them is known.
 * Spec: RFC 7143, 12.1.3
 */
export function newChallenge(offered: string): ChapChallenge | undefined {
  const numbers = offered.split(',');
  const algorithm = ALGORITHMS.find(({ number }) => numbers.includes(number));
  if (algorithm === undefined) return undefined;
  const [identifier = 0] = randomBytes(1);
  return { algorithm: algorithm.number, identifier, challenge: randomBytes(algorithm.challengeBytes) };
}

/** The response that `secret` gives to a challenge. Spec: RFC 1994, 4.1 */
export function chapResponse({ algorithm, identifier, challenge }: ChapChallenge, secret: string): Buffer {
  const hash = ALGORITHMS.find(({ number }) => number === algorithm)?.hash ?? 'md5';
  return createHash(hash).update(Buffer.of(identifier)).update(secret, 'utf8').update(challenge).digest();
}

/** Whether name and response prove the account; takes the same time wherever they differ. */
export function provesAccount(
  challenge: ChapChallenge,
  proof: { username: string; response: Buffer },
  account: { username: string; secret: string },
): boolean {
  const sameName = equalSecrets(proof.username, account.username);
  const sameResponse = equalSecrets(proof.response, chapResponse(challenge, account.secret));
  return sameName && sameResponse;
}

/**
 * Parses a binary value of a text key: `0x…` or `0b…`.
 *
 * @returns undefined if it is neither. Spec: RFC 7143, 6.1 (hex-constant, base64-constant)
 */
export function parseBinary(value: string): Buffer | undefined {
  if (/^0[xX]([0-9a-fA-F]{2})+$/.test(value)) return Buffer.from(value.slice(2), 'hex');
  if (/^0[bB][A-Za-z0-9+/]+={0,2}$/.test(value)) return Buffer.from(value.slice(2), 'base64');
  return undefined;
}

export function encodeBinary(value: Buffer): string {
  return `0x${value.toString('hex')}`;
}
