import { createHash } from 'node:crypto';
import { ApiError, InvariantError } from '../../common/errors.ts';
import { refusal } from '../errors.ts';
import { MOST_MANIFEST_BYTES, MOST_MANIFEST_DEPTH } from '../limits.ts';
import {
  type Content,
  contentOf,
  type Handler,
  type ProxyRequest,
  type ProxyResponse,
  readWhole,
  subrequest,
} from '../message.ts';
import { type Segment, segmentedContent } from './segmented-content.ts';
import { manifestEtag, type StoredSegment, segmentLength, segmentRange } from './slo-manifest.ts';
import { SLO_ETAG_HEADER, SLO_SIZE_HEADER } from './slo-put.ts';

/**
 * Makes of the answer with a manifest the answer with what it describes.
 *
 * @param response of the manifest object, its body not read yet.
 * @param depth of this manifest within others, from 1.
 */
export async function readLargeObject(
  request: ProxyRequest,
  response: ProxyResponse,
  next: Handler,
  depth: number,
): Promise<ProxyResponse> {
  const { etag: bodyEtag = '', [SLO_ETAG_HEADER]: etag, [SLO_SIZE_HEADER]: size, ...headers } = response.headers;
  if (request.method === 'HEAD' && etag !== undefined && size !== undefined) {
    const whole: Content = { sizeBytes: Number(size), async *read() {}, close: async () => response.body?.close() };
    return { ...response, headers: { ...headers, etag: `"${etag}"`, 'x-manifest-etag': bodyEtag }, body: whole };
  }
  const segments = await readSegments(response);
  return {
    ...response,
    headers: { ...headers, etag: `"${etag ?? manifestEtag(segments)}"`, 'x-manifest-etag': bodyEtag },
    body: segmentedContent(segments.map((segment) => segmentOf(segment, request, next, depth))),
  };
}

/** `?multipart-manifest=get`: the manifest itself, or (`&format=raw`) what a client would send to store it again. */
export async function readManifestItself(request: ProxyRequest, response: ProxyResponse): Promise<ProxyResponse> {
  const { [SLO_ETAG_HEADER]: _etag, [SLO_SIZE_HEADER]: _size, ...headers } = response.headers;
  if (request.query.get('format') !== 'raw')
    return { ...response, headers: { ...headers, 'content-type': 'application/json; charset=utf-8' } };
  const raw = JSON.stringify((await readSegments(response)).map(asSent));
  const etag = createHash('md5').update(raw).digest('hex');
  return { ...response, headers: { ...headers, etag }, body: contentOf(raw) };
}

function asSent(segment: StoredSegment): Record<string, unknown> {
  if ('data' in segment) return { data: segment.data };
  const { name: path, bytes: size_bytes, hash: etag, range } = segment;
  return { path, size_bytes, etag, ...(range === undefined ? {} : { range }) };
}

/** The elements of a stored manifest. Closes it. */
export async function readSegments(response: ProxyResponse): Promise<StoredSegment[]> {
  const { body } = response;
  if (!body) throw new InvariantError('a manifest has a body');
  try {
    const bytes = await readWhole(body, 2 * MOST_MANIFEST_BYTES);
    return JSON.parse(bytes?.toString() ?? '') as StoredSegment[];
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw refusal(409, { cause: error });
  } finally {
    await body.close();
  }
}

function segmentOf(stored: StoredSegment, request: ProxyRequest, next: Handler, depth: number): Segment {
  const sizeBytes = segmentLength(stored);
  if ('data' in stored) return { sizeBytes, open: async () => contentOf(Buffer.from(stored.data, 'base64')) };
  const { start, end } = segmentRange(stored);
  return {
    sizeBytes,
    async open() {
      const content = await openSegment(stored, request, next, depth);
      return {
        sizeBytes,
        read: (from, to) => content.read(start + from, Math.min(start + to, end)),
        close: () => content.close(),
      };
    },
  };
}

/** @throws ApiError 409 where the segment is gone, changed, or nested too deep. */
async function openSegment(
  stored: Exclude<StoredSegment, { data: string }>,
  request: ProxyRequest,
  next: Handler,
  depth: number,
): Promise<Content> {
  const [container = '', ...rest] = stored.name.replace(/^\/+/, '').split('/');
  const path = { account: request.path.account, container, object: rest.join('/') };
  const segmentRequest = subrequest(request, { method: 'GET', path });
  try {
    let segment = await next(segmentRequest);
    if (segment.headers['x-static-large-object']) {
      if (depth >= MOST_MANIFEST_DEPTH) {
        await segment.body?.close();
        throw refusal(409);
      }
      segment = await readLargeObject(segmentRequest, segment, next, depth + 1);
    }
    const isSame =
      segment.headers['etag']?.replaceAll('"', '') === stored.hash && segment.body?.sizeBytes === stored.bytes;
    if (segment.body && isSame) return segment.body;
    await segment.body?.close();
  } catch (error) {
    if (!(error instanceof ApiError) || error.status >= 500) throw error;
    throw refusal(409, { cause: error });
  }
  throw refusal(409);
}
