import type { TextPairs } from '../wire/text.ts';
import { type ChapChallenge, encodeBinary, newChallenge, parseBinary, provesAccount } from './chap.ts';
import type { Target } from './target.ts';

/**
 * One-way CHAP of one login, against the accounts of the targets it may lead to. There is no other method, and no second try.
 * Spec: RFC 7143, 12.1.3
 */
export class ChapAuthentication {
  readonly #candidates: readonly Target[];
  #challenge: ChapChallenge | undefined;
  #proven: readonly Target[] | undefined;

  constructor(candidates: readonly Target[]) {
    this.#candidates = candidates;
  }

  /** The targets whose account the initiator has proven; undefined until it has. */
  get proven(): readonly Target[] | undefined {
    return this.#proven;
  }

  /** @returns the answer, or undefined when authentication has failed. */
  answer(pairs: TextPairs): [string, string][] | undefined {
    const said = new Map(pairs);
    const methods = said.get('AuthMethod');
    const algorithms = said.get('CHAP_A');
    if (this.#proven !== undefined) return pairs.length === 0 ? [] : undefined;
    if (said.has('CHAP_N') || said.has('CHAP_R')) return this.#prove(said) ? [] : undefined;
    if (methods !== undefined && !methods.split(',').includes('CHAP')) return undefined;
    const answers: [string, string][] = methods === undefined ? [] : [['AuthMethod', 'CHAP']];
    if (algorithms === undefined) return answers;
    if (this.#challenge !== undefined) return undefined;
    this.#challenge = newChallenge(algorithms);
    if (this.#challenge === undefined) return undefined;
    const { algorithm, identifier, challenge } = this.#challenge;
    return [...answers, ['CHAP_A', algorithm], ['CHAP_I', String(identifier)], ['CHAP_C', encodeBinary(challenge)]];
  }

  #prove(said: ReadonlyMap<string, string>): boolean {
    const challenge = this.#challenge;
    this.#challenge = undefined; // answered once
    const username = said.get('CHAP_N');
    const response = parseBinary(said.get('CHAP_R') ?? '');
    // An initiator that wants us to prove ourselves would not be satisfied: say so now.
    if (challenge === undefined || username === undefined || response === undefined || said.has('CHAP_C')) return false;
    const proven = this.#candidates.filter(({ definition }) =>
      provesAccount(challenge, { username, response }, definition.chap),
    );
    if (proven.length === 0) return false;
    this.#proven = proven;
    return true;
  }
}
