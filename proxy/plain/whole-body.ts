import type { IncomingMessage } from 'node:http';
import { releaseMemory } from '../../common/memory/release-memory.ts';
import { refusal } from '../errors.ts';

/**
 * Gathers a body whose length the client told, in one piece: where it comes in one, that very piece.
 *
 * @param sizeBytes small: all of it is held in memory.
 * @throws ApiError 499 when the client goes away before it is there, 408 when it keeps still for `timeoutMs`.
 */
export function wholeBody(request: IncomingMessage, sizeBytes: number, timeoutMs: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let first: Uint8Array | undefined;
    let gathered: Buffer | undefined;
    let received = 0;
    const timer = setTimeout(() => settle(refusal(408)), timeoutMs);

    const settle = (failure?: Error) => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      if (failure) request.pause();
      if (failure) reject(failure);
      else resolve(gathered ?? first ?? Buffer.alloc(0));
    };
    const onData = (chunk: Uint8Array) => {
      timer.refresh();
      if (received === 0 && chunk.length === sizeBytes) first = chunk;
      else {
        gathered ??= Buffer.allocUnsafe(sizeBytes);
        gathered.set(chunk, received);
      }
      received += chunk.length;
      if (chunk !== first) releaseMemory(chunk);
    };
    const onEnd = () => settle(request.complete && received === sizeBytes ? undefined : refusal(499));
    const onClose = () => settle(refusal(499));

    request.on('data', onData).on('end', onEnd).on('close', onClose);
    if (request.destroyed) settle(refusal(499));
  });
}
