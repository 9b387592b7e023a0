import { ApiError } from '../../common/errors.ts';
import { plainRefusal, refusal } from '../errors.ts';
import {
  type Handler,
  type Headers,
  NO_BODY,
  type ProxyRequest,
  type ProxyResponse,
  type RequestBody,
  type ResourcePath,
  subrequest,
} from '../message.ts';
import { openContainer } from '../routes/object-access.ts';
import type { Services } from '../routes/route.ts';

/** What both kinds of versioning do with the versions that they keep. */

/** Of the object that says, among the versions, that there was none. Clients cannot say the parameter. */
export const DELETE_MARKER = 'application/x-deleted;swift_versions_deleted=1';

type ObjectPath = Required<ResourcePath>;

/** @throws ApiError 401, 403, 404: before anything is done on the feature's own behalf. */
export async function requireWritable(request: ProxyRequest, services: Services): Promise<void> {
  const grant = await services.access.decide(request);
  if (!(await openContainer(request, services, grant, 'writeAcl'))) throw refusal(404);
}

/** A request of the feature itself. */
export function ownRequest(
  request: ProxyRequest,
  change: { method: string; path: ResourcePath } & Partial<ProxyRequest>,
): ProxyRequest {
  return { ...subrequest(request, change), isOwn: true };
}

/** An object, a link as itself, newest of all replicas. @returns undefined where there is none. @throws ApiError 413 for what no PUT may store. */
export async function readSource(
  request: ProxyRequest,
  path: ObjectPath,
  next: Handler,
  mostBytes: number,
): Promise<ProxyResponse | undefined> {
  const query = new Map([['symlink', 'get']]);
  const response = await next(
    ownRequest(request, { method: 'GET', path, query, headers: { 'x-newest': 'true' } }),
  ).catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  });
  if ((response?.body?.sizeBytes ?? 0) <= mostBytes) return response;
  await response?.body?.close();
  throw refusal(413);
}

/** Stores what `source` answered under another name, with all that features keep in it. Closes the source. */
export async function storeCopy(
  request: ProxyRequest,
  source: ProxyResponse,
  path: ObjectPath,
  next: Handler,
): Promise<ProxyResponse> {
  const sizeBytes = source.body?.sizeBytes ?? 0;
  const body: RequestBody = { sizeBytes, chunks: () => source.body?.read(0, sizeBytes) ?? NO_BODY.chunks() };
  const headers = { ...source.headers, 'content-length': String(sizeBytes) };
  try {
    return await next(ownRequest(request, { method: 'PUT', path, headers, body }));
  } finally {
    await source.body?.close();
  }
}

/** Notes among the versions that there is no object now. */
export function storeMarker(request: ProxyRequest, path: ObjectPath, next: Handler): Promise<ProxyResponse> {
  const headers: Headers = { 'content-type': DELETE_MARKER, 'content-length': '0' };
  return next(ownRequest(request, { method: 'PUT', path, headers }));
}

/** What is said of an archive that cannot be written. */
export function noVersionsContainer(cause: unknown): ApiError {
  return refusal(500, {
    body: 'The versions container does not exist. You may want to re-enable object versioning.',
    contentType: 'text/plain',
    cause,
  });
}

/** A body may not be there. @throws ApiError 400. */
export async function refuseBody({ body }: ProxyRequest, message: string): Promise<void> {
  if (body.sizeBytes === 0) return;
  for await (const chunk of body.chunks()) if (chunk.length > 0) throw plainRefusal(400, message);
}

export function isNotFound(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 404;
}
