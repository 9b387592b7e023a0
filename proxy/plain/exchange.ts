import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Identity } from '../../auth/guard/contract.ts';
import { reasonOf } from '../errors.ts';
import { decodeHeaderValue } from '../http/header-text.ts';
import { onGone } from '../http/on-gone.ts';
import { finishHead } from '../http/send-response.ts';
import { newTransactionId } from '../http/transaction-id.ts';
import type { Services } from '../routes/route.ts';
import type { PlainRequest } from './plain-request.ts';

/** What the straight way works with, beside what routes do. */
export interface StraightServices extends Services {
  verifyNow(token: string): Identity | undefined;
  /** How long a client may keep still while it sends a body or takes an answer. */
  readonly clientTimeoutMs: number;
  /** While it is true, answers end their connections. */
  isClosing(): boolean;
}

/** One plain request and its answer. */
export class Exchange {
  readonly request: PlainRequest;
  readonly incoming: IncomingMessage;
  private readonly response: ServerResponse;
  private readonly services: StraightServices;

  constructor(services: StraightServices, request: PlainRequest, incoming: IncomingMessage, response: ServerResponse) {
    this.services = services;
    this.request = request;
    this.incoming = incoming;
    this.response = response;
  }

  nowMs(): number {
    return this.services.cluster.clock.nowMs();
  }

  /**
   * Sends an answer whole.
   *
   * @param lines names as they are sent, each followed by its value.
   * @param sizeBytes for `Content-Length`; undefined: none is sent.
   * @returns whether the system has all of it: nobody looks at `body` any more.
   */
  answer(
    status: number,
    lines: readonly string[],
    sizeBytes: number | undefined,
    body: Uint8Array | undefined,
  ): boolean {
    const { response, services } = this;
    const extra = this.request.headers['x-trans-id-extra'];
    const transactionId = newTransactionId(
      services.cluster.clock,
      typeof extra === 'string' ? decodeHeaderValue(extra) : undefined,
    );
    const head = lines.slice();
    finishHead(head, { sizeBytes, transactionId, closes: services.isClosing() });
    response.writeHead(status, reasonOf(status), head);
    response.end(body);
    const isSent = response.socket !== null && response.socket.writableLength === 0;
    if (!isSent) boundSending(response, services.clientTimeoutMs);
    return isSent;
  }
}

/** Cuts off a client that does not take what the system's buffers do not hold. What they hold costs this process nothing. */
function boundSending(response: ServerResponse, timeoutMs: number): void {
  const timer = setTimeout(() => response.req.socket.destroy(), timeoutMs);
  const stop = onGone(response, () => {
    clearTimeout(timer);
    stop();
  });
}
