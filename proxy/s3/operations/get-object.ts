import { contentOf, type Headers, type ProxyResponse } from '../../message.ts';
import { readConditions } from '../conditions.ts';
import { s3Error } from '../errors.ts';
import { shownHeaders } from '../headers.ts';
import { expirationHeader } from '../lifecycle/due.ts';
import type { Operation, S3Request, S3Services } from '../message.ts';
import { objectOf } from '../names.ts';
import { type Ask, ask } from '../object-api.ts';
import { shownLock } from '../object-lock.ts';
import { partRangeOf } from '../part-range.ts';
import { asVersionError, versionHeaders, versionOf, versionQuery } from '../versions.ts';

const PARTS_COUNT = 'x-amz-mp-parts-count';

/** Parameters that say what a header of the answer shall be. */
const OVERRIDES: Readonly<Record<string, string>> = {
  'response-cache-control': 'cache-control',
  'response-content-disposition': 'content-disposition',
  'response-content-encoding': 'content-encoding',
  'response-content-language': 'content-language',
  'response-content-type': 'content-type',
  'response-expires': 'expires',
};

/** GetObject and HeadObject. */
export const getObject: Operation = async (request, services) => {
  const answer = await readObject(request, services);
  const isChecksumMode = request.headers['x-amz-checksum-mode']?.toUpperCase() === 'ENABLED';
  // A checksum is of the whole: beside a part of it, it would be taken for the part's.
  const headers = shownHeaders(answer.headers, isChecksumMode && answer.status === 200);
  Object.assign(headers, versionHeaders(answer.headers));
  const count = answer.headers[PARTS_COUNT];
  if (count !== undefined) headers[PARTS_COUNT] = count;
  Object.assign(headers, await expirationOf(request, services, answer.headers));
  const { bucket = '', key = '' } = request;
  Object.assign(headers, await shownLock(request, services, { bucket, key, stored: answer.headers }));
  if (answer.status === 304) {
    await answer.body?.close();
    return { status: 304, headers, body: contentOf('') };
  }
  return { ...answer, headers: { ...headers, ...overridesOf(request) } };
};

/** Rules about expiration are about current objects. */
async function expirationOf(request: S3Request, services: S3Services, answer: Headers): Promise<Headers> {
  const { bucket = '', key = '', account } = request;
  const modifiedMs = Date.parse(answer['last-modified'] ?? '');
  if (versionOf(request) !== undefined || Number.isNaN(modifiedMs)) return {};
  const size = /\/(\d+)$/.exec(answer['content-range'] ?? '')?.[1] ?? answer['content-length'];
  const sizeBytes = size === undefined ? undefined : Number(size);
  return expirationHeader(services, { account, container: bucket }, { key, sizeBytes, modifiedMs });
}

async function readObject(request: S3Request, services: S3Services): Promise<ProxyResponse> {
  const { bucket, key } = objectOf(request);
  const { headers, query } = request;
  const passed: Record<string, string> = { ...readConditions(headers, '') };
  const what = { container: bucket, object: key, query: versionQuery(versionOf(request)) };
  const { range } = headers;
  if (query.has('partNumber')) return readPart(request, services, { what, passed });
  // Several ranges are none: the whole is answered.
  if (range !== undefined && !range.includes(',')) {
    passed['range'] = range;
    if (headers['if-range'] !== undefined) passed['if-range'] = headers['if-range'];
  }
  return read(request, services, { ...what, headers: passed });
}

/** HEAD of a part answers as GET does, without its bytes. */
async function readPart(
  request: S3Request,
  services: S3Services,
  { what, passed }: { what: Omit<Ask, 'method'>; passed: Headers },
): Promise<ProxyResponse> {
  if (request.headers['range'] !== undefined)
    throw s3Error('InvalidRequest', { message: 'Cannot specify both Range header and partNumber query parameter' });
  const { range, count } = await partRangeOf(request, services, what).catch((error: unknown) => {
    throw asVersionError(error, versionOf(request));
  });
  const headers = range === undefined ? passed : { ...passed, range };
  const answer = await read({ ...request, method: 'GET' }, services, { ...what, headers });
  const counted = count === undefined ? {} : { [PARTS_COUNT]: String(count) };
  return { ...answer, headers: { ...answer.headers, ...counted } };
}

function read(request: S3Request, services: S3Services, what: Omit<Ask, 'method'>): Promise<ProxyResponse> {
  return ask(request, services, { method: request.method, ...what }).catch((error: unknown) => {
    throw asVersionError(error, versionOf(request));
  });
}

function overridesOf({ query }: S3Request): Headers {
  const overrides: Record<string, string> = {};
  for (const [parameter, header] of Object.entries(OVERRIDES)) {
    const value = query.get(parameter);
    if (value !== undefined) overrides[header] = value;
  }
  return overrides;
}
