import { setImmediate } from 'node:timers/promises';
import { BETWEEN_ROWS, type ListingPage, rowsOfChunk } from '../../container-server/contract.ts';
import { refusal } from '../errors.ts';
import {
  type Content,
  contentOf,
  type Feature,
  type Headers,
  type ProxyRequest,
  type ProxyResponse,
} from '../message.ts';
import { bestMatch } from './accept.ts';
import { escapeXml, escapeXmlText } from './xml.ts';

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
  const asked = contentTypeOf(request);
  const response = await next(request);
  if (!response.rows) return response;
  // Listings of versions have no other form.
  const contentType = response.headers['content-type'] ?? asked;
  const headers: Headers = {
    ...response.headers,
    'content-type': `${contentType}; charset=utf-8`,
    ...(request.query.has('format') || response.headers['content-type'] ? {} : { vary: 'Accept' }),
  };
  if (request.method === 'HEAD') return { ...response, headers };
  const body = await render(contentType, response.rows, request);
  return { status: body.sizeBytes === 0 ? 204 : 200, headers, body } satisfies ProxyResponse;
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

async function render(contentType: string, page: ListingPage, { path }: ProxyRequest): Promise<Content> {
  if (contentType === 'application/json') return jsonOf(page);
  if (contentType === 'text/plain') return renderEach(page, (rows) => `${rows.map(nameOf).join('\n')}\n`);
  const isAccount = path.container === undefined;
  const container = `<container name="${escapeXml(path.container ?? '')}"`;
  // Letter by letter what Swift's serializer makes of an element without children.
  const [open, close] = isAccount
    ? [`<account name="${escapeXml(path.account)}">\n`, '</account>']
    : page.chunks.length === 0
      ? [`${container} />`, '']
      : [`${container}>`, '</container>'];
  const xmlOf = isAccount ? (row: Row) => `${containerXml(row)}\n` : objectXml;
  const textOf = (rows: readonly string[]) => rows.map((row) => xmlOf(JSON.parse(row) as Row)).join('');
  return renderEach(page, textOf, `<?xml version="1.0" encoding="UTF-8"?>\n${open}`, close);
}

/** The very memory that the rows were read into. */
function jsonOf({ chunks, release }: ListingPage): Content {
  const between = Buffer.from(BETWEEN_ROWS);
  const parts = chunks.flatMap((chunk, index) => (index === 0 ? [chunk] : [between, chunk]));
  return contentOfParts([Buffer.from('['), ...parts, Buffer.from(']')], release);
}

/** One chunk at a time: others have their turn between. */
async function renderEach(
  { chunks, release }: ListingPage,
  textOf: (rows: string[]) => string,
  head = '',
  tail = '',
): Promise<Content> {
  const rendered: Buffer[] = [Buffer.from(head)];
  for (const chunk of chunks) {
    rendered.push(Buffer.from(textOf(rowsOfChunk(chunk))));
    await setImmediate();
  }
  release?.();
  return contentOf(Buffer.concat([...rendered, Buffer.from(tail)]));
}

/**
 * The name of a row of JSON. Within JSON strings quotes are escaped: what is looked for can only be a member's name, and the first
 * quote after it that no backslash is before ends its value. Most names hold nothing that is escaped, and need no parsing.
 */
function nameOf(row: string): string {
  const start = nameStart(row);
  const end = row.indexOf('"', start);
  const name = row.slice(start, end);
  if (!name.includes('\\')) return name;
  const { name: parsed, subdir } = JSON.parse(row) as Row;
  return String(parsed ?? subdir);
}

function nameStart(row: string): number {
  if (row.startsWith('{"name":"')) return '{"name":"'.length;
  if (row.startsWith('{"subdir":"')) return '{"subdir":"'.length;
  return row.indexOf(',"name":"') + ',"name":"'.length;
}

function objectXml(row: Row): string {
  if (row['subdir'] !== undefined) {
    const name = escapeXml(String(row['subdir']));
    return `<subdir name="${name}"><name>${escapeXmlText(String(row['subdir']))}</name></subdir>`;
  }
  return `<object>${fields(row, ['name', 'hash', 'bytes', 'content_type', 'last_modified'])}</object>`;
}

function containerXml(row: Row): string {
  if (row['subdir'] !== undefined) return `<subdir name="${escapeXml(String(row['subdir']))}" />`;
  return `<container>${fields(row, ['name', 'count', 'bytes', 'last_modified'])}</container>`;
}

function fields(row: Row, names: readonly string[]): string {
  return names.map((name) => `<${name}>${escapeXmlText(String(row[name] ?? ''))}</${name}>`).join('');
}

/** Content that is in memory, in parts. @param release what is to be done when nobody reads it any more. */
function contentOfParts(parts: readonly Uint8Array[], release: (() => void) | undefined): Content {
  return {
    sizeBytes: parts.reduce((sum, { length }) => sum + length, 0),
    async *read(start, end) {
      let offset = 0;
      for (const part of parts) {
        const [from, to] = [Math.max(start - offset, 0), Math.min(end - offset, part.length)];
        if (from < to) yield part.subarray(from, to);
        offset += part.length;
      }
    },
    async close() {
      release?.();
    },
  };
}
