import { FIRST_BURST_BYTES, MAX_BURST_BYTES, MAX_RECV_SEGMENT_BYTES } from '../limits.ts';
import type { TextPairs } from '../wire/text.ts';

/** What a session runs by, once both sides have spoken. Starts at the defaults of the protocol. */
export interface SessionParameters {
  headerDigest: boolean;
  dataDigest: boolean;
  /** Data segment the initiator takes at most. */
  maxSendSegmentBytes: number;
  maxBurstBytes: number;
  firstBurstBytes: number;
  initialR2t: boolean;
  immediateData: boolean;
}

/** Spec: RFC 7143, 13 (defaults) */
function defaultParameters(): SessionParameters {
  return {
    headerDigest: false,
    dataDigest: false,
    maxSendSegmentBytes: 8192,
    maxBurstBytes: 262_144,
    firstBurstBytes: 65_536,
    initialR2t: true,
    immediateData: true,
  };
}

const REJECTED = 'Reject';

interface Key {
  /** Asked of normal sessions only: a discovery session answers "Irrelevant". */
  normalOnly?: boolean;
  /** Takes the initiator's value, answers ours; undefined for a declaration, which is not answered. */
  negotiate(value: string, parameters: SessionParameters): string | undefined;
}

/** Spec: RFC 7143, 13 */
const KEYS: Readonly<Record<string, Key>> = {
  HeaderDigest: choice(['CRC32C', 'None'], (chosen, p) => {
    p.headerDigest = chosen === 'CRC32C';
  }),
  DataDigest: choice(['CRC32C', 'None'], (chosen, p) => {
    p.dataDigest = chosen === 'CRC32C';
  }),
  MaxRecvDataSegmentLength: number(512, 2 ** 24 - 1, (value, p) => {
    p.maxSendSegmentBytes = value;
    return undefined;
  }),
  MaxConnections: normal(number(1, 65_535, () => 1)),
  InitialR2T: normal(
    boolean((value, p) => {
      p.initialR2t = value; // ours is No, the result is OR
      return value;
    }),
  ),
  ImmediateData: normal(
    boolean((value, p) => {
      p.immediateData = value; // ours is Yes, the result is AND
      return value;
    }),
  ),
  MaxBurstLength: normal(
    number(512, 2 ** 24 - 1, (value, p) => {
      p.maxBurstBytes = Math.min(value, MAX_BURST_BYTES);
      return p.maxBurstBytes;
    }),
  ),
  FirstBurstLength: normal(
    number(512, 2 ** 24 - 1, (value, p) => {
      p.firstBurstBytes = Math.min(value, FIRST_BURST_BYTES);
      return p.firstBurstBytes;
    }),
  ),
  MaxOutstandingR2T: normal(number(1, 65_535, () => 1)),
  DataPDUInOrder: normal(boolean(() => true)),
  DataSequenceInOrder: normal(boolean(() => true)),
  DefaultTime2Wait: number(0, 3600, (value) => Math.max(value, 2)),
  DefaultTime2Retain: number(0, 3600, () => 0),
  ErrorRecoveryLevel: number(0, 2, () => 0),
  IFMarker: boolean(() => false),
  OFMarker: boolean(() => false),
  IFMarkInt: { negotiate: () => REJECTED },
  OFMarkInt: { negotiate: () => REJECTED },
  TaskReporting: normal(choice(['RFC3720'], () => {})),
  iSCSIProtocolLevel: {
    negotiate: (value) => (isNumber(value, 0, 31) ? String(Math.min(parseNumber(value), 1)) : REJECTED),
  },
};

/** A key was asked twice, or the initiator answered what was not asked: the login fails. */
export class NegotiationError extends Error {
  override readonly name = 'NegotiationError';
}

/** One login's operational negotiation: remembers which keys have been settled. */
export class Negotiation {
  readonly parameters: SessionParameters = defaultParameters();
  readonly #isDiscovery: () => boolean;
  readonly #seen = new Set<string>();
  #declared = false;

  constructor(isDiscovery: () => boolean) {
    this.#isDiscovery = isDiscovery;
  }

  /**
   * Answers the initiator's keys, and declares ours with the first answer.
   *
   * @throws NegotiationError when a key comes a second time.
   * Spec: RFC 7143, 6.2
   */
  answer(pairs: TextPairs): TextPairs {
    const answers: [string, string][] = [];
    for (const [key, value] of pairs) {
      if (this.#seen.has(key)) throw new NegotiationError(`${key} is negotiated twice`);
      this.#seen.add(key);
      const known = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
      const answer = this.#answerKey(known, value);
      if (answer !== undefined) answers.push([key, answer]);
    }
    if (!this.#declared) {
      this.#declared = true;
      answers.push(['MaxRecvDataSegmentLength', String(MAX_RECV_SEGMENT_BYTES)]);
    }
    // Both are answered one by one, so the order of the keys must not matter for this one.
    this.parameters.firstBurstBytes = Math.min(this.parameters.firstBurstBytes, this.parameters.maxBurstBytes);
    return answers.map(([key, value]) =>
      key === 'FirstBurstLength' && value !== REJECTED && value !== 'Irrelevant'
        ? [key, String(this.parameters.firstBurstBytes)]
        : [key, value],
    );
  }

  #answerKey(key: Key | undefined, value: string): string | undefined {
    if (key === undefined) return isReply(value) ? undefined : 'NotUnderstood';
    if (isReply(value)) return undefined; // an answer to nothing that we asked
    if (key.normalOnly === true && this.#isDiscovery()) return 'Irrelevant';
    return key.negotiate(value, this.parameters);
  }
}

/** Values that are answers and never answered: two sides would say them for ever. */
function isReply(value: string): boolean {
  return value === 'NotUnderstood' || value === 'Irrelevant' || value === REJECTED;
}

function normal(key: Key): Key {
  return { ...key, normalOnly: true };
}

/** The first value of the initiator's list that we know. */
function choice(known: readonly string[], settle: (chosen: string, parameters: SessionParameters) => void): Key {
  return {
    negotiate(value, parameters) {
      const chosen = value.split(',').find((offered) => known.includes(offered));
      if (chosen === undefined) return REJECTED;
      settle(chosen, parameters);
      return chosen;
    },
  };
}

function boolean(settle: (value: boolean, parameters: SessionParameters) => boolean): Key {
  return {
    negotiate: (value, parameters) =>
      value === 'Yes' || value === 'No' ? (settle(value === 'Yes', parameters) ? 'Yes' : 'No') : REJECTED,
  };
}

function number(
  min: number,
  max: number,
  settle: (value: number, parameters: SessionParameters) => number | undefined,
): Key {
  return {
    negotiate(value, parameters) {
      if (!isNumber(value, min, max)) return REJECTED;
      const settled = settle(parseNumber(value), parameters);
      return settled === undefined ? undefined : String(settled);
    },
  };
}

function isNumber(value: string, min: number, max: number): boolean {
  if (!/^(0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})$/.test(value)) return false;
  const parsed = parseNumber(value);
  return parsed >= min && parsed <= max;
}

/** Decimal or hexadecimal. Spec: RFC 7143, 6.1 (numerical-value) */
function parseNumber(value: string): number {
  return Number(/^0[xX]/.test(value) ? value : value.replace(/^0+(?=.)/, ''));
}
