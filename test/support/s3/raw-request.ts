import { createHash, createHmac } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { FakeSwift } from '../swift-fakes/fake-swift.ts';
import { ACCESS, REGION, SECRET, signingKey } from './signing.ts';

export interface RawRequest {
  method: string;
  /** With the query, as it is sent and signed; parameters in order. */
  path: string;
  headers?: Record<string, string>;
  /** Sent, and not signed. */
  unsignedHeaders?: Record<string, string>;
  body?: string | Uint8Array;
  /** `x-amz-content-sha256`; of the body unless given. */
  payload?: string;
  /** What the request is signed at, milliseconds. */
  atMs?: number;
  secret?: string;
  access?: string;
  service?: string;
}

export interface RawAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
  /** `Code` of an error. */
  code: string | undefined;
}

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');

function amzDate(atMs: number): string {
  return new Date(atMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

function scopeOf(atMs: number, service = 's3'): string {
  return `${amzDate(atMs).slice(0, 8)}/${REGION}/${service}/aws4_request`;
}

/** A request as it is signed by Signature V4 in its header; also the signature, from which those of chunks go on. */
export function signV4(swift: FakeSwift, raw: RawRequest): { headers: Record<string, string>; signature: string } {
  const atMs = raw.atMs ?? swift.nowMs;
  const payload = raw.payload ?? sha256(raw.body ?? '');
  const headers: Record<string, string> = {
    ...raw.headers,
    host: new URL(swift.url).host,
    'x-amz-content-sha256': payload,
    'x-amz-date': amzDate(atMs),
  };
  const names = Object.keys(headers).sort();
  const [path, query = ''] = raw.path.split('?') as [string, string?];
  const canonical = [
    raw.method,
    path,
    query,
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    payload,
  ].join('\n');
  const scope = scopeOf(atMs, raw.service);
  const text = ['AWS4-HMAC-SHA256', amzDate(atMs), scope, sha256(canonical)].join('\n');
  const signature = createHmac('sha256', signingKey(raw.secret ?? SECRET, scope))
    .update(text)
    .digest('hex');
  const credential = `${raw.access ?? ACCESS}/${scope}`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return { headers: { ...headers, authorization }, signature };
}

/** A URL that is signed by Signature V4 in its query; only the host is signed beside it. */
export function presign(
  swift: FakeSwift,
  {
    method,
    path,
    atMs = swift.nowMs,
    expires = '60',
  }: { method: string; path: string; atMs?: number; expires?: string },
): string {
  const { host } = new URL(swift.url);
  const scope = scopeOf(atMs);
  const query = [
    'X-Amz-Algorithm=AWS4-HMAC-SHA256',
    `X-Amz-Credential=${encodeURIComponent(`${ACCESS}/${scope}`)}`,
    `X-Amz-Date=${amzDate(atMs)}`,
    `X-Amz-Expires=${expires}`,
    'X-Amz-SignedHeaders=host',
  ].join('&');
  const canonical = [method, path, query, `host:${host}`, '', 'host', 'UNSIGNED-PAYLOAD'].join('\n');
  const text = ['AWS4-HMAC-SHA256', amzDate(atMs), scope, sha256(canonical)].join('\n');
  const signature = createHmac('sha256', signingKey(SECRET, scope)).update(text).digest('hex');
  return `${path}?${query}&X-Amz-Signature=${signature}`;
}

export async function askSigned(swift: FakeSwift, raw: RawRequest): Promise<RawAnswer> {
  const { headers } = signV4(swift, raw);
  return send(swift, { ...raw, headers: { ...headers, ...raw.unsignedHeaders } });
}

/** Sends a request as it is. */
export function send(
  swift: FakeSwift,
  { method, path, headers, body }: Pick<RawRequest, 'method' | 'path' | 'headers' | 'body'>,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(swift.url + path, { method, headers, agent: false, path }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const code = /<Code>(.*?)<\/Code>/.exec(text)?.[1];
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text, code });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The body of an aws-chunked upload, its chunks signed where `seed` is given. */
export function awsChunked(
  swift: FakeSwift,
  chunks: readonly string[],
  { seed, trailers = [] }: { seed?: string; trailers?: readonly string[] } = {},
): string {
  const scope = scopeOf(swift.nowMs);
  const key = signingKey(SECRET, scope);
  const sign = (kind: string, previous: string, ...hashes: string[]) =>
    createHmac('sha256', key)
      .update([kind, amzDate(swift.nowMs), scope, previous, ...hashes].join('\n'))
      .digest('hex');
  let previous = seed ?? '';
  const parts = [...chunks, ''].map((chunk) => {
    previous = sign('AWS4-HMAC-SHA256-PAYLOAD', previous, sha256(''), sha256(chunk));
    const head = `${Buffer.byteLength(chunk).toString(16)}${seed === undefined ? '' : `;chunk-signature=${previous}`}\r\n`;
    return chunk === '' ? head : `${head}${chunk}\r\n`;
  });
  const lines = trailers.map((trailer) => `${trailer}\r\n`).join('');
  const text = trailers.map((trailer) => `${trailer}\n`).join('');
  const signature =
    seed !== undefined && trailers.length > 0
      ? `x-amz-trailer-signature:${sign('AWS4-HMAC-SHA256-TRAILER', previous, sha256(text))}\r\n`
      : '';
  return `${parts.join('')}${lines}${signature}\r\n`;
}
