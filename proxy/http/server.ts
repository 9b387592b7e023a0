import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyServerFactory } from 'fastify';
import type { Clock } from '../../common/clock.ts';
import { pageOf } from '../errors.ts';
import { MOST_HEAD_BYTES } from '../limits.ts';
import { contentOf } from '../message.ts';
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
  clock: Clock;
  clientTimeoutMs: number;
}

/** A server that gives the object API its requests as they are, and Fastify the few others. */
export function serverFactory({ api, s3, hostNames, clock, clientTimeoutMs }: ServerOptions): FastifyServerFactory {
  return (fastifyHandler) => {
    const server = createServer({ maxHeaderSize: MOST_HEAD_BYTES });
    server.requestTimeout = 0;
    server.headersTimeout = HEADERS_TIMEOUT_MS;
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    // A connection that has become idle while the server closes is not waited for.
    const done = () => {
      if (!server.listening) server.closeIdleConnections();
    };
    const serve = (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean) => {
      // A bucket may be called as those few paths are.
      if (!PLAIN_PATHS.test(request.url ?? '') || s3.claims(request)) {
        api.serve(request, response, expectsContinue, done);
        return;
      }
      if (expectsContinue) response.writeContinue();
      fastifyHandler(request, response);
    };
    const refuse = (response: ServerResponse, error: unknown) => {
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
      void sendResponse(answer, options).catch(() => response.destroy());
    };
    const serveHost = (names: HostNames, request: IncomingMessage, response: ServerResponse, expects: boolean) => {
      const serveRemapped = () => {
        names.remap(request);
        serve(request, response, expects);
      };
      try {
        if (!names.mayBeAlias(request)) serveRemapped();
        else
          names
            .resolve(request)
            .then(serveRemapped)
            .catch((error: unknown) => refuse(response, error));
      } catch (error) {
        refuse(response, error);
      }
    };
    const receive = (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean) => {
      if (!hostNames || request.url === HEALTHCHECK || s3.claims(request)) serve(request, response, expectsContinue);
      else serveHost(hostNames, request, response, expectsContinue);
    };
    server.on('request', (request, response) => receive(request, response, false));
    server.on('checkContinue', (request, response) => receive(request, response, true));
    server.on('clientError', (error, socket) => answerClientError(error, socket as Socket, newTransactionId(clock)));
    return server;
  };
}
