import { ApiError } from '../../common/errors.ts';
import { rowsOfChunk } from '../../container-server/contract.ts';
import { type Headers, NO_BODY, type ProxyRequest, type ProxyResponse, type RequestBody } from '../message.ts';
import { s3Error } from './errors.ts';
import type { S3Request, S3Services } from './message.ts';

/** As much of a request as the settings of its container depend on. */
export function swiftRequest({ method, account, bucket, key, headers, context }: S3Request): ProxyRequest {
  const path = {
    account,
    ...(bucket === undefined ? {} : { container: bucket }),
    ...(bucket === undefined || key === undefined ? {} : { object: key }),
  };
  return { method, path, query: new Map(), headers, body: NO_BODY, context };
}

/** A request of the object API that an operation is made of. */
export interface Ask {
  method: string;
  /** Undefined: the account. */
  container?: string;
  object?: string;
  query?: Readonly<Record<string, string>>;
  headers?: Headers;
  body?: RequestBody;
}

/**
 * Asks the object API on behalf of the signer, with nothing of the client's request but what `ask` says.
 *
 * @throws ApiError; 404 is `NoSuchBucket` where there is no such container.
 */
export async function ask(request: S3Request, services: S3Services, ask: Ask): Promise<ProxyResponse> {
  const { container, object } = ask;
  try {
    const response = await services.objects({
      method: ask.method,
      path: {
        account: request.account,
        ...(container === undefined ? {} : { container }),
        ...(object === undefined ? {} : { object }),
      },
      query: new Map(Object.entries(ask.query ?? {})),
      headers: ask.headers ?? {},
      body: ask.body ?? NO_BODY,
      context: request.context,
    });
    if (response.status < 400) return response;
    await response.body?.close();
    throw new ApiError({ status: response.status, code: 'Refused', message: '' });
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404 || container === undefined) throw error;
    if (object === undefined || !(await services.containers.find(request.account, container)))
      throw s3Error('NoSuchBucket', { fields: { BucketName: container }, cause: error });
    throw s3Error('NoSuchKey', { fields: { Key: object }, cause: error });
  }
}

/** The same for what has no body to read. */
export async function askHead(request: S3Request, services: S3Services, what: Ask): Promise<Headers> {
  const response = await ask(request, services, what);
  await response.body?.close();
  return response.headers;
}

/** The same; undefined where there is nothing. */
export async function askIfThere(request: S3Request, services: S3Services, what: Ask): Promise<Headers | undefined> {
  return askHead(request, services, what).catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  });
}

/** A row of a container's listing, or of the account's. */
export interface Row {
  name?: string;
  subdir?: string;
  hash?: string;
  bytes?: number;
  content_type?: string;
  /** `2026-11-21T00:29:58.823120`, UTC. */
  last_modified?: string;
  /** Where versions are listed. */
  version_id?: string;
  is_latest?: boolean;
  /** Of a static large object, quoted. */
  slo_etag?: string;
  /** Of what was uploaded in parts, quoted. */
  s3_etag?: string;
}

/** One page of a listing. @throws ApiError. */
export async function listRows(
  request: S3Request,
  services: S3Services,
  query: Readonly<Record<string, string>>,
  container?: string,
): Promise<Row[]> {
  const headers = { accept: 'application/json' };
  const what: Ask = { method: 'GET', query, headers, ...(container === undefined ? {} : { container }) };
  const { rows, body } = await ask(request, services, what);
  await body?.close();
  if (!rows) return [];
  const parsed = rows.chunks.flatMap((chunk) => rowsOfChunk(chunk).map((text) => JSON.parse(text) as Row));
  rows.release?.();
  return parsed;
}
