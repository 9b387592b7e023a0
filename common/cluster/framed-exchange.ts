import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { ApiError } from '../errors.ts';
import { decodeError, nodeUnavailable } from './backend-errors.ts';
import {
  FRAME,
  FRAMES_TYPE,
  type Frame,
  FrameDecoder,
  FrameEncoder,
  type FrameType,
  MOST_FRAME_BYTES,
} from './frames.ts';
import { type SigningKey, signRequest } from './signature.ts';
import { digestHeader } from './signed-json.ts';

/** How long a node may think about the opening of an exchange, or about its next answer. */
const ANSWER_TIMEOUT_MS = 30_000;
const MOST_ERROR_BYTES = 64 << 10;

export interface ExchangeRequest {
  method: 'GET' | 'PUT';
  /** Percent-encoded, with query. */
  path: string;
  headers?: Record<string, string>;
}

/**
 * One HTTP request whose two bodies are sequences of frames and flow at the same time: the other side can accept before it gets
 * the data, and we can choose a range after we have seen the head.
 *
 * Spec: docs/formats/object-backend.md
 */
export class FramedExchange {
  private readonly outgoing = new FrameEncoder();
  private readonly pipe = new OutgoingPipe();
  private readonly abortion = new AbortController();
  private readonly node: string;
  private incoming: FrameDecoder | undefined;
  private closed = false;

  private constructor(node: string) {
    this.node = node;
  }

  /**
   * Sends the request with `head` as its first frame and waits for the answer to begin.
   * @throws the ApiError that the node answered; `DeviceUnavailable` 507 when it cannot be reached.
   */
  static async open(pool: Dispatcher, node: string, request: ExchangeRequest, key: SigningKey, head: unknown) {
    const exchange = new FramedExchange(node);
    const { method, path } = request;
    const json = JSON.stringify(head);
    const headers = { ...request.headers, ...digestHeader(json), 'content-type': FRAMES_TYPE };
    const authorization = signRequest({ method, url: path, headers }, key);
    const first = exchange.send(FRAME.JSON, Buffer.from(json));
    first.catch(() => undefined); // what stops it stops the request too, and is reported from there
    const response = await exchange.bounded(
      pool.request({
        method,
        path,
        headers: { ...headers, authorization },
        body: Readable.from(exchange.pipe.chunks(), { objectMode: true, highWaterMark: 1 }),
        reset: false,
        signal: exchange.abortion.signal,
      }),
    );
    response.body.on('error', () => undefined); // reported by the read that meets it; an abort after the last read has no reader
    if (response.statusCode !== 200) {
      const error = decodeError(await exchange.bounded(textOf(response.body)), response.statusCode);
      exchange.abort();
      throw error;
    }
    exchange.incoming = new FrameDecoder(response.body);
    return exchange;
  }

  /** Resolves when the socket wants more. */
  send(type: FrameType, payload: Uint8Array): Promise<void> {
    return this.pipe.push(this.outgoing.encode(type, payload));
  }

  async sendData(data: Uint8Array): Promise<void> {
    for (let offset = 0; offset < data.length; offset += MOST_FRAME_BYTES)
      await this.send(FRAME.DATA, data.subarray(offset, offset + MOST_FRAME_BYTES));
  }

  sendJson(type: FrameType, value: unknown): Promise<void> {
    return this.pipe.push(this.outgoing.encodeJson(type, value));
  }

  /** The request's body is complete. */
  finish(): void {
    this.pipe.end();
  }

  /** @throws the error that the node sent instead; `DeviceUnavailable` when the connection broke or nothing came in time. */
  receive(timeoutMs = ANSWER_TIMEOUT_MS): Promise<Frame> {
    return this.bounded(this.receiveUnbounded(), timeoutMs);
  }

  /** The same without a time limit: for an answer that waits for us. */
  async receiveUnbounded(): Promise<Frame> {
    const { incoming } = this;
    if (incoming === undefined) throw new Error('an exchange is read before it is open');
    const frame = await incoming.next().catch((error: unknown) => {
      throw nodeUnavailable(this.node, error);
    });
    if (frame.type === FRAME.ERROR) throw decodeError(frame.payload.toString(), 500);
    return frame;
  }

  /** Reads up to the end of the answer, so that the connection can serve again. */
  async drain(): Promise<void> {
    this.finish();
    while ((await this.receive()).type !== FRAME.END);
    this.done();
  }

  /** The last frame has been read: there is nothing left to cut. */
  done(): void {
    this.closed = true;
  }

  /** Cuts the connection: the other side sees a stream without an end. Harmless after the end. */
  abort(): void {
    if (this.closed) return;
    this.closed = true;
    this.pipe.fail(new Error('the exchange was abandoned'));
    this.abortion.abort();
  }

  /** @throws `DeviceUnavailable`, and cuts the connection, when `work` does not come in time. */
  async bounded<T>(work: Promise<T>, timeoutMs = ANSWER_TIMEOUT_MS): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    });
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      work.catch(() => undefined);
      this.abort();
      throw error instanceof ApiError ? error : nodeUnavailable(this.node, error);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Hands chunks to the HTTP client one at a time: the next is welcome when the client asks for it. */
class OutgoingPipe {
  private readonly queue: { chunk: Buffer; taken: () => void; refused: (error: Error) => void }[] = [];
  private ended = false;
  private failure: Error | undefined;
  private wake: () => void = () => undefined;

  push(chunk: Buffer): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((taken, refused) => {
      this.queue.push({ chunk, taken, refused });
      this.wake();
    });
  }

  end(): void {
    this.ended = true;
    this.wake();
  }

  fail(error: Error): void {
    this.failure ??= error;
    for (const { refused } of this.queue.splice(0)) refused(error);
    this.wake();
  }

  async *chunks(): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.failure !== undefined) throw this.failure;
      const item = this.queue[0];
      if (item !== undefined) {
        yield item.chunk;
        if (this.queue[0] === item) this.queue.shift();
        item.taken();
      } else if (this.ended) return;
      else
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
    }
  }
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MOST_ERROR_BYTES) break;
  }
  return Buffer.concat(chunks).toString();
}
