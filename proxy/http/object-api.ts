import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Identity, TokenVerifier } from '../../auth/guard/contract.ts';
import { delegationAllows } from '../../auth/guard/delegation.ts';
import type { Clock } from '../../common/clock.ts';
import { ApiError } from '../../common/errors.ts';
import type { Logger } from '../../common/log.ts';
import { SERVICE_TYPE } from '../access/access-control.ts';
import { ObservedResponse } from '../access-log/observed.ts';
import { refusal, renderedRefusal } from '../errors.ts';
import { contentOf, type Handler, type Headers, NO_BODY, type ProxyRequest, type ProxyResponse } from '../message.ts';
import type { StraightWay } from '../plain/straight-way.ts';
import { parseTarget } from '../routes/path.ts';
import type { S3Api } from '../s3/api.ts';
import { clientBody } from './client-body.ts';
import { decodeHeaders } from './header-text.ts';
import { sendResponse } from './send-response.ts';
import { newTransactionId } from './transaction-id.ts';
import { drain, isMuchUnread, letRestPass } from './unread-body.ts';

export interface ObjectApiOptions {
  /** Takes what it can, before anything else looks at the request. */
  straightWay: StraightWay;
  pipeline: Handler;
  /** Takes the requests that are signed as S3's. */
  s3: S3Api;
  verifier: TokenVerifier;
  /** Whether `X-Service-Token` is looked at. */
  takesServiceTokens: boolean;
  clock: Clock;
  logger: Logger;
  clientTimeoutMs: number;
  /** A redirect as the client has to see it, whose host was made a part of the path. */
  shownLocation?: ((request: IncomingMessage, location: string) => string) | undefined;
  /** While it is true, requests are refused with 503 and their connections end. */
  isClosing(): boolean;
}

export interface ObjectApi {
  /** Serves one request, to its end, and calls `done` then. */
  serve(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean, done: () => void): void;
  /** Resolves when no request is running. */
  idle(): Promise<void>;
}

const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** The object API on Node's own request and response: no body is parsed, none is held in memory. */
export function createObjectApi(options: ObjectApiOptions): ObjectApi {
  let running = 0;
  let rest: (() => void)[] = [];

  async function run(work: Promise<void>, done: () => void): Promise<void> {
    running += 1;
    await work;
    running -= 1;
    done();
    if (running > 0) return;
    for (const resolve of rest) resolve();
    rest = [];
  }

  function takeStraight(request: IncomingMessage, response: ServerResponse): boolean | Promise<void> {
    try {
      return options.straightWay(request, response);
    } catch (error) {
      if (response.headersSent) return Promise.reject(error);
      options.logger.error({ err: error }, 'the straight way failed; the pipeline serves the request');
      return false;
    }
  }

  /** Takes the straight way to its end. Never rejects. */
  async function served(work: Promise<void>, request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await work;
    } catch (error) {
      await new Exchange(options, request, response, false).fail(error);
    }
  }

  return {
    serve(request, response, expectsContinue, done) {
      const taken = expectsContinue || options.isClosing() ? false : takeStraight(request, response);
      if (taken === true) done();
      else if (taken) void run(served(taken, request, response), done);
      else void run(new Exchange(options, request, response, expectsContinue).run(), done);
    },
    idle: () => (running === 0 ? Promise.resolve() : new Promise((resolve) => rest.push(resolve))),
  };
}

class Exchange {
  private readonly options: ObjectApiOptions;
  private readonly incoming: IncomingMessage;
  private readonly response: ServerResponse;
  private readonly headers: Headers;
  private readonly transactionId: string;
  /** The client waits for `100 Continue` and has not been sent it. */
  private isHeldBack: boolean;
  private readonly isS3: boolean;

  constructor(
    options: ObjectApiOptions,
    incoming: IncomingMessage,
    response: ServerResponse,
    expectsContinue: boolean,
  ) {
    this.options = options;
    this.incoming = incoming;
    this.response = response;
    this.isHeldBack = expectsContinue;
    this.isS3 = options.s3.claims(incoming);
    this.headers = decodeHeaders(incoming.headers);
    this.transactionId = newTransactionId(options.clock, this.headers['x-trans-id-extra']);
    // Logged even where no answer is sent.
    if (response instanceof ObservedResponse) response.transactionId = this.transactionId;
    // The stream says it to who reads; with nobody reading, it must not end the process.
    incoming.on('error', ignore);
    response.on('error', ignore);
  }

  async run(): Promise<void> {
    try {
      await this.send(await this.answer());
    } catch (error) {
      await this.fail(error);
    }
  }

