import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyServerFactory } from 'fastify';
import type { Clock } from '../../common/clock.ts';
import type { AccessLog } from '../access-log/access-log.ts';
import { ObservedRequest, ObservedResponse } from '../access-log/observed.ts';
import { pageOf } from '../errors.ts';
import { MOST_HEAD_BYTES } from '../limits.ts';
import { contentOf } from '../message.ts';
import { ENDPOINTS_PATH } from '../routes/endpoints.ts';
import type { S3Api } from '../s3/api.ts';
import { answerClientError } from './client-error.ts';
import { BadHost, type HostNames } from './host-names.ts';
import type { ObjectApi } from './object-api.ts';
import { sendResponse } from './send-response.ts';
import { newTransactionId } from './transaction-id.ts';

/** Paths that Fastify serves; all others are the object API's, as in Swift, where any path is at least a bad one. */
const PLAIN_PATHS = /^\/(info|healthcheck|crossdomain\.xml|auth(\/.*)?)\/?(\?.*)?$/;
/** Whatever host it is asked of. */
const HEALTHCHECK = '/healthcheck';

const KEEP_ALIVE_MS = 65_000;
const HEADERS_TIMEOUT_MS = 60_000;

export interface ServerOptions {
  api: ObjectApi;
  s3: S3Api;
  /** Undefined: hosts mean nothing. */
  hostNames: HostNames | undefined;
  /** Undefined: requests are not logged, and nothing is watched. */
  accessLog: AccessLog | undefined;
  /** Whether `/endpoints/` means something. */
  listsEndpoints: boolean;
  clock: Clock;
  clientTimeoutMs: number;
}

interface Received {
  request: IncomingMessage;
  response: ServerResponse;
  expectsContinue: boolean;
  done(): void;
}

/** A server that gives the object API its requests as they are, and Fastify the few others. */
export function serverFactory(options: ServerOptions): FastifyServerFactory {
  const { api, s3, hostNames, accessLog, listsEndpoints, clock, clientTimeoutMs } = options;
  return (fastifyHandler) => {
    const maxHeaderSize = MOST_HEAD_BYTES;
    const server: Server = accessLog
      ? createServer({ maxHeaderSize, IncomingMessage: ObservedRequest, ServerResponse: ObservedResponse })
      : createServer({ maxHeaderSize });
    server.requestTimeout = 0;
    server.headersTimeout = HEADERS_TIMEOUT_MS;
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    // A connection that has become idle while the server closes is not waited for.
    const closeIdle = () => {
      if (!server.listening) server.closeIdleConnections();
    };
    /** Called when nobody works on the request any more. */
    const doneOf = (request: IncomingMessage, response: ServerResponse): (() => void) => {
      if (!accessLog || !(request instanceof ObservedRequest && response instanceof ObservedResponse)) return closeIdle;
      const logIt = accessLog.watch(request, response);
      return () => {
        logIt();
        closeIdle();
      };
    };
    const serve = ({ request, response, expectsContinue, done }: Received) => {
      // A bucket may be called as those few paths are.
      const isPlain =
        PLAIN_PATHS.test(request.url ?? '') || (listsEndpoints && request.url?.startsWith(ENDPOINTS_PATH) === true);
      if (!isPlain || s3.claims(request)) {
        api.serve(request, response, expectsContinue, done);
        return;
      }
      if (expectsContinue) response.writeContinue();
      response.once('close', done);
      fastifyHandler(request, response);
    };
    const refuse = ({ response, done }: Received, error: unknown) => {
      const text = error instanceof BadHost ? error.message : pageOf(500);
      const answer = {
        status: error instanceof BadHost ? 400 : 500,
        headers: { 'content-type': 'text/plain' },
        body: contentOf(text),
      };
      const isHead = response.req.method === 'HEAD';
      const options = {
        response,
        isHead,
        transactionId: newTransactionId(clock),
        closes: true,
        timeoutMs: clientTimeoutMs,
      };
      void sendResponse(answer, options)
        .catch(() => response.destroy())
        .finally(done);
    };
    const serveHost = (names: HostNames, received: Received) => {
      const { request } = received;
      const serveRemapped = () => {
        names.remap(request);
        serve(received);
      };
      try {
        if (!names.mayBeAlias(request)) serveRemapped();
        else
          names
            .resolve(request)
            .then(serveRemapped)
            .catch((error: unknown) => refuse(received, error));
      } catch (error) {
        refuse(received, error);
      }
    };
    const receive = (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean) => {
      const received: Received = { request, response, expectsContinue, done: doneOf(request, response) };
      if (!hostNames || request.url === HEALTHCHECK || s3.claims(request)) serve(received);
      else serveHost(hostNames, received);
    };
    server.on('request', (request, response) => receive(request, response, false));
    server.on('checkContinue', (request, response) => receive(request, response, true));
    server.on('clientError', (error, socket) => answerClientError(error, socket as Socket, newTransactionId(clock)));
    return server;
  };
}
