import { parseTimestamp, type Timestamp } from '../../common/timestamp.ts';
import { LISTED_AS } from '../../object-server/contract.ts';
import { refusal } from '../errors.ts';
import type { Headers, ProxyRequest, ProxyResponse } from '../message.ts';
import { decode } from '../routes/path.ts';
import { isReservedContainer, parseVersionName } from '../routes/reserved-names.ts';
import { splitEtag } from './listing-rows.ts';
import { requireUnlocked } from './object-lock.ts';
import { SLO_SIZE_HEADER } from './slo-put.ts';
import {
  DELETE_MARKER,
  isNotFound,
  noVersionsContainer,
  ownRequest,
  readSource,
  refuseBody,
  requireWritable,
} from './versions-archive.ts';
import { putLink, type Versioned, versionPath, type Work } from './versions-object.ts';
import { VERSIONS_SYMLINK } from './versions-settings.ts';

/** In place of an id: the object of before versions were enabled, or while they are suspended. */
const NULL_VERSION = 'null';

/**
 * Requests with `version-id`: GET and HEAD of that version, DELETE of it alone, PUT to make it the current one.
 *
 * @throws ApiError 400, 404.
 */
export async function requestOfVersion(work: Work, versioned: Versioned, text: string): Promise<ProxyResponse> {
  const { request, next } = work;
  if (request.method === 'POST') throw refusal(400, { body: 'POST to a specific version is not allowed' });
  if (versioned.archive === undefined && text !== NULL_VERSION)
    throw refusal(400, { body: 'version-aware operations require that the container is versioned' });
  const versionId = text === NULL_VERSION ? undefined : parseTimestamp(text);
  if (versionId === undefined && (text !== NULL_VERSION || request.method === 'PUT'))
    throw refusal(400, { body: 'Invalid version parameter' });
  switch (request.method) {
    case 'PUT':
      return versionId === undefined ? next(request) : restore(work, versioned, versionId);
    case 'DELETE':
      return versionId === undefined ? next(withoutQuery(request)) : deleteVersion(work, versioned, versionId);
    default:
      return versionId === undefined ? readNull(work) : readVersion(work, versioned, versionId);
  }
}

/** @throws ApiError 404 where the object is a link to a version. */
async function readNull({ request, next }: Work): Promise<ProxyResponse> {
  const response = await next(request);
  const [, , , container = ''] = (response.headers['content-location'] ?? '').split('/');
  if (!isReservedContainer(decode(container) ?? ''))
    return { ...response, headers: { ...response.headers, 'x-object-version-id': NULL_VERSION } };
  await response.body?.close();
  throw refusal(404);
}

/** Access is asked for where the version is: containers' ACLs do not reach so far. @throws ApiError 404, also of a marker. */
async function readVersion(
  { request, next }: Work,
  versioned: Versioned,
  versionId: Timestamp,
): Promise<ProxyResponse> {
  const response = await next({ ...request, path: versionPath(versioned, versionId) });
  const headers: Headers = { ...response.headers, 'x-object-version-id': versionId };
  if (headers['content-type'] !== DELETE_MARKER) return { ...response, headers };
  await response.body?.close();
  throw refusal(404, {
    contentType: DELETE_MARKER,
    headers: { 'x-object-version-id': versionId },
  });
}

/** The link goes first where it leads to this version: it never leads nowhere. */
async function deleteVersion(
  { request, services, next }: Work,
  versioned: Versioned,
  versionId: Timestamp,
): Promise<ProxyResponse> {
  const target = withoutQuery({ ...request, path: versionPath(versioned, versionId) });
  // Whoever may not delete the version is told so before the link goes.
  if (!(await services.access.decide(target)).allowed) return next(target);
  const record = await requireUnlocked({ request, services, next }, versioned, versionId);
  const current = await currentVersion({ request, services, next }, versioned);
  const isCurrent = current === versionId;
  if (isCurrent) await next(withoutQuery(request));
  const headers: Headers = {
    'x-object-version-id': versionId,
    'x-object-current-version-id': isCurrent ? NULL_VERSION : (current ?? NULL_VERSION),
  };
  const response = await next(target).catch((error: unknown) => {
    throw isNotFound(error) ? refusal(404, { headers, cause: error }) : error;
  });
  // What is left behind says nothing of any other version.
  if (record) await next(ownRequest(request, { method: 'DELETE', path: record })).catch(() => undefined);
  return { ...response, headers: { ...response.headers, ...headers } };
}

/** Of the version that the object is a link to; undefined where it is none, or not there. */
async function currentVersion({ request, services, next }: Work, { path }: Versioned): Promise<string | undefined> {
  const source = await readSource(request, path, next, services.maxFileBytes);
  await source?.body?.close();
  if (source?.headers[VERSIONS_SYMLINK] !== 'true') return undefined;
  const [, ...name] = (source.headers['x-symlink-target'] ?? '').split('/');
  return parseVersionName(decode(name.join('/')) ?? '')?.versionId;
}

/** Makes a version the current one again. */
async function restore(work: Work, versioned: Versioned, versionId: Timestamp): Promise<ProxyResponse> {
  const { request, services, next } = work;
  await requireWritable(request, services);
  await refuseBody(request, 'PUT version-id requests require a zero byte body');
  const path = versionPath(versioned, versionId);
  const version = await readSource(request, path, next, services.maxFileBytes);
  if (version?.headers['content-type'] === DELETE_MARKER) {
    await version.body?.close();
    throw refusal(404, { body: 'The specified version does not exist', contentType: 'text/plain' });
  }
  if (!version) {
    const { account, container } = path;
    await next(ownRequest(request, { method: 'HEAD', path: { account, container } })).catch((error: unknown) => {
      throw isNotFound(error) ? noVersionsContainer(error) : error;
    });
    throw refusal(404, { body: 'The specified version does not exist', contentType: 'text/plain' });
  }
  const { headers, body } = version;
  await body?.close();
  return putLink(request, versioned, next, {
    versionId,
    etag: headers['etag'] ?? '',
    sizeBytes: headers[SLO_SIZE_HEADER] ?? String(body?.sizeBytes ?? 0),
    contentType: headers['content-type'] ?? '',
    listed: new Map(
      [...splitEtag(headers[LISTED_AS.etag] ?? '').parameters].filter(([name]) => !name.startsWith('symlink_')),
    ),
  });
}

function withoutQuery(request: ProxyRequest): ProxyRequest {
  return { ...request, query: new Map() };
}
