import { ApiError } from '../../common/errors.ts';
import type { Timestamp } from '../../common/timestamp.ts';
import { parseTimestamp } from '../../common/timestamp.ts';
import { LISTED_AS } from '../../object-server/contract.ts';
import { isRefusal, refusal } from '../errors.ts';
import { MOST_TIMESTAMP_RETRIES } from '../limits.ts';
import {
  type Handler,
  type Headers,
  isTrue,
  NO_BODY,
  type ProxyRequest,
  type ProxyResponse,
  type RequestBody,
  type ResourcePath,
} from '../message.ts';
import { newObjectFields, UNCHANGED_SINCE_HEADER } from '../routes/object-put.ts';
import { decode } from '../routes/path.ts';
import { parseVersionName, versionNameOf } from '../routes/reserved-names.ts';
import type { Services } from '../routes/route.ts';
import { splitEtag } from './listing-rows.ts';
import { OBJECT_LOCK, withDefaultLock } from './object-lock.ts';
import { SLO_ETAG_HEADER, SLO_SIZE_HEADER } from './slo-put.ts';
import { quote, SYMLINK, targetText } from './symlink-headers.ts';
import { linkHeaders } from './symlink-put.ts';
import {
  isNotFound,
  noVersionsContainer,
  ownRequest,
  readSource,
  requireWritable,
  storeCopy,
  storeMarker,
} from './versions-archive.ts';
import { VERSIONS_SYMLINK } from './versions-settings.ts';

/** An object of a container that has, or had, versions. */
export interface Versioned {
  path: Required<ResourcePath>;
  /** The container that its versions are in; undefined: there never were any. */
  archive: string | undefined;
  isEnabled: boolean;
}

/** A request and who serves what it leads to. */
export interface Work {
  request: ProxyRequest;
  services: Services;
  next: Handler;
}

/** What a link to a version says of it. */
interface StoredVersion {
  versionId: Timestamp;
  etag: string;
  sizeBytes: string;
  contentType: string;
  /** Parameters of the listing row's ETag. */
  listed: ReadonlyMap<string, string>;
}

/** Where a version is. */
export function versionPath({ path, archive }: Versioned, versionId: Timestamp): Required<ResourcePath> {
  return { account: path.account, container: archive ?? '', object: versionNameOf(path.object, versionId) };
}

/** GET and HEAD: links to versions are followed below; the answer says which version it is. */
export async function readObject({ request, next }: Work, versioned: Versioned): Promise<ProxyResponse> {
  try {
    const response = await next(request);
    return { ...response, headers: asVersioned(response.headers, versioned) };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { status, code, message, details, headers } = error;
    throw new ApiError({ status, code, message, details, headers: asVersioned(headers, versioned), cause: error });
  }
}

/** The headers of an answer, with the version in place of the name that it is stored under. */
function asVersioned(headers: Headers, versioned: Versioned): Headers {
  const { account, container, object } = versioned.path;
  const changed: Record<string, string> = { ...headers, 'x-object-version-id': 'null' };
  const [, , locationAccount, locationContainer, ...name] = (headers['content-location'] ?? '').split('/');
  const found = versionIn(locationContainer, name, versioned);
  if (found && decode(locationAccount ?? '') === account) {
    changed['x-object-version-id'] = found;
    changed['content-location'] = `/v1/${quote(account)}/${targetText(container, object)}?version-id=${found}`;
  }
  const [targetContainer, ...targetName] = (headers['x-symlink-target'] ?? '').split('/');
  const target = versionIn(targetContainer, targetName, versioned);
  if (target) {
    changed['x-object-version-id'] = target;
    changed['x-symlink-target'] = `${targetText(container, object)}?version-id=${target}`;
  }
  return changed;
}

function versionIn(container: string | undefined, name: readonly string[], { archive }: Versioned): string | undefined {
  if (!container || decode(container) !== archive) return undefined;
  return parseVersionName(decode(name.join('/')) ?? '')?.versionId;
}

/** PUT: a version with the client's bytes, then a link to it. @throws what a PUT does, 412 and 500. */
export async function putObject(work: Work, versioned: Versioned): Promise<ProxyResponse> {
  const { request, services, next } = work;
  const { headers } = request;
  const { contentType } = newObjectFields(headers, versioned.path.object, services.cluster.clock);
  await requireWritable(request, services);
  await archiveCurrent(work, versioned);
  const { version, sizeBytes } = await storeVersion(work, versioned);
  const etag = version.response.headers['etag']?.replaceAll('"', '') ?? '';
  const listed = new Map(splitEtag(headers[LISTED_AS.etag] ?? '').parameters);
  try {
    return await putLink(request, versioned, next, {
      versionId: version.versionId,
      etag,
      sizeBytes: headers[SLO_SIZE_HEADER] ?? String(sizeBytes),
      contentType: contentType.split(';', 1)[0] ?? contentType,
      listed,
    });
  } catch (error) {
    if (isRefusal(error, 'ObjectExists') || isRefusal(error, 'ObjectChanged'))
      await forgetVersion(work, versionPath(versioned, version.versionId));
    throw error;
  }
}

/** Removes a version that never became the object: another write was faster. Best effort: the answer is that write's. */
async function forgetVersion({ request, next }: Work, path: Required<ResourcePath>): Promise<void> {
  try {
    await next(ownRequest(request, { method: 'DELETE', path }));
  } catch (error) {
    request.context.log.warn({ err: error, path }, 'a version that was refused stays');
  }
}

