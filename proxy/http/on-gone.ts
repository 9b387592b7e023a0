import type { ServerResponse } from 'node:http';

/**
 * Calls `listener` when an answer's connection ends, or the answer has been sent. An answer that waits for those to earlier requests
 * of its connection (pipelining) is not told by Node when that ends: there the connection itself is listened to.
 *
 * @returns ends it.
 */
export function onGone(response: ServerResponse, listener: () => void): () => void {
  response.on('close', listener);
  const socket = response.socket ? undefined : response.req.socket;
  // As many as the client has requests waiting: no leak.
  socket?.setMaxListeners(0).on('close', listener);
  return () => {
    response.off('close', listener);
    socket?.off('close', listener);
  };
}
