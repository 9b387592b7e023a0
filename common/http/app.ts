import type { IncomingMessage } from 'node:http';
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerFactory,
  LogController,
} from 'fastify';
import { ApiError } from '../errors.ts';
import type { Logger } from '../log.ts';

/** An error's answer in one service's dialect. */
export interface RenderedError {
  contentType: string;
  body: string;
}

export type RenderError = (error: ApiError, request: FastifyRequest) => RenderedError;

export interface AppOptions {
  logger: Logger;
  renderError: RenderError;
  /** Makes the id that the answer, the log line and the error body share. */
  newRequestId: (request: IncomingMessage) => string;
  /** Headers in which the answer carries that id. */
  requestIdHeaders: readonly string[];
  /** Largest JSON body; streams that a route reads by itself are bounded by the route. */
  mostBodyBytes: number;
  /** For a service that serves some requests itself: makes the server around Fastify's handler. */
  serverFactory?: FastifyServerFactory;
}

/** A part of the program that serves HTTP: built without listening, started and stopped by `cli`. */
export interface Service {
  app: FastifyInstance;
  /** Recovers what a crash left half done, then starts background work. Called before the port opens. */
  start(): Promise<void>;
  /** Ends background work and releases what it holds. Called after the last request has been answered. */
  stop(): Promise<void>;
}

/**
 * A Fastify instance as all our HTTP services want it: health check, request ids, errors rendered once in the service's dialect,
 * 503 while closing. It does not listen.
 */
export function createApp(options: AppOptions): FastifyInstance {
  const app = fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: options.newRequestId,
    bodyLimit: options.mostBodyBytes,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 2048 },
    forceCloseConnections: 'idle',
    requestTimeout: 0,
    keepAliveTimeout: 65_000,
    ...(options.serverFactory ? { serverFactory: options.serverFactory } : {}),
  });
  app.addHook('onRequest', async (request, reply) => {
    for (const header of options.requestIdHeaders) reply.header(header, request.id);
  });
  app.setErrorHandler((error: unknown, request, reply) =>
    sendError(toApiError(error, request), request, reply, options),
  );
  app.setNotFoundHandler((request, reply) => {
    const error = new ApiError({ status: 404, code: 'NotFound', message: 'The resource could not be found.' });
    return sendError(error, request, reply, options);
  });
  acceptEmptyJson(app);
  app.get('/healthcheck', async (_request, reply) => reply.type('text/plain').send('OK'));
  return app;
}

/** OpenStack's clients send `Content-Type: application/json` with requests that have no body, DELETE among them. */
function acceptEmptyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else parse(request, body, done);
  });
}

function sendError(error: ApiError, request: FastifyRequest, reply: FastifyReply, options: AppOptions): FastifyReply {
  const { contentType, body } = options.renderError(error, request);
  return reply.status(error.status).headers(error.headers).type(contentType).send(body);
}

/** Whatever was thrown, as an error a caller may see. What is not an `ApiError` is logged with its stack and answered 500. */
function toApiError(error: unknown, request: FastifyRequest): ApiError {
  if (error instanceof ApiError) return error;
  if (isFrameworkRefusal(error))
    return new ApiError({ status: error.statusCode, code: error.code, message: error.message, cause: error });
  request.log.error({ err: error, requestId: request.id, url: request.url.split('?')[0] }, 'unexpected error');
  return new ApiError({
    status: 500,
    code: 'InternalError',
    message: 'The server has either erred or is incapable of performing the requested operation.',
    cause: error,
  });
}

/** Fastify's own refusals: a malformed body, one too large, a schema that does not match. */
function isFrameworkRefusal(error: unknown): error is FastifyError & { statusCode: number } {
  if (!(error instanceof Error) || !('statusCode' in error)) return false;
  return typeof error.statusCode === 'number' && error.statusCode >= 400 && error.statusCode < 500;
}
