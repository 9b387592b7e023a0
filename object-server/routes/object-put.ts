import type { FastifyInstance } from 'fastify';
import { FramedAnswer } from '../../common/cluster/framed-answer.ts';
import { FRAME, FrameDecoder, parseFrameJson } from '../../common/cluster/frames.ts';
import type { ObjectStore, ObjectUpload } from '../contract.ts';
import { UPLOAD_IDLE_MS } from '../limits.ts';
import { nextWithin } from './next-within.ts';
import { badRequest, parseFooter, parseNewObject, readHead, targetOf } from './requests.ts';

/** PUT: head, "accepted", data, footer, "stored". A request that ends before its footer leaves nothing. */
export function routeObjectPut(app: FastifyInstance, store: ObjectStore): void {
  app.put('/*', async (request, reply) => {
    const target = targetOf(request);
    const frames = new FrameDecoder(request.raw);
    const version = parseNewObject(await readHead(frames, request));
    const upload = await store.create(target, version);
    reply.hijack();
    const answer = new FramedAnswer(reply.raw);
    try {
      answer.begin({}, {});
      await receive(frames, upload);
      answer.end();
    } catch (error) {
      await upload.abort();
      answer.fail(error);
    }
  });
}

async function receive(frames: FrameDecoder, upload: ObjectUpload): Promise<void> {
  for (;;) {
    const frame = await nextWithin(frames, UPLOAD_IDLE_MS);
    if (frame.type === FRAME.END) return upload.commit(parseFooter(parseFrameJson(frame)));
    if (frame.type !== FRAME.DATA) throw badRequest('A frame that is neither data nor footer.');
    await upload.write(frame.payload);
  }
}
