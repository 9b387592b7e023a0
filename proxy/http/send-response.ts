import type { ServerResponse } from 'node:http';
import { HTML, isRefusal, pageOf, reasonOf, refusal } from '../errors.ts';
import { type Content, contentOf, type Headers, type ProxyResponse } from '../message.ts';
import { encodeHeaderValue, titleCase } from './header-text.ts';
import { httpDateNow } from './http-date.ts';
import { onGone } from './on-gone.ts';

export interface SendOptions {
  response: ServerResponse;
  isHead: boolean;
  transactionId: string;
  /** The connection ends with this answer. */
  closes: boolean;
  /** How long the client may refuse to take bytes. */
  timeoutMs: number;
  /** Header names are sent as they are, in lower case; else as Swift writes them. */
  isLowerCase?: boolean;
  /** Runs when the answer has been written, before it ends and its connection with it. */
  beforeEnd?: () => Promise<void>;
}

/**
 * Sends an answer. The first chunk is read before the head goes out, so that what fails until then is still answered as an error.
 *
 * @throws ApiError (before the head is sent) what reading the first chunk threw; anything else ends the connection.
 */
export async function sendResponse(answer: ProxyResponse, options: SendOptions): Promise<void> {
  const { response, isHead } = options;
  const isBodiless = answer.status === 204 || answer.status === 304;
  const page = answer.body || isHead || isBodiless ? undefined : pageOf(answer.status);
  const body = answer.body ?? (page ? contentOf(page) : undefined);
  try {
    const type = answer.headers['content-type'] ?? HTML;
    const headers = { ...answer.headers, 'content-type': type };
    if (isHead || isBodiless || !body) {
      const length = isHead ? body?.sizeBytes : isBodiless ? undefined : 0;
      sendHead(answer.status, headers, length, options);
      if (options.beforeEnd) {
        // Flushed only where a body is left to read: `flushHeaders` writes the head as UTF-8, `end` as latin1, which ours is.
        response.flushHeaders();
        await options.beforeEnd();
      }
      response.end();
      return;
    }
    await sendBody(answer.status, headers, body, options);
  } finally {
    await answer.body?.close();
  }
}

async function sendBody(status: number, headers: Headers, body: Content, options: SendOptions): Promise<void> {
  const { response } = options;
  const chunks = body.read(0, body.sizeBytes ?? Number.POSITIVE_INFINITY)[Symbol.asyncIterator]();
  const sink = new Sink(response, options.timeoutMs);
  try {
    const first = await chunks.next();
    sendHead(status, headers, body.sizeBytes, options);
    if (!first.done) await sink.write(first.value);
    if (!first.done && first.value.length !== body.sizeBytes) {
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) await sink.write(next.value);
    }
    await options.beforeEnd?.();
    response.end();
  } catch (error) {
    // Half an answer must not look like a whole one. Who takes nothing has left, as far as the access log is concerned.
    if (response.headersSent && isRefusal(error, 'RequestTimeout')) response.req.socket.destroy();
    if (response.headersSent) response.destroy();
    throw error;
  } finally {
    sink.stop();
    // Not awaited where the reader hangs: what it holds is released when it comes back.
    void chunks.return?.()?.then(undefined, () => {});
  }
}

function sendHead(status: number, headers: Headers, sizeBytes: number | undefined, options: SendOptions): void {
  const lines: string[] = [];
  for (const [name, value] of Object.entries(headers))
    lines.push(options.isLowerCase ? name : titleCase(name), encodeHeaderValue(value));
  finishHead(lines, { sizeBytes, transactionId: options.transactionId, closes: options.closes });
  options.response.writeHead(status, reasonOf(status), lines);
}

/** Adds the lines that end every head. */
export function finishHead(
  lines: string[],
  { sizeBytes, transactionId, closes }: { sizeBytes: number | undefined; transactionId: string; closes: boolean },
): void {
  if (sizeBytes !== undefined) lines.push('Content-Length', String(sizeBytes));
  lines.push('X-Trans-Id', transactionId, 'X-Openstack-Request-Id', transactionId, 'Date', httpDateNow());
  if (closes) lines.push('Connection', 'close');
}

/** Gives the client bytes, one chunk at a time: a chunk's memory is free again when its write resolves. */
class Sink {
  private readonly response: ServerResponse;
  private readonly timer: NodeJS.Timeout;
  private readonly stopWatching: () => void;
  private reject: ((error: Error) => void) | undefined;

  constructor(response: ServerResponse, timeoutMs: number) {
    this.response = response;
    this.timer = setTimeout(() => this.reject?.(refusal(408)), timeoutMs);
    this.stopWatching = onGone(response, this.onClose);
  }

  /** @throws ApiError 408 when the client takes nothing for too long, 499 when it is gone. */
  write(chunk: Uint8Array): Promise<void> {
    if (this.response.destroyed) return Promise.reject(refusal(499));
    this.timer.refresh();
    return new Promise((resolve, reject) => {
      this.reject = reject;
      this.response.write(chunk, (error) => {
        this.reject = undefined;
        if (error) reject(refusal(499, { cause: error }));
        else resolve();
      });
    });
  }

  stop(): void {
    clearTimeout(this.timer);
    this.stopWatching();
  }

  private readonly onClose = (): void => this.reject?.(refusal(499));
}
