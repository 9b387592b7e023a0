import type { IncomingMessage } from 'node:http';
import { MOST_DRAIN_MS, MOST_DRAINED_BYTES, SMALL_UNREAD_BODY_BYTES } from '../limits.ts';

/** Whether so much of a body was not read that the connection is not worth keeping. */
export function isMuchUnread(request: IncomingMessage): boolean {
  if (request.complete) return false;
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return encoding !== undefined || Number(length ?? 0) > SMALL_UNREAD_BODY_BYTES;
}

/**
 * Lets the rest of an answered request go by, so that the next one on its connection can be read. Where it does not end within the
 * time, the connection does: a client that keeps still in the middle holds nothing up.
 */
export function letRestPass(request: IncomingMessage, timeoutMs: number): void {
  if (request.complete || request.destroyed) return;
  const timer = setTimeout(() => request.destroy(), timeoutMs).unref();
  request.once('close', () => clearTimeout(timer));
  request.resume();
}

/**
 * Reads on for a while what nobody wants: a client that only looks at the answer when it has sent everything would
 * otherwise meet a broken connection.
 */
export function drain(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let left = MOST_DRAINED_BYTES;
    const timer = setTimeout(() => stop(), MOST_DRAIN_MS);
    const stop = () => {
      clearTimeout(timer);
      request.off('data', onData);
      request.pause();
      resolve();
    };
    const onData = (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) stop();
    };
    request.on('data', onData);
    request.once('end', stop);
    request.once('close', stop);
    request.once('error', stop);
    if (request.readableEnded || request.destroyed) stop();
  });
}
