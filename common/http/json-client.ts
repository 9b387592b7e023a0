import { type Dispatcher, request } from 'undici';

export interface JsonRequest {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  url: string;
  headers?: Record<string, string>;
  /** Sent as JSON unless undefined. */
  body?: unknown;
  timeoutMs?: number;
}

export interface JsonResponse {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** The parsed body; undefined where there is none or it is no JSON. */
  body: unknown;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const MOST_RESPONSE_BYTES = 16 << 20;

/**
 * One bounded JSON exchange with another service. Any status is a result; only a failure to get an answer throws.
 */
export async function requestJson(options: JsonRequest): Promise<JsonResponse> {
  const headers: Record<string, string> = { accept: 'application/json', ...options.headers };
  if (options.body !== undefined) headers['content-type'] ??= 'application/json';
  const response = await request(options.url, {
    method: options.method as Dispatcher.HttpMethod,
    headers,
    body: options.body === undefined ? null : JSON.stringify(options.body),
    headersTimeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    bodyTimeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += (chunk as Buffer).length;
    if (bytes > MOST_RESPONSE_BYTES)
      throw new Error(`the answer of ${new URL(options.url).host} is longer than ${MOST_RESPONSE_BYTES} bytes`);
    chunks.push(chunk as Buffer);
  }
  return { status: response.statusCode, headers: response.headers, body: parseJson(Buffer.concat(chunks).toString()) };
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