async function storeVersion(
  { request, services, next }: Work,
  versioned: Versioned,
): Promise<{ version: { versionId: Timestamp; response: ProxyResponse }; sizeBytes: number }> {
  const { 'x-delete-at': _at, 'x-delete-after': _after, [UNCHANGED_SINCE_HEADER]: _since, ...sent } = request.headers;
  const known = await services.containers.find(versioned.path.account, versioned.path.container);
  const headers = withDefaultLock(sent, known?.settings[OBJECT_LOCK], services.cluster.clock.nowMs());
  const { body, counted } = counting(request.body);
  for (let attempt = 0; ; attempt += 1) {
    const versionId = services.cluster.timestamps.next();
    const path = versionPath(versioned, versionId);
    try {
      // Two writers may draw the same moment: the second takes the next.
      const own = ownRequest(request, { method: 'PUT', path, headers: { ...headers, 'if-none-match': '*' }, body });
      const response = await next(own);
      return { version: { versionId, response }, sizeBytes: counted() };
    } catch (error) {
      if (isRefusal(error, 'ObjectExists') && attempt < MOST_TIMESTAMP_RETRIES) continue;
      throw isNotFound(error) ? noVersionsContainer(error) : error;
    }
  }
}

/** The same body, and how much of it has been read. */
function counting(body: RequestBody): { body: RequestBody; counted: () => number } {
  let bytes = 0;
  return {
    body: {
      ...body,
      async *chunks() {
        for await (const chunk of body.chunks()) {
          bytes += chunk.length;
          yield chunk;
        }
      },
    },
    counted: () => bytes,
  };
}

/** Makes the object a link to one of its versions. */
export async function putLink(
  request: ProxyRequest,
  versioned: Versioned,
  next: Handler,
  version: StoredVersion,
): Promise<ProxyResponse> {
  const { container, object } = versionPath(versioned, version.versionId);
  const {
    etag: _etag,
    'content-type': _type,
    'x-object-manifest': _manifest,
    'x-static-large-object': _isLarge,
    'x-if-delete-at': _ifDeleteAt,
    'x-detect-content-type': _detect,
    [SLO_ETAG_HEADER]: _sloEtag,
    [SLO_SIZE_HEADER]: _sloSize,
    [LISTED_AS.etag]: _listedEtag,
    [LISTED_AS.sizeBytes]: _listedSize,
    ...headers
  } = request.headers;
  const link = {
    ...linkHeaders(headers, { account: undefined, container, object }, version),
    [VERSIONS_SYMLINK]: 'true',
    [SYMLINK.isExtended]: 'true',
    [SYMLINK.isReserved]: 'true',
  };
  const response = await next({ ...request, query: new Map(), headers: link, body: NO_BODY });
  return {
    ...response,
    headers: { ...response.headers, etag: version.etag, 'x-object-version-id': version.versionId },
  };
}

/** DELETE: a marker among the versions, then the link goes. A marker is left for what was not there, too. */
export async function deleteObject(work: Work, versioned: Versioned): Promise<ProxyResponse> {
  const { request, services, next } = work;
  await requireWritable(request, services);
  await archiveCurrent(work, versioned);
  const versionId = services.cluster.timestamps.next();
  try {
    await storeMarker(request, versionPath(versioned, versionId), next);
  } catch (error) {
    throw isNotFound(error) ? refusal(412, { cause: error }) : error;
  }
  const headers = { 'x-object-version-id': versionId };
  try {
    const response = await next(request);
    return { ...response, headers: { ...response.headers, ...headers } };
  } catch (error) {
    if (isNotFound(error)) throw refusal(404, { headers, cause: error });
    throw error;
  }
}

/** POST: to the version that the object is a link to. */
export async function postObject({ request, next }: Work, versioned: Versioned): Promise<ProxyResponse> {
  const response = await next(request);
  const isLink = response.status === 307 && isTrue(response.headers[VERSIONS_SYMLINK]);
  const [, , , container, ...name] = (isLink ? response.headers['location'] : undefined)?.split('/') ?? [];
  const object = decode(name.join('/'));
  if (!object || decode(container ?? '') !== versioned.archive) return response;
  const { 'x-delete-at': _at, 'x-delete-after': _after, ...headers } = request.headers;
  const path = { account: versioned.path.account, container: versioned.archive ?? '', object };
  return next(ownRequest(request, { method: 'POST', path, headers }));
}

/**
 * Stores the current object as a version where it is not a link to one: it is from before versions were enabled.
 *
 * @throws ApiError 412 where the client wants nothing to be there, 500.
 */
async function archiveCurrent({ request, services, next }: Work, versioned: Versioned): Promise<void> {
  const source = await readSource(request, versioned.path, next, services.maxFileBytes);
  if (!source) return;
  const wantsNone = request.method === 'PUT' && request.headers['if-none-match']?.includes('*');
  if (wantsNone || isTrue(source.headers[VERSIONS_SYMLINK])) {
    await source.body?.close();
    if (wantsNone) throw refusal(412);
    return;
  }
  const versionId = parseTimestamp(source.headers['x-timestamp'] ?? '') ?? services.cluster.timestamps.next();
  try {
    await storeCopy(request, source, versionPath(versioned, versionId), next);
  } catch (error) {
    throw isNotFound(error) ? noVersionsContainer(error) : error;
  }
}
