import type { FastifyInstance } from 'fastify';
import { FramedAnswer } from '../../common/cluster/framed-answer.ts';
import { FRAME, FrameDecoder, parseFrameJson } from '../../common/cluster/frames.ts';
import { ApiError } from '../../common/errors.ts';
import type { ObjectReading, ObjectStore } from '../contract.ts';
import { READING_IDLE_MS } from '../limits.ts';
import { nextWithin } from './next-within.ts';
import { badRequest, parseRange, readHead, targetOf } from './requests.ts';

/** GET: the state; then, when asked for a range, its bytes. The version that was opened is the one that is read. */
export function routeObjectGet(app: FastifyInstance, store: ObjectStore): void {
  app.get('/*', { exposeHeadRoute: false }, async (request, reply) => {
    const target = targetOf(request);
    const frames = new FrameDecoder(request.raw);
    await readHead(frames, request);
    const reading = await store.open(target);
    reply.hijack();
    const answer = new FramedAnswer(reply.raw);
    try {
      const { timestamp, dataTimestamp } = reading.state;
      answer.begin({ 'x-timestamp': timestamp, 'x-backend-data-timestamp': dataTimestamp }, reading.state);
      await send(frames, reading, answer);
      answer.end();
    } catch (error) {
      if (!(error instanceof ApiError)) request.log.debug({ err: error }, 'a reading ended early');
      answer.fail(error);
    } finally {
      await reading.close();
    }
  });
}

async function send(frames: FrameDecoder, reading: ObjectReading, answer: FramedAnswer): Promise<void> {
  const frame = await nextWithin(frames, READING_IDLE_MS);
  if (frame.type === FRAME.END) return;
  const { start, end } = parseRange(parseFrameJson(frame));
  if (start > end || end > reading.state.sizeBytes) throw badRequest('The range is not within the object.');
  for await (const chunk of reading.body(start, end)) await answer.sendData(chunk);
}
