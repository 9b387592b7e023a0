import type { MessagePort } from 'node:worker_threads';
import { ApiError, systemErrorCode } from '../errors.ts';

/** Most calls a client leaves unanswered, and a server runs, at once; what is beyond is refused, never queued. */
const MAX_CALLS_IN_FLIGHT = 10_000;

/** Methods that can be called over a port: arguments and results must survive structured cloning. */
type RpcMethods = Record<string, (...args: never[]) => Promise<unknown>>;

interface Call {
  id: number;
  method: string;
  args: unknown[];
}

type Answer = { id: number; result: unknown } | { id: number; error: WireError };

interface WireError {
  message: string;
  /** Set for an ApiError, which arrives as an ApiError. */
  api?: { status: number; code: string; headers: Record<string, string>; details: Record<string, unknown> };
  name?: string;
  code?: string;
  stack?: string;
}

/** What `rpcClient` gives: the methods of T that return promises, and the way to hang up. */
export interface RpcClient<T> {
  readonly remote: { [K in keyof T as T[K] extends (...args: never[]) => Promise<unknown> ? K : never]: T[K] };
  /** Closes the port; calls that wait are rejected. */
  close(): void;
}

/**
 * Answers calls that arrive on `port` with the methods of `implementation` (own properties only). Methods run concurrently, in
 * the order of arrival; an error travels as an error with its message and code, an ApiError as an ApiError.
 */
export function serveRpc<T extends { [K in keyof T]: (...args: never[]) => Promise<unknown> }>(
  port: MessagePort,
  implementation: T,
): void {
  const methods = new Map<string, (...args: unknown[]) => Promise<unknown>>(
    Object.entries(implementation as RpcMethods) as [string, (...args: unknown[]) => Promise<unknown>][],
  );
  let running = 0;
  port.on('message', (call: Call) => {
    void answer(call).then((answered) => {
      try {
        port.postMessage(answered);
      } catch (error) {
        port.postMessage({ id: call.id, error: packError(error) } satisfies Answer); // a result that cannot be cloned
      }
    });
  });

  async function answer({ id, method, args }: Call): Promise<Answer> {
    const run = methods.get(method);
    if (run === undefined) return { id, error: { message: `no method ${method}`, name: 'TypeError' } };
    if (running >= MAX_CALLS_IN_FLIGHT) return { id, error: packError(overloaded(method)) };
    running += 1;
    try {
      return { id, result: await run(...args) };
    } catch (error) {
      return { id, error: packError(error) };
    } finally {
      running -= 1;
    }
  }
}

/**
 * Calls the methods that `serveRpc` answers at the other end of `port`. When the other end goes away, every waiting and every
 * later call is rejected with ApiError `RpcClosed` (503).
 */
export function rpcClient<T>(port: MessagePort): RpcClient<T> {
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  let lastId = 0;
  let closed = false;

  port.on('message', (answer: Answer) => {
    const call = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('error' in answer) call?.reject(unpackError(answer.error));
    else call?.resolve(answer.result);
  });
  port.on('close', () => {
    closed = true;
    for (const [id, call] of waiting) {
      waiting.delete(id);
      call.reject(hungUp());
    }
  });

  function call(method: string, args: unknown[]): Promise<unknown> {
    if (closed) return Promise.reject(hungUp());
    if (waiting.size >= MAX_CALLS_IN_FLIGHT) return Promise.reject(overloaded(method));
    lastId += 1;
    const id = lastId;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      try {
        port.postMessage({ id, method, args } satisfies Call);
      } catch (error) {
        waiting.delete(id); // an argument that cannot be cloned
        reject(error);
      }
    });
  }

  const remote = new Proxy(Object.create(null) as RpcClient<T>['remote'], {
    // A client is not a promise: `await` on it must not call a remote method named `then`.
    get: (_, method) =>
      typeof method === 'string' && method !== 'then' ? (...args: unknown[]) => call(method, args) : undefined,
  });
  return { remote, close: () => port.close() };
}

function packError(error: unknown): WireError {
  if (error instanceof ApiError) {
    const { status, code, headers, details, message } = error;
    return { message, api: { status, code, headers: { ...headers }, details: { ...details } } };
  }
  if (!(error instanceof Error)) return { message: String(error) };
  const code = systemErrorCode(error);
  return {
    message: error.message,
    name: error.name,
    ...(code === undefined ? {} : { code }),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
  };
}

function unpackError({ message, api, name, code, stack }: WireError): Error {
  if (api !== undefined) return new ApiError({ message, ...api });
  const error = new Error(message);
  if (name !== undefined) error.name = name;
  if (stack !== undefined) error.stack = stack;
  return code === undefined ? error : Object.assign(error, { code });
}

function overloaded(method: string): ApiError {
  return new ApiError({
    status: 503,
    code: 'RpcOverloaded',
    message: `too many calls in flight; ${method} was refused`,
  });
}

function hungUp(): ApiError {
  return new ApiError({ status: 503, code: 'RpcClosed', message: 'the thread at the other end is gone' });
}
