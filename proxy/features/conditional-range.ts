import { HTML, pageOf } from '../errors.ts';
import {
  type Content,
  contentOf,
  type Feature,
  type Headers,
  type ProxyRequest,
  type ProxyResponse,
} from '../message.ts';
import { multipartRanges } from './multipart-ranges.ts';
import { type ByteRange, contentRange, parseRange, satisfiableRanges } from './ranges.ts';

/**
 * Conditions and ranges of GET and HEAD, for whatever the features below make of an object: its own bytes or those of its segments.
 *
 * Spec: RFC 9110, 13 and 14, in the order in which Swift looks at the conditions.
 */
export const conditionalRange: Feature = (next) => async (request) => {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (request.path.object === undefined || !isRead) return next(request);
  const response = await next(request).catch((error: unknown) => {
    if (isNotFound(error) && matches(request.headers['if-match'], undefined))
      return { status: 412, headers: {}, body: contentOf('') } satisfies ProxyResponse as ProxyResponse;
    throw error;
  });
  if (response.status !== 200) return response;
  const status = conditionStatus(request.headers, response.headers);
  if (status === undefined) return request.method === 'GET' ? applyRange(request, response) : response;
  await response.body?.close();
  return { status, headers: status === 412 ? refusedHeaders(response.headers) : response.headers, body: contentOf('') };
};

/** A refusal describes the object, and is a page of its own. */
function refusedHeaders({ 'accept-ranges': _, ...headers }: Headers): Headers {
  return { ...headers, 'content-type': HTML };
}

/** 304 or 412 where a condition of the request says so of the object that `answer` describes. */
export function conditionStatus(headers: Headers, answer: Headers): 304 | 412 | undefined {
  const etag = normalizeEtag(answer['etag'] ?? '');
  const { 'if-none-match': ifNoneMatch, 'if-match': ifMatch } = headers;
  if (matches(ifNoneMatch, etag)) return 304;
  if (ifMatch !== undefined && !matches(ifMatch, etag)) return 412;
  const { 'if-modified-since': modifiedSince, 'if-unmodified-since': unmodifiedSince } = headers;
  if (modifiedSince === undefined && unmodifiedSince === undefined) return undefined;
  const modified = Date.parse(answer['last-modified'] ?? '');
  if (modified <= parseDate(modifiedSince)) return 304;
  return modified > parseDate(unmodifiedSince) ? 412 : undefined;
}

/** Whether a list of ETags names this one; an absent list names none, and `*` any, even of what is not there. */
function matches(list: string | undefined, etag: string | undefined): boolean {
  if (!list) return false;
  const tags = list.split(',').map((tag) => normalizeEtag(tag.trim()));
  return tags.includes('*') || (etag !== undefined && tags.includes(etag));
}

function normalizeEtag(etag: string): string {
  return etag.startsWith('"') && etag.endsWith('"') && etag.length > 1 ? etag.slice(1, -1) : etag;
}

/** NaN, which compares false with everything, for what is absent or no date. */
function parseDate(text: string | undefined): number {
  return text === undefined ? Number.NaN : Date.parse(text);
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'status' in error && error.status === 404;
}

async function applyRange(request: ProxyRequest, response: ProxyResponse): Promise<ProxyResponse> {
  const { body } = response;
  if (!isSized(body)) return response;
  const { sizeBytes } = body;
  const ranges = currentRanges(request.headers, response.headers, sizeBytes);
  if (!ranges) return response;
  const [range, ...more] = ranges;
  if (!range) {
    await body.close();
    // The page has the type of the object, as in Swift.
    const headers = { ...response.headers, 'content-range': `bytes */${sizeBytes}` };
    return { status: 416, headers, body: contentOf(pageOf(416)) };
  }
  // "The last n bytes" of nothing are all of it, and have no positions that Content-Range could name.
  if (sizeBytes === 0) return response;
  if (more.length === 0) {
    const headers = { ...response.headers, 'content-range': contentRange(range, sizeBytes) };
    return { status: 206, headers, body: slice(body, range.start, range.end) };
  }
  const multipart = multipartRanges(body, ranges, response.headers['content-type'] ?? '');
  return {
    status: 206,
    headers: { ...response.headers, 'content-type': multipart.contentType },
    body: multipart.content,
  };
}

/** The ranges that a request asks for; none where it asks for nothing that is there. Undefined: the whole is wanted. */
export function currentRanges(headers: Headers, answer: Headers, sizeBytes: number): ByteRange[] | undefined {
  const specs = parseRange(headers['range']);
  if (!specs || !isRangeCurrent(headers['if-range'], answer)) return undefined;
  return satisfiableRanges(specs, sizeBytes);
}

function isSized(content: Content | undefined): content is Content & { sizeBytes: number } {
  return content?.sizeBytes !== undefined;
}

/** Spec: RFC 9110, 13.1.5: a range of another version is no use to the client, which then gets all of this one. */
function isRangeCurrent(ifRange: string | undefined, answer: Headers): boolean {
  if (!ifRange) return true;
  const etag = answer['etag'] ?? '';
  return (
    normalizeEtag(ifRange) === normalizeEtag(etag) || Date.parse(ifRange) === Date.parse(answer['last-modified'] ?? '')
  );
}

function slice(content: Content, from: number, to: number): Content {
  return {
    sizeBytes: to - from,
    read: (start, end) => content.read(from + start, Math.min(from + end, to)),
    close: () => content.close(),
  };
}
