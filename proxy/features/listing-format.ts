import { refusal } from '../errors.ts';
import { contentOf, type Feature, type Headers, type ProxyRequest, type ProxyResponse } from '../message.ts';
import { bestMatch } from './accept.ts';
import { escapeXml } from './xml.ts';

type Row = Readonly<Record<string, string | number>>;

const FORMATS: Readonly<Record<string, string>> = {
  plain: 'text/plain',
  json: 'application/json',
  xml: 'application/xml',
};
const OFFERED = ['text/plain', 'application/json', 'application/xml', 'text/xml'] as const;

/**
 * Renders the rows of account and container listings as text, JSON or XML, by `format` or `Accept`.
 *
 * Spec: Object Storage API, "Serialized response formats"; the parameter wins over the header.
 */
export const listingFormat: Feature = (next) => async (request) => {
  if (request.path.object !== undefined || (request.method !== 'GET' && request.method !== 'HEAD'))
    return next(request);
  const contentType = contentTypeOf(request);
  const response = await next(request);
  if (!response.rows) return response;
  const headers: Headers = {
    ...response.headers,
    'content-type': `${contentType}; charset=utf-8`,
    ...(request.query.has('format') ? {} : { vary: 'Accept' }),
  };
  if (request.method === 'HEAD') return { ...response, headers };
  const body = render(contentType, response.rows, request);
  return { status: body === '' ? 204 : 200, headers, body: contentOf(body) } satisfies ProxyResponse;
};

/** @throws ApiError 400 for an Accept that cannot be read, 406 for one that nothing here satisfies. */
function contentTypeOf(request: ProxyRequest): string {
  const format = request.query.get('format');
  if (format) return FORMATS[format.toLowerCase()] ?? 'text/plain';
  const best = bestMatch(request.headers['accept'], OFFERED);
  if (best === 'malformed') throw refusal(400, { body: 'Invalid Accept header' });
  if (best === undefined) throw refusal(406);
  return best;
}

function render(contentType: string, rows: readonly string[], { path }: ProxyRequest): string {
  if (contentType === 'application/json') return `[${rows.join(', ')}]`;
  const parsed = rows.map((row) => JSON.parse(row) as Row);
  if (contentType === 'text/plain') return parsed.map((row) => `${row['name'] ?? row['subdir']}\n`).join('');
  const declaration = '<?xml version="1.0" encoding="UTF-8"?>\n';
  if (path.container !== undefined) {
    const body = parsed.map(objectXml).join('');
    return `${declaration}<container name="${escapeXml(path.container)}">${body}</container>`;
  }
  const body = parsed.map((row) => `${containerXml(row)}\n`).join('');
  return `${declaration}<account name="${escapeXml(path.account)}">\n${body}</account>`;
}

function objectXml(row: Row): string {
  if (row['subdir'] !== undefined) {
    const name = escapeXml(String(row['subdir']));
    return `<subdir name="${name}"><name>${name}</name></subdir>`;
  }
  return `<object>${fields(row, ['name', 'hash', 'bytes', 'content_type', 'last_modified'])}</object>`;
}

function containerXml(row: Row): string {
  if (row['subdir'] !== undefined) return `<subdir name="${escapeXml(String(row['subdir']))}" />`;
  return `<container>${fields(row, ['name', 'count', 'bytes', 'last_modified'])}</container>`;
}

function fields(row: Row, names: readonly string[]): string {
  return names.map((name) => `<${name}>${escapeXml(String(row[name] ?? ''))}</${name}>`).join('');
}
