import { posix } from 'node:path';
import { withGrant } from '../access/signed-grant.ts';
import { refusal } from '../errors.ts';
import { type Feature, type Headers, objectPathOf, type ProxyRequest, type ProxyResponse } from '../message.ts';
import type { Services } from '../routes/route.ts';
import { isInIpRange } from './ip-range.ts';
import { percentEncode } from './percent-encoding.ts';
import { findSigningKeys, parseSignature, type SigningKey, signerOf } from './signatures.ts';

/** What a signed URL says of itself. */
interface TempUrl {
  readonly signature: string;
  /** Seconds since the epoch. */
  readonly expires: number;
  /** Of the object's name; undefined: the URL is for one object. */
  readonly prefix: string | undefined;
  readonly ipRange: string | undefined;
}

/** With these a writer could make an object that shows what the URL does not let it see. */
const POINTERS = ['x-object-manifest', 'x-symlink-target', 'x-copy-from'];
/** A HEAD is allowed by a URL that was signed for any of these. */
const SIGNED_FOR_HEAD = ['HEAD', 'GET', 'POST', 'PUT'];
const HIDDEN_METADATA = 'x-object-meta-';
const PUBLIC_METADATA = 'x-object-meta-public-';

/**
 * URLs that are signed with a key of the account or container, and allow one method on one object, or on all objects of a prefix, until
 * they expire.
 *
 * Spec: Swift, "Temporary URLs".
 */
export function tempUrl(services: Services): Feature {
  const { cluster, config } = services;
  const { allowed_digests: digests, methods } = config.tempurl;
  const isMethod = (method: string) => methods.some((allowed) => allowed === method);
  const isDigest = (digest: string) => digests.some((allowed) => allowed === digest);

  /** @returns the key that it was signed with; undefined: it allows nothing. */
  async function signerOfUrl(request: ProxyRequest, url: TempUrl): Promise<SigningKey | undefined> {
    const { method, context } = request;
    const path = objectPathOf(request.path);
    const signature = parseSignature(url.signature);
    if (!signature || !isDigest(signature.digest) || !isMethod(method)) return undefined;
    if (!path || /^\/*$/.test(path.object) || !context.client.pathText.startsWith('/v1/')) return undefined;
    if (url.ipRange && !isInIpRange(context.client.address ?? '', url.ipRange)) return undefined;
    if (url.prefix !== undefined && !path.object.startsWith(url.prefix)) return undefined;
    const folder = `/v1/${path.account}/${path.container}/`;
    const subject = url.prefix === undefined ? `${folder}${path.object}` : `prefix:${folder}${url.prefix}`;
    const range = url.ipRange ? `ip=${url.ipRange}\n` : '';
    const messages = (method === 'HEAD' ? SIGNED_FOR_HEAD : [method]).map(
      (signed) => `${range}${signed}\n${url.expires}\n${subject}`,
    );
    return signerOf(signature, messages, await findSigningKeys(services, path.account, path.container));
  }

  return (next) => async (request) => {
    const { method, query } = request;
    const isSigned = query.has('temp_url_sig') || query.has('temp_url_expires');
    if (!isSigned || method === 'OPTIONS') return next(request);
    const url = parseTempUrl(query, cluster.clock.nowMs());
    const signer = url && (await signerOfUrl(request, url));
    const path = objectPathOf(request.path);
    if (!url || !signer || !path) throw invalid(request);
    checkPointers(request);
    const response = await next(
      // Of the query nothing goes on: the signature covers none of it.
      withGrant({ ...request, query: new Map() }, { method, path, scope: signer.scope }),
    );
    return shown(request, url, response);
  };
}

/** @returns undefined where something is missing, or it has expired. */
function parseTempUrl(query: ReadonlyMap<string, string>, nowMs: number): TempUrl | undefined {
  const signature = query.get('temp_url_sig');
  const expires = parseExpires(query.get('temp_url_expires') ?? '');
  if (!signature || !expires || expires < nowMs / 1000) return undefined;
  return { signature, expires, prefix: query.get('temp_url_prefix'), ipRange: query.get('temp_url_ip_range') };
}

/** Seconds since the epoch, or a date and time of day such as `2026-11-21T08:30:00Z`. */
function parseExpires(text: string): number | undefined {
  if (/^\s*\+?\d{1,12}\s*$/.test(text)) return Number(text);
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms / 1000;
}

/** It says nothing of whose account this is, as anybody may ask. */
function invalid({ method }: ProxyRequest): Error {
  const headers = { 'www-authenticate': 'Swift realm="unknown"' };
  return refusal(401, { headers, ...(method === 'HEAD' ? {} : { body: '401 Unauthorized: Temp URL invalid\n' }) });
}

/** @throws ApiError 400 for a write that would make a pointer to something else. */
function checkPointers({ method, headers }: ProxyRequest): void {
  if (method === 'GET' || method === 'HEAD') return;
  for (const name of POINTERS) {
    if (headers[name] === undefined) continue;
    const title = name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
    throw refusal(400, { body: `The header '${title}' is not allowed in this tempurl` });
  }
}

/** The answer as the bearer of a URL sees it: no private metadata, and a name to save it under. */
function shown({ method, query, path }: ProxyRequest, { expires }: TempUrl, response: ProxyResponse): ProxyResponse {
  const visible = Object.fromEntries(
    Object.entries(response.headers).filter(
      ([name]) => !name.startsWith(HIDDEN_METADATA) || name.startsWith(PUBLIC_METADATA),
    ),
  );
  const isRead = method === 'GET' || method === 'HEAD';
  if (!isRead || response.status < 200 || response.status >= 300) return { ...response, headers: visible };
  const { 'content-disposition': kept, ...others } = visible;
  const headers: Headers = {
    ...others,
    'content-disposition': disposition(query, kept, path.object ?? ''),
    expires: new Date(expires * 1000).toUTCString(),
  };
  return { ...response, headers };
}

/** What the URL says, else what the object says, else the last part of its name. Spec: RFC 6266; RFC 8187, 3.2. */
function disposition(query: ReadonlyMap<string, string>, kept: string | undefined, object: string): string {
  const filename = query.get('filename');
  const isInline = query.has('inline');
  if (isInline && !filename) return 'inline';
  if (!filename && kept) return kept;
  const name = filename || posix.basename(object.replace(/\/+$/, ''));
  const quoted = `filename="${percentEncode(name, ' /')}"; filename*=UTF-8''${percentEncode(name, '/')}`;
  return `${isInline ? 'inline' : 'attachment'}; ${quoted}`;
}
