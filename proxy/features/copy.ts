import { plainRefusal, refusal } from '../errors.ts';
import {
  type Feature,
  type Handler,
  type Headers,
  isTrue,
  NO_BODY,
  objectPathOf,
  type ProxyRequest,
  type ProxyResponse,
  type RequestBody,
  type ResourcePath,
} from '../message.ts';
import { decode, encodePath } from '../routes/path.ts';

/** `true`: nothing may be at the destination. A copy's own conditions are about its source. */
export const COPY_IF_ABSENT = 'x-backend-copy-if-absent';

/**
 * Copies on the server: `COPY` with `Destination`, or `PUT` with `X-Copy-From`. A COPY becomes such a PUT; its body is what
 * a GET of the source gives, with its ranges and conditions.
 *
 * Spec: Object Storage API, "Copy object".
 */
export function copy(mostBytes: number): Feature {
  return (next) => async (request) => {
    if (request.path.object === undefined) return next(request);
    if (request.method === 'COPY') return copyFrom(asPut(request), next, mostBytes);
    if (request.method === 'PUT' && request.headers['x-copy-from']) return copyFrom(request, next, mostBytes);
    return next(request);
  };
}

/** @throws ApiError 412 without a destination. */
function asPut(request: ProxyRequest): ProxyRequest {
  const { destination, 'destination-account': destinationAccount, ...headers } = request.headers;
  if (!destination) throw refusal(412, { body: 'Destination header required' });
  const source = objectPathOf(request.path);
  if (!source) throw refusal(412);
  const account = destinationAccount ? accountName(destinationAccount) : source.account;
  const path = parseObjectPath(destination, 'Destination');
  return {
    ...request,
    method: 'PUT',
    path: { account, ...path },
    headers: {
      ...headers,
      ...(destinationAccount ? { 'x-copy-from-account': encodeURIComponent(source.account) } : {}),
      'x-copy-from': encodePath(`/${source.container}/${source.object}`),
    },
  };
}

async function copyFrom(request: ProxyRequest, next: Handler, mostBytes: number): Promise<ProxyResponse> {
  if (request.body.sizeBytes) throw plainRefusal(400, 'Copy requests require a zero byte body');
  const { 'x-copy-from': from = '', 'x-copy-from-account': fromAccount, ...headers } = request.headers;
  const account = fromAccount ? accountName(fromAccount) : request.path.account;
  const sourcePath = { account, ...parseObjectPath(from, 'X-Copy-From') };
  const source = await next(sourceRequest(request, sourcePath, headers));
  if (source.status >= 300) return source;
  try {
    const sizeBytes = source.body?.sizeBytes;
    // Of unknown length: more segments than one listing page holds.
    if (sizeBytes === undefined || sizeBytes > mostBytes) throw refusal(413);
    const sink = sinkRequest({ ...request, headers }, source, {
      sizeBytes,
      chunks: () => source.body?.read(0, sizeBytes) ?? none(),
    });
    const response = await next(sink);
    if (response.status >= 300) return response;
    return { ...response, headers: { ...response.headers, ...copiedFrom(sourcePath, source.headers, sink.headers) } };
  } finally {
    await source.body?.close();
  }
}

function sourceRequest(request: ProxyRequest, path: ResourcePath, headers: Headers): ProxyRequest {
  const query = new Map(request.query);
  if (query.get('multipart-manifest') === 'get') query.set('format', 'raw');
  return { ...request, method: 'GET', path, query, headers: { ...headers, 'x-newest': 'true' }, body: NO_BODY };
}

async function* none(): AsyncGenerator<Uint8Array> {}

/** Of the source's headers these are not the copy's: they say what the source is, not what it carries. */
const NOT_COPIED: ReadonlySet<string> = new Set([
  'x-static-large-object',
  'x-object-manifest',
  'x-manifest-etag',
  'etag',
  'content-type',
  'content-range',
  'x-timestamp',
  'last-modified',
  'accept-ranges',
  'x-object-sysmeta-versions-symlink',
]);
/** Of the request's headers these are about the source. */
const ABOUT_SOURCE = [
  'range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'x-newest',
];

function sinkRequest(request: ProxyRequest, source: ProxyResponse, body: RequestBody): ProxyRequest {
  const headers: Record<string, string> = {};
  const isFresh = isTrue(request.headers['x-fresh-metadata']);
  for (const [name, value] of Object.entries(source.headers)) {
    const isSysmeta = name.startsWith('x-object-sysmeta-');
    if (!NOT_COPIED.has(name) && (!isFresh || isSysmeta)) headers[name] = value;
  }
  Object.assign(headers, request.headers);
  for (const name of ABOUT_SOURCE) delete headers[name];
  delete headers[COPY_IF_ABSENT];
  if (request.headers[COPY_IF_ABSENT]) headers['if-none-match'] = '*';
  delete headers['transfer-encoding'];
  headers['content-length'] = String(body.sizeBytes);
  headers['content-type'] = request.headers['content-type'] || (source.headers['content-type'] ?? '');
  const query = new Map(request.query);
  const isManifest = query.get('multipart-manifest') === 'get';
  query.delete('format');
  query.delete('version-id'); // of the source
  if (isManifest) {
    query.delete('multipart-manifest');
    if (source.headers['x-static-large-object']) query.set('multipart-manifest', 'put');
    const manifest = source.headers['x-object-manifest'];
    if (manifest) headers['x-object-manifest'] = manifest;
  }
  const isPlain = !source.headers['x-static-large-object'] && (!source.headers['x-object-manifest'] || isManifest);
  if (source.status === 200 && isPlain) {
    // Verified on the way: what arrives is what the source's replicas say they hold.
    headers['etag'] = source.headers['etag'] ?? '';
  } else {
    // The copy of segments is an object of its own: what was known of the whole is not known of it.
    for (const name of Object.keys(headers)) if (SOURCE_SYSMETA.test(name)) delete headers[name];
  }
  return { ...request, method: 'PUT', query, headers, body };
}

/** What a large object's manifest keeps for itself and for its listing row. */
const SOURCE_SYSMETA = /^x-object-sysmeta-(slo-|s3-|container-update-override-)/;

function copiedFrom(path: Required<ResourcePath> | ResourcePath, source: Headers, sink: Headers): Headers {
  const headers: Record<string, string> = {
    'x-copied-from-account': encodeURIComponent(path.account),
    'x-copied-from': encodePath(`${path.container}/${path.object}`),
  };
  if (source['last-modified']) headers['x-copied-from-last-modified'] = source['last-modified'];
  const versionId = source['x-object-version-id'];
  if (versionId) headers['x-copied-from-version-id'] = versionId;
  for (const [name, value] of Object.entries(sink))
    if (name.startsWith('x-object-meta-') || name === 'x-delete-at') headers[name] = value;
  return headers;
}

/** @throws ApiError 412 for what is not `container/object`. */
function parseObjectPath(value: string, header: string): { container: string; object: string } {
  const [container = '', ...rest] = (decode(value) ?? '').replace(/^\//, '').split('/');
  const object = rest.join('/');
  // As in the path of a request, whose names these become.
  if (value.includes('%00')) throw refusal(412, { body: 'Invalid UTF8 or contains NULL' });
  if (container === '' || object === '')
    throw refusal(412, { body: `${header} header must be of the form <container name>/<object name>` });
  return { container, object };
}

/** @throws ApiError 412 for what no account can be called. */
function accountName(value: string): string {
  const account = decode(value);
  if (!account) throw refusal(412, { body: 'Account name cannot be empty' });
  if (account.includes('/')) throw refusal(412, { body: 'Account name cannot contain slashes' });
  return account;
}
