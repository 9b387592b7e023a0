import { createHash } from 'node:crypto';
import { ApiError, InvariantError } from '../../common/errors.ts';
import { rowsOfChunk } from '../../container-server/contract.ts';
import { refusal } from '../errors.ts';
import { MOST_LISTING_ROWS } from '../limits.ts';
import {
  type Content,
  type Feature,
  type Handler,
  objectPathOf,
  type ProxyRequest,
  type ProxyResponse,
  subrequest,
} from '../message.ts';
import { decode } from '../routes/path.ts';
import { type Segment, segmentedContent } from './segmented-content.ts';

interface SegmentRow {
  name: string;
  bytes: number;
  hash: string;
}

/**
 * Dynamic large objects: `X-Object-Manifest: container/prefix` makes a GET answer all objects of that prefix, one after another.
 *
 * Spec: Object Storage API, "Dynamic large objects".
 */
export const dlo: Feature = (next) => async (request) => {
  if (request.path.object === undefined) return next(request);
  if (request.method === 'PUT') checkManifestHeader(request);
  const response = await next(request);
  const manifest = response.headers['x-object-manifest'];
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (!isRead || !manifest || response.status !== 200 || request.query.get('multipart-manifest') === 'get')
    return response;
  await response.body?.close();
  return assemble(request, response, manifest, next);
};

/** @throws ApiError 400 for what is not `container/prefix`. */
function checkManifestHeader({ headers }: ProxyRequest): void {
  const value = headers['x-object-manifest'];
  if (value === undefined) return;
  const slash = value.indexOf('/');
  const prefix = value.slice(slash + 1);
  if (slash <= 0 || prefix === '' || prefix.startsWith('/') || /[?&]/.test(value))
    throw refusal(400, { body: 'X-Object-Manifest must be in the format container/prefix' });
}

async function assemble(
  request: ProxyRequest,
  response: ProxyResponse,
  manifest: string,
  next: Handler,
): Promise<ProxyResponse> {
  const decoded = decode(manifest) ?? manifest;
  const slash = decoded.indexOf('/');
  const container = decoded.slice(0, slash);
  const prefix = decoded.slice(slash + 1);
  const list = (marker: string) => listSegments(request, { container, prefix, marker }, next);
  const rows = await list('');
  const segmentOf = (row: SegmentRow): Segment => ({
    sizeBytes: row.bytes,
    open: () => openSegment(request, container, row, next),
  });
  if (rows.length >= MOST_LISTING_ROWS) {
    // More segments than one page: neither their number nor their bytes are known before they have been read.
    const { etag: _ofTheManifest, ...headers } = response.headers;
    return { ...response, headers, body: endlessContent(rows, segmentOf, list) };
  }
  const etag = createHash('md5');
  for (const row of rows) etag.update(row.hash.replaceAll('"', ''));
  return {
    ...response,
    headers: { ...response.headers, etag: `"${etag.digest('hex')}"` },
    body: segmentedContent(rows.map(segmentOf)),
  };
}

async function listSegments(
  request: ProxyRequest,
  query: { container: string; prefix: string; marker: string },
  next: Handler,
): Promise<SegmentRow[]> {
  const { container, prefix, marker } = query;
  const path = { account: request.path.account, container };
  const listing = await next(
    subrequest(request, {
      method: 'GET',
      path,
      query: new Map([
        ['prefix', prefix],
        ['marker', marker],
      ]),
    }),
  );
  if (!listing.rows) throw new InvariantError('a container listing has rows');
  const rows = listing.rows.chunks.flatMap(rowsOfChunk).map((row) => JSON.parse(row) as SegmentRow);
  listing.rows.release?.();
  return rows;
}

async function openSegment(request: ProxyRequest, container: string, row: SegmentRow, next: Handler): Promise<Content> {
  const path = { account: request.path.account, container, object: row.name };
  if (!objectPathOf(path)) throw refusal(409);
  const segment = await next(subrequest(request, { method: 'GET', path })).catch((error: unknown) => {
    if (error instanceof ApiError && error.status < 500) throw refusal(409, { cause: error });
    throw error;
  });
  if (segment.body?.sizeBytes === row.bytes) return segment.body;
  await segment.body?.close();
  throw refusal(409);
}

/** Page after page of segments, read from the beginning. */
function endlessContent(
  firstPage: readonly SegmentRow[],
  segmentOf: (row: SegmentRow) => Segment,
  list: (marker: string) => Promise<SegmentRow[]>,
): Content {
  return {
    sizeBytes: undefined,
    async *read() {
      let page = firstPage;
      for (;;) {
        const content = segmentedContent(page.map(segmentOf));
        yield* content.read(0, content.sizeBytes);
        const last = page.at(-1);
        if (!last || page.length < MOST_LISTING_ROWS) return;
        page = await list(last.name);
      }
    },
    async close() {},
  };
}