  private async answer(): Promise<ProxyResponse> {
    if (this.options.isClosing()) throw refusal(503);
    if (this.isS3) return this.answerS3();
    const { path, query, pathText } = parseTarget(this.incoming.url ?? '/');
    const method = this.incoming.method ?? 'GET';
    const body = BODILESS.has(method) ? NO_BODY : this.body();
    const callers = await this.callers(method);
    const log = this.options.logger;
    const request: ProxyRequest = {
      method,
      path,
      query,
      headers: this.headers,
      body,
      context: {
        transactionId: this.transactionId,
        ...callers,
        client: { address: this.incoming.socket.remoteAddress, pathText },
        log,
      },
    };
    return this.options.pipeline(request);
  }

  private answerS3(): Promise<ProxyResponse> {
    const { incoming, options, transactionId } = this;
    const body = BODILESS.has(incoming.method ?? 'GET') ? NO_BODY : this.body();
    const client = { address: incoming.socket.remoteAddress, pathText: '' };
    const context = { transactionId, caller: undefined, client, log: options.logger };
    return options.s3.answer({ request: incoming, body, context });
  }

  private body() {
    return clientBody({
      request: this.incoming,
      timeoutMs: this.options.clientTimeoutMs,
      onFirstRead: () => {
        if (this.isHeldBack) this.response.writeContinue();
        this.isHeldBack = false;
      },
    });
  }

  /**
   * A token that identity refuses is no token: what anybody may read, its bearer may read too. So is one beside a service token that
   * identity refuses.
   */
  private async callers(method: string): Promise<{ caller: Identity | undefined; serviceCaller?: Identity }> {
    const token = this.headers['x-auth-token'] ?? this.headers['x-storage-token'];
    if (!token) return { caller: undefined };
    const serviceToken = this.options.takesServiceTokens ? this.headers['x-service-token'] : undefined;
    const path = (this.incoming.url ?? '').split('?', 1)[0] ?? '';
    const asked = { serviceType: SERVICE_TYPE, method, path };
    const serviceCaller = serviceToken ? await this.verified(serviceToken) : undefined;
    if (serviceToken && !(serviceCaller && delegationAllows(serviceCaller, asked))) return { caller: undefined };
    const caller = await this.verified(token);
    if (!caller || !delegationAllows(caller, { ...asked, serviceIdentity: serviceCaller }))
      return { caller: undefined };
    return { caller, ...(serviceCaller ? { serviceCaller } : {}) };
  }

  /** @throws ApiError 503. */
  private async verified(token: string): Promise<Identity | undefined> {
    try {
      const { verifier } = this.options;
      return verifier.verifyNow?.(token) ?? (await verifier.verify(token));
    } catch (error) {
      throw refusal(503, { cause: error });
    }
  }

  /** Answers an error. Never rejects. */
  async fail(error: unknown): Promise<void> {
    const { logger } = this.options;
    const refused = error instanceof ApiError ? error : refusal(500, { cause: error });
    const { transactionId } = this;
    if (!(error instanceof ApiError)) logger.error({ err: error, transactionId }, 'unexpected error');
    else if (error.status >= 500 && error.status !== 501)
      logger.warn({ err: error, transactionId }, 'a request failed');
    if (this.response.headersSent || this.response.destroyed) {
      this.response.destroy();
      return;
    }
    try {
      await this.send(
        this.isS3 ? this.options.s3.render(refused, this.incoming, transactionId) : renderedAnswer(refused),
      );
    } catch (secondError) {
      logger.debug({ err: secondError, transactionId }, 'an error could not be answered');
      this.response.destroy();
    }
  }

  private async send(unseen: ProxyResponse): Promise<void> {
    const { incoming, response, options } = this;
    const { location } = unseen.headers;
    const answer =
      location === undefined || !options.shownLocation
        ? unseen
        : { ...unseen, headers: { ...unseen.headers, location: options.shownLocation(incoming, location) } };
    const isUnread = this.isHeldBack || isMuchUnread(incoming);
    const closes = options.isClosing() || isUnread || answer.status === 408 || answer.status === 499;
    await sendResponse(answer, {
      response,
      isHead: incoming.method === 'HEAD',
      transactionId: this.transactionId,
      closes,
      timeoutMs: options.clientTimeoutMs,
      isLowerCase: this.isS3,
      ...(isUnread && !this.isHeldBack ? { beforeEnd: () => drain(incoming) } : {}),
    });
    if (!closes) letRestPass(incoming, options.clientTimeoutMs);
  }
}

function renderedAnswer(refused: ApiError): ProxyResponse {
  const { contentType, body } = renderedRefusal(refused);
  const headers: Record<string, string> = { 'content-type': contentType };
  for (const [name, value] of Object.entries(refused.headers)) headers[name.toLowerCase()] = value;
  return { status: refused.status, headers, body: contentOf(body) };
}

function ignore(): void {}
