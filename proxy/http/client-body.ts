import type { IncomingMessage } from 'node:http';
import { releaseMemory } from '../../common/memory/release-memory.ts';
import { plainRefusal, refusal } from '../errors.ts';
import type { RequestBody } from '../message.ts';

export interface ClientBodyOptions {
  request: IncomingMessage;
  /** How long the client may keep still. */
  timeoutMs: number;
  /** Called before the first byte is asked for: sends `100 Continue` to a client that waits for it. */
  onFirstRead(): void;
}

/**
 * The body that a client sends, read at the pace of who consumes it.
 *
 * @throws ApiError 400 for a Content-Length that is none, 501 for a Transfer-Encoding other than chunked.
 */
export function clientBody(options: ClientBodyOptions): RequestBody {
  return { sizeBytes: declaredSize(options.request), chunks: () => chunksOf(options) };
}

/** Where both are there, `Transfer-Encoding` wins. Spec: RFC 9112, 6.3. */
function declaredSize({ headers }: IncomingMessage): number | undefined {
  const encoding = headers['transfer-encoding'];
  if (encoding !== undefined) {
    if (encoding.toLowerCase().trim() !== 'chunked')
      throw plainRefusal(501, 'Unsupported Transfer-Coding header value');
    return undefined;
  }
  const length = headers['content-length'];
  if (length === undefined) return undefined;
  if (!/^\d{1,15}$/.test(length)) throw plainRefusal(400, 'Invalid Content-Length');
  return Number(length);
}

async function* chunksOf({ request, timeoutMs, onFirstRead }: ClientBodyOptions): AsyncGenerator<Uint8Array> {
  onFirstRead();
  const pulse = new Pulse(request, timeoutMs);
  try {
    for (;;) {
      const chunk: Uint8Array | null = request.read();
      if (chunk !== null) {
        yield chunk;
        releaseMemory(chunk);
        continue;
      }
      if (request.readableEnded) break;
      await pulse.next();
    }
  } finally {
    pulse.stop();
  }
  if (!request.complete) throw refusal(499);
}

/** Waits until the request has more to say. */
class Pulse {
  private wake: (() => void) | undefined;
  private failure: Error | undefined;
  private readonly request: IncomingMessage;
  private readonly timer: NodeJS.Timeout;

  constructor(request: IncomingMessage, timeoutMs: number) {
    this.request = request;
    this.timer = setTimeout(() => {
      // Only who waits is timed: a slow replica is not the client's fault.
      if (this.wake) this.fail(refusal(408));
    }, timeoutMs);
    request.on('readable', this.onReadable);
    request.on('end', this.onReadable);
    request.on('close', this.onGone);
    request.on('error', this.onGone);
    if (request.destroyed && !request.readableEnded) this.failure = refusal(499);
  }

  /** @throws ApiError 408, 499. */
  async next(): Promise<void> {
    if (this.failure) throw this.failure;
    this.timer.refresh();
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    this.wake = undefined;
    if (this.failure) throw this.failure;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.request.off('readable', this.onReadable);
    this.request.off('end', this.onReadable);
    this.request.off('close', this.onGone);
    // An 'error' without a listener would end the process: this one stays, and does nothing any more.
  }

  private fail(failure: Error): void {
    this.failure ??= failure;
    this.wake?.();
  }

  private readonly onReadable = (): void => this.wake?.();
  private readonly onGone = (): void => {
    if (this.request.complete && !this.request.errored) this.wake?.();
    else this.fail(refusal(499));
  };
}
