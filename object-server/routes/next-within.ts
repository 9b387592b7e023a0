import type { Frame, FrameDecoder } from '../../common/cluster/frames.ts';
import { ApiError } from '../../common/errors.ts';

/** @throws ApiError 408 when the next frame does not come in time: the caller gives the exchange up. */
export async function nextWithin(frames: FrameDecoder, idleMs: number): Promise<Frame> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new ApiError({ status: 408, code: 'ExchangeIdle', message: `Nothing came for ${idleMs} ms.` })),
      idleMs,
    );
  });
  const next = frames.next();
  try {
    return await Promise.race([next, late]);
  } finally {
    clearTimeout(timer);
    next.catch(() => undefined);
  }
}
