import { Readable } from 'node:stream';
import { type Dispatcher, request } from 'undici';
import { ApiError } from '../common/errors.ts';
import { requestJson } from '../common/http/json-client.ts';
import type { ImageBody, ImageClient, ImageRange, ImageUpload, NewImage } from './contract.ts';

export interface ImageClientOptions {
  /** Base URL of the image API, with or without a trailing slash, without `/v2`. Asked for each call. */
  endpoint(): Promise<string>;
}

const HEADERS_TIMEOUT_MS = 120_000;
const MOST_ERROR_BYTES = 16 << 10;

/** The image service over HTTP. */
export function createImageClient(options: ImageClientOptions): ImageClient {
  const imageUrl = async (id: string, rest = ''): Promise<string> =>
    `${(await options.endpoint()).replace(/\/$/, '')}/v2/images/${encodeURIComponent(id)}${rest}`;
  const imagesUrl = async (): Promise<string> => `${(await options.endpoint()).replace(/\/$/, '')}/v2/images`;

  return {
    async show(token, id) {
      return parseImage(await exchange('GET', await imageUrl(id), token));
    },

    async create(token, image) {
      return parseImage(await exchange('POST', await imagesUrl(), token, flatten(image)));
    },

    async delete(token, id) {
      await exchange('DELETE', await imageUrl(id), token);
    },

    async data(token, id, range) {
      const response = await send({
        url: await imageUrl(id, '/file'),
        method: 'GET',
        headers: { 'x-auth-token': token, ...(range === undefined ? {} : { range: formatRange(range) }) },
      });
      if (response.statusCode === 200 || response.statusCode === 206) {
        if (range !== undefined && response.statusCode === 200) {
          await response.body.dump();
          throw refusal(502, 'the image service did not answer the range it was asked for');
        }
        response.body.on('error', () => undefined); // undici emits one when the reader destroys it; who reads on gets it anyway
        return response.body;
      }
      if (response.statusCode === 204) {
        await response.body.dump();
        return Readable.from([]);
      }
      throw refusal(response.statusCode, await readError(response.body));
    },

    async upload(token, id, upload) {
      const response = await send({
        url: await imageUrl(id, '/file'),
        method: 'PUT',
        headers: { 'x-auth-token': token, 'content-type': 'application/octet-stream', ...uploadHeaders(upload) },
        body: Readable.from(upload.data, { objectMode: false }),
      });
      if (response.statusCode !== 204) throw refusal(response.statusCode, await readError(response.body));
      await response.body.dump();
    },
  };
}

async function exchange(
  method: 'GET' | 'POST' | 'DELETE',
  url: string,
  token: string,
  body?: unknown,
): Promise<unknown> {
  const response = await requestJson({ method, url, headers: { 'x-auth-token': token }, body }).catch(unreachable);
  if (response.status >= 300) throw refusal(response.status, `${method} of an image was answered ${response.status}`);
  return response.body;
}

interface StreamedRequest {
  url: string;
  method: 'GET' | 'PUT';
  headers: Record<string, string>;
  body?: Readable;
}

/** An exchange whose body streams; the answer may take as long as the image service needs to store what it got. */
async function send({ url, method, headers, body }: StreamedRequest): Promise<Dispatcher.ResponseData> {
  return request(url, { method, headers, body: body ?? null, headersTimeout: body ? 0 : HEADERS_TIMEOUT_MS }).catch(
    unreachable,
  );
}

function uploadHeaders({ sizeBytes, store }: ImageUpload): Record<string, string> {
  return {
    ...(sizeBytes === undefined ? {} : { 'x-openstack-image-size': String(sizeBytes) }),
    ...(store === undefined ? {} : { 'x-image-meta-store': store }),
  };
}

function formatRange({ start, end }: ImageRange): string {
  return `bytes=${start}-${end ?? ''}`;
}

function flatten({ properties, ...base }: NewImage): Record<string, unknown> {
  return { ...properties, ...base };
}

/** Fields of the wire's flat image that are not free properties, beside those of `ImageBody`. */
const OTHER_FIELDS: ReadonlySet<string> = new Set(['self', 'file', 'schema', 'stores', 'direct_url', 'locations']);
const BASE_FIELDS: ReadonlySet<string> = new Set<keyof ImageBody>([
  'id',
  'name',
  'status',
  'visibility',
  'owner',
  'protected',
  'disk_format',
  'container_format',
  'size',
  'virtual_size',
  'min_disk',
  'min_ram',
  'checksum',
  'os_hash_algo',
  'os_hash_value',
  'os_hidden',
  'tags',
  'created_at',
  'updated_at',
]);

/** The wire's flat object with its free properties apart. */
function parseImage(body: unknown): ImageBody {
  if (typeof body !== 'object' || body === null || !('id' in body) || !('status' in body))
    throw refusal(502, 'the image service answered something that is no image');
  const image: Partial<Record<string, unknown>> = {};
  const properties: Record<string, string> = {};
  for (const [key, value] of Object.entries(body)) {
    if (BASE_FIELDS.has(key)) image[key] = value;
    else if (!OTHER_FIELDS.has(key) && typeof value === 'string') properties[key] = value;
  }
  return { ...image, properties } as unknown as ImageBody;
}

const CODES: Readonly<Record<number, string>> = {
  401: 'ImageNotAuthenticated',
  403: 'ImageForbidden',
  404: 'ImageNotFound',
  409: 'ImageConflict',
};

function refusal(status: number, message: string): ApiError {
  if (status >= 500) return new ApiError({ status: 503, code: 'ImageServiceUnavailable', message });
  return new ApiError({ status, code: CODES[status] ?? 'ImageRefused', message });
}

function unreachable(cause: unknown): never {
  throw new ApiError({
    status: 503,
    code: 'ImageServiceUnavailable',
    message: 'The image service gave no answer.',
    cause,
  });
}

/** The text of the image service's error page, without its markup. */
async function readError(body: Dispatcher.ResponseData['body']): Promise<string> {
  let page = '';
  for await (const chunk of body) {
    page += String(chunk);
    if (page.length > MOST_ERROR_BYTES) break;
  }
  const text = page.replace(/<head>.*?<\/head>/s, ' ').replace(/<[^>]*>/g, ' ');
  return decodeEntities(text).replace(/\s+/g, ' ').trim().slice(0, 500);
}

function decodeEntities(text: string): string {
  const named: Readonly<Record<string, string>> = {
    '&lt;': '<',
    '&gt;': '>',
    '&quot;': '"',
    '&#39;': "'",
    '&amp;': '&',
  };
  return text.replace(/&(?:lt|gt|quot|amp|#39);/g, (entity) => named[entity] ?? entity);
}
