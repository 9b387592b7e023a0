import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { ApiError } from '../errors.ts';
import { encodeError } from './backend-errors.ts';
import { FRAME, FRAMES_TYPE, FrameEncoder, type FrameType, MOST_FRAME_BYTES } from './frames.ts';

/** The server's half of a framed exchange: begins with status 200, ends with a final frame. */
export class FramedAnswer {
  private readonly raw: ServerResponse;
  private readonly outgoing = new FrameEncoder();

  constructor(raw: ServerResponse) {
    this.raw = raw;
  }

  /** @param head first frame, sent at once. */
  begin(headers: Record<string, string>, head: unknown): void {
    this.raw.writeHead(200, { 'content-type': FRAMES_TYPE, ...headers });
    this.raw.write(this.outgoing.encodeJson(FRAME.JSON, head));
  }

  /** Resolves when the socket wants more. @throws when the client is gone. */
  async sendData(data: Uint8Array): Promise<void> {
    for (let offset = 0; offset < data.length; offset += MOST_FRAME_BYTES)
      await this.send(FRAME.DATA, data.subarray(offset, offset + MOST_FRAME_BYTES));
  }

  end(value: unknown = {}): void {
    this.raw.end(this.outgoing.encodeJson(FRAME.END, value));
  }

  fail(error: unknown): void {
    const known =
      error instanceof ApiError
        ? error
        : new ApiError({ status: 500, code: 'InternalError', message: 'The storage node failed.', cause: error });
    this.raw.end(this.outgoing.encodeJson(FRAME.ERROR, encodeError(known)));
  }

  private async send(type: FrameType, payload: Uint8Array): Promise<void> {
    if (this.raw.destroyed) throw new Error('the client is gone');
    if (this.raw.write(this.outgoing.encode(type, payload))) return;
    const gone = new AbortController();
    const closed = once(this.raw, 'close', { signal: gone.signal }).then(() => {
      throw new Error('the client is gone');
    });
    closed.catch(() => undefined);
    try {
      await Promise.race([once(this.raw, 'drain', { signal: gone.signal }), closed]);
    } finally {
      gone.abort();
    }
  }
}
