import { MAX_TEXT_BYTES } from '../limits.ts';
import { NO_TAG, type Pdu } from '../wire/pdu.ts';
import { decodeTextRequest, type TextRequest } from '../wire/request-pdus.ts';
import { encodeTextResponse, REJECT, type Serials } from '../wire/response-pdus.ts';
import { encodeText, parseText, TextError, type TextPairs } from '../wire/text.ts';
import type { LoginOutcome } from './login.ts';
import type { SessionParameters } from './negotiation.ts';
import { sameName, type Target } from './target.ts';

interface TextChannel {
  readonly parameters: SessionParameters;
  sendStatus(encode: (serials: Serials) => Pdu): void;
  reject(reason: number, bhs: Buffer): void;
  newTransferTag(): number;
}

/** Text requests of a session in full feature phase: SendTargets, and little else. Spec: RFC 7143, 11.10 and annex C */
export class TextExchange {
  readonly #channel: TextChannel;
  readonly #outcome: LoginOutcome;
  readonly #portal: string;
  #collected: Buffer[] = [];
  /** What of a long answer is still to be fetched, and under which tag. */
  #rest: { transferTag: number; text: Buffer } | undefined;

  constructor(channel: TextChannel, outcome: LoginOutcome, local: { localAddress: string; localPort: number }) {
    this.#channel = channel;
    this.#outcome = outcome;
    const { localAddress, localPort } = local;
    this.#portal = `${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort},1`;
  }

  receive(pdu: Pdu): void {
    const request = decodeTextRequest(pdu);
    if (request.transferTag !== NO_TAG) {
      if (this.#rest?.transferTag === request.transferTag) {
        this.#answer(request, this.#rest.text);
        return;
      }
      if (this.#collected.length === 0) {
        this.#channel.reject(REJECT.protocolError, pdu.bhs);
        return;
      }
    } else {
      this.#rest = undefined; // a new negotiation ends the one before
      this.#collected = [];
    }
    this.#collected.push(request.data);
    const bytes = this.#collected.reduce((sum, piece) => sum + piece.length, 0);
    if (bytes > MAX_TEXT_BYTES) {
      this.#channel.reject(REJECT.protocolError, pdu.bhs);
      return;
    }
    if (request.continues) {
      this.#ask(request);
      return;
    }
    try {
      const pairs = parseText(Buffer.concat(this.#collected));
      this.#answer(request, encodeText(pairs.flatMap((pair) => this.#answerKey(...pair))));
    } catch (error) {
      if (!(error instanceof TextError)) throw error;
      this.#channel.reject(REJECT.protocolError, pdu.bhs);
    } finally {
      this.#collected = [];
    }
  }

  #answerKey(key: string, value: string): TextPairs {
    if (key === 'SendTargets') return this.#sendTargets(value);
    if (key === 'MaxRecvDataSegmentLength') {
      const bytes = /^\d{1,8}$/.test(value) ? Number(value) : 0;
      if (bytes < 512 || bytes >= 2 ** 24) return [[key, 'Reject']];
      this.#channel.parameters.maxSendSegmentBytes = bytes;
      return [];
    }
    if (key === 'InitiatorAlias') return [];
    return [[key, /^(X-|X#)/.test(key) ? 'NotUnderstood' : 'Reject']];
  }

  /** Only what the session has proven the secret of: nobody learns of other targets. */
  #sendTargets(value: string): TextPairs {
    const { target, discoverable } = this.#outcome;
    const known = (target === undefined ? discoverable : [target]).filter(({ closing }: Target) => !closing);
    if (value === 'All' && target !== undefined) return [['SendTargets', 'Reject']];
    const wanted =
      value === 'All' || (value === '' && target !== undefined)
        ? known
        : known.filter(({ definition }) => sameName(definition.iqn, value));
    return wanted.flatMap(
      ({ definition }): TextPairs => [
        ['TargetName', definition.iqn],
        ['TargetAddress', this.#portal],
      ],
    );
  }

  /** The initiator has more text: an empty answer asks for it. */
  #ask({ taskTag }: TextRequest): void {
    const transferTag = this.#channel.newTransferTag();
    this.#channel.sendStatus((serials) =>
      encodeTextResponse({ final: false, continues: false, taskTag, transferTag, text: Buffer.alloc(0) }, serials),
    );
  }

  /** Sends as much as one PDU takes; the rest is fetched by its tag. */
  #answer({ taskTag }: TextRequest, text: Buffer): void {
    const limit = this.#channel.parameters.maxSendSegmentBytes;
    const continues = text.length > limit;
    const transferTag = continues ? this.#channel.newTransferTag() : NO_TAG;
    this.#rest = continues ? { transferTag, text: text.subarray(limit) } : undefined;
    this.#channel.sendStatus((serials) =>
      encodeTextResponse(
        { final: !continues, continues, taskTag, transferTag, text: text.subarray(0, limit) },
        serials,
      ),
    );
  }
}
