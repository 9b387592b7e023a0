import type { IncomingMessage } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../../common/errors.ts';
import { openImage, readData } from '../actions/download-data.ts';
import { uploadData } from '../actions/upload-data.ts';
import type { ImageContext } from '../context.ts';
import { brokenUpload, invalid } from '../errors.ts';
import { IDLE_TIMEOUT_MS, MOST_DRAINED_BYTES } from '../limits.ts';
import { typeOf } from './parse-body.ts';
import { parseRange } from './parse-range.ts';

/** `/v2/images/{id}/file`: the bytes of images. Spec: Image API v2, "Image data". */
export function registerImageFile(app: FastifyInstance, context: ImageContext): void {
  app.put<{ Params: { id: string } }>('/v2/images/:id/file', async (request, reply) => {
    try {
      if (typeOf(request) !== 'application/octet-stream') throw unsupportedType(request);
      await uploadData(context, request.identity, {
        imageId: request.params.id,
        open: (signal) => openBody(request.raw, signal),
        announcedBytes: parseLength(request),
        store: headerOf(request, 'x-image-meta-store'),
      });
    } catch (error) {
      drain(request.raw);
      throw error;
    }
    return reply.status(204).send();
  });

  app.get<{ Params: { id: string } }>('/v2/images/:id/file', { exposeHeadRoute: false }, async (request, reply) => {
    const { data } = await openImage(context, request.identity, request.params.id);
    if (!data) return reply.status(204).send();
    const range = parseRange(headerOf(request, 'range'), data.sizeBytes);
    reply.headers({ 'content-type': 'application/octet-stream', 'accept-ranges': 'bytes' });
    if (range === 'unsatisfiable') throw unsatisfiable(data.sizeBytes);
    const span = range ?? { start: 0, end: data.sizeBytes };
    const bytes = await readData(context, data, span);
    if (range) reply.status(206).header('content-range', `bytes ${span.start}-${span.end - 1}/${data.sizeBytes}`);
    else reply.header('content-md5', data.md5);
    return send(reply.header('content-length', span.end - span.start), bytes);
  });
}

function send(reply: FastifyReply, bytes: AsyncIterable<Buffer>): FastifyReply {
  const { socket } = reply.raw;
  const giveUp = (): void => void socket?.destroy();
  socket?.setTimeout(IDLE_TIMEOUT_MS, giveUp);
  reply.raw.once('close', () => socket?.setTimeout(0).off('timeout', giveUp));
  return reply.send(Readable.from(bytes, { objectMode: false }));
}

/**
 * The request's body as a stream that can be let go of: to stop reading it must not destroy the connection, on which the answer
 * is still to go out. Ends with an error if the client goes away, moves nothing for too long, or the signal fires.
 */
function openBody(body: IncomingMessage, signal: AbortSignal): AsyncIterable<Buffer> {
  const stream = new PassThrough();
  const breakOff = (error: Error): void => void stream.destroy(error);
  const lost = (): void => {
    if (!body.complete) breakOff(brokenUpload(body.errored ?? undefined));
  };
  const stalled = (): void => breakOff(brokenUpload(new Error('the client moved no byte for too long')));
  const ended = (): void => breakOff(signal.reason);
  body.once('close', lost).once('error', lost);
  body.socket.setTimeout(IDLE_TIMEOUT_MS, stalled);
  signal.addEventListener('abort', ended);
  stream.once('close', () => {
    body.off('close', lost).socket.setTimeout(0).off('timeout', stalled);
    signal.removeEventListener('abort', ended);
    body.unpipe(stream);
  });
  if (signal.aborted) ended();
  else if (body.destroyed) lost();
  else body.pipe(stream);
  return stream;
}

/** Reads and drops what a refused upload still sends, up to a bound: most clients read the answer only after they have sent all. */
function drain(body: IncomingMessage): void {
  let drainedBytes = 0;
  body.on('error', () => undefined);
  body.on('data', (chunk: Buffer) => {
    drainedBytes += chunk.length;
    if (drainedBytes > MOST_DRAINED_BYTES) body.destroy();
  });
}

/** The length that the client says the image has, `x-openstack-image-size`, or that of the body. @throws ApiError 400. */
function parseLength(request: FastifyRequest): number | undefined {
  const announced = headerOf(request, 'x-openstack-image-size');
  const length = headerOf(request, 'content-length');
  if (announced !== undefined && !/^\d{1,15}$/.test(announced))
    throw invalid('x-openstack-image-size: an integer of 0 or more is expected.');
  if (announced !== undefined && length !== undefined && Number(announced) !== Number(length))
    throw invalid('x-openstack-image-size differs from the length of the request body.');
  const text = announced ?? length;
  return text === undefined ? undefined : Number(text);
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function unsupportedType(request: FastifyRequest): ApiError {
  return new ApiError({
    status: 415,
    code: 'UnsupportedMediaType',
    message: `Image data is sent as application/octet-stream, not as ${typeOf(request) || 'nothing'}.`,
  });
}

function unsatisfiable(sizeBytes: number): ApiError {
  return new ApiError({
    status: 416,
    code: 'RangeNotSatisfiable',
    message: 'The range lies outside the image.',
    headers: { 'content-range': `bytes */${sizeBytes}` },
  });
}
