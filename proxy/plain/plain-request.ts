import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { ResourcePath } from '../message.ts';
import { decode } from '../routes/path.ts';

type PlainVerb = 'GET' | 'HEAD' | 'PUT' | 'DELETE';

/** A request for one object in which nothing asks for a feature. */
export interface PlainRequest {
  readonly verb: PlainVerb;
  readonly path: Required<ResourcePath>;
  /** As Node has them: latin1, names in lower case. */
  readonly headers: IncomingHttpHeaders;
}

/** Headers that change no answer here, or only in ways that the straight way knows. */
const KNOWN = [
  'host',
  'connection',
  'keep-alive',
  'user-agent',
  'accept',
  'accept-encoding',
  'accept-language',
  'pragma',
  'te',
  'via',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-real-ip',
  'x-request-id',
  'dnt',
  'priority',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'sec-fetch-user',
  'upgrade-insecure-requests',
  'traceparent',
  'tracestate',
  'x-auth-token',
  'x-storage-token',
  'x-trans-id-extra',
  'referer',
  'content-type',
  'content-length',
] as const;

const READING = [
  'cache-control',
  'range',
  'if-range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
] as const;

const STORING = [
  'etag',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
  'x-robots-tag',
  'x-delete-at',
  'x-delete-after',
  'x-detect-content-type',
] as const;

/** By verb: the headers with which a request is plain. Any other may mean something to a feature, today or one day. */
const PLAIN_HEADERS: Readonly<Record<PlainVerb, ReadonlySet<string>>> = {
  GET: new Set([...KNOWN, ...READING]),
  HEAD: new Set([...KNOWN, ...READING]),
  PUT: new Set([...KNOWN, ...STORING]),
  DELETE: new Set(KNOWN),
};

const USER_METADATA = 'x-object-meta-';
const PREFIX = '/v1/';

/** @returns undefined for whatever goes through the pipeline: another path or verb, a query, a header that is not in the table. */
export function parsePlainRequest({ method, url, headers }: IncomingMessage): PlainRequest | undefined {
  if (!isPlainVerb(method) || url === undefined) return undefined;
  const path = parsePath(url);
  if (!path) return undefined;
  const known = PLAIN_HEADERS[method];
  for (const name in headers) {
    if (known.has(name)) continue;
    if (method !== 'PUT' || !name.startsWith(USER_METADATA)) return undefined;
  }
  if (method !== 'PUT' && (headers['content-length'] ?? '0') !== '0') return undefined;
  return { verb: method, path, headers };
}

function isPlainVerb(method: string | undefined): method is PlainVerb {
  return method === 'GET' || method === 'HEAD' || method === 'PUT' || method === 'DELETE';
}

function parsePath(url: string): Required<ResourcePath> | undefined {
  if (!url.startsWith(PREFIX) || url.includes('?')) return undefined;
  const text = decode(url);
  if (text === undefined || text.includes('\0')) return undefined;
  const accountEnd = text.indexOf('/', PREFIX.length);
  const containerEnd = accountEnd < 0 ? -1 : text.indexOf('/', accountEnd + 1);
  if (containerEnd < 0) return undefined;
  const account = text.slice(PREFIX.length, accountEnd);
  const container = text.slice(accountEnd + 1, containerEnd);
  const object = text.slice(containerEnd + 1);
  return account && container && object ? { account, container, object } : undefined;
}
