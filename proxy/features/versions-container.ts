import { ApiError } from '../../common/errors.ts';
import { denial } from '../access/access-control.ts';
import { readContainerInfo } from '../actions/read-listing.ts';
import { changeAccount } from '../actions/write-listing.ts';
import { refusal } from '../errors.ts';
import { type Handler, isTrue, type ProxyRequest, type ProxyResponse } from '../message.ts';
import { decode } from '../routes/path.ts';
import { versionsContainerOf } from '../routes/reserved-names.ts';
import type { Services } from '../routes/route.ts';
import { OBJECT_LOCK } from './object-lock.ts';
import { quote } from './symlink-headers.ts';
import { ownRequest } from './versions-archive.ts';
import { listVersions, withVersionRows } from './versions-listing.ts';
import { ACCOUNT_HAS_VERSIONS, VERSIONS_CONTAINER, VERSIONS_ENABLED, VERSIONS_LOCATION } from './versions-settings.ts';

/**
 * PUT or POST with `X-Versions-Enabled`: makes the hidden container before the client's own is said to have it.
 *
 * @throws ApiError 400 with the older kind of versions, or container sync.
 */
export async function enableVersions(request: ProxyRequest, services: Services, next: Handler): Promise<ProxyResponse> {
  const { 'x-versions-enabled': wanted, ...headers } = request.headers;
  if (!(await services.access.decide(request)).allowed) throw denial(request);
  const { account, container = '' } = request.path;
  const info = await readContainerInfo(services.cluster, account, container);
  if (info?.metadata[VERSIONS_LOCATION])
    throw refusal(400, {
      body: 'Cannot enable object versioning on a container that is already using the legacy versioned writes feature.',
    });
  if (info?.metadata['x-container-sync-to'])
    throw refusal(400, {
      body: 'Cannot enable object versioning on a container configured as source of container syncing.',
    });
  if (!isTrue(wanted) && info?.metadata[OBJECT_LOCK])
    throw refusal(409, { body: 'Versions of a container whose objects can be locked cannot be suspended.' });
  if (!isTrue(wanted)) return next({ ...request, headers: { ...headers, [VERSIONS_ENABLED]: 'False' } });
  if (!info && request.method === 'POST') throw refusal(404);
  const archive = versionsContainerOf(container);
  const policy = info
    ? services.cluster.policies.byIndex(info.policyIndex)?.name
    : (headers['x-storage-policy'] ?? undefined);
  const hidden = { account, container: archive };
  const created = await makeHidden(request, hidden, policy, next);
  try {
    await changeAccount(services.cluster, account, { [ACCOUNT_HAS_VERSIONS]: 'true' });
    return await next({
      ...request,
      headers: { ...headers, [VERSIONS_ENABLED]: 'True', [VERSIONS_CONTAINER]: quote(archive) },
    });
  } catch (error) {
    // What could not be enabled leaves nothing that nobody sees.
    if (created) await next(ownRequest(request, { method: 'DELETE', path: hidden })).catch(() => undefined);
    throw error;
  }
}

/** @returns whether there was none. */
async function makeHidden(
  request: ProxyRequest,
  path: { account: string; container: string },
  policy: string | undefined,
  next: Handler,
): Promise<boolean> {
  const headers = policy === undefined ? {} : { 'x-storage-policy': policy };
  try {
    return (await next(ownRequest(request, { method: 'PUT', path, headers }))).status === 201;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // One of another policy is there from before: it serves as well.
    if (error.status === 409) return false;
    if (error.status < 500 && policy !== undefined) throw error;
    throw refusal(500, { body: 'Error enabling object versioning', cause: error });
  }
}

/** Whatever else is asked of a container: the answer says whether it has versions, counts their bytes and lists them. */
export async function readContainer(request: ProxyRequest, next: Handler): Promise<ProxyResponse> {
  const { account, container = '' } = request.path;
  const isVersions = request.method === 'GET' && request.query.has('versions');
  const response = await next(request);
  const enabled = response.headers[VERSIONS_ENABLED];
  const archive = decode(response.headers[VERSIONS_CONTAINER] ?? '') || versionsContainerOf(container);
  if (enabled === undefined && !isVersions) return response;
  const headers: Record<string, string> = { ...response.headers };
  if (enabled !== undefined) headers['x-versions-enabled'] = enabled;
  if (response.headers[VERSIONS_CONTAINER] !== undefined) {
    const bytes = await bytesOf(request, { account, container: archive }, next);
    headers['x-container-bytes-used'] = String(Number(headers['x-container-bytes-used'] ?? 0) + bytes);
  }
  const answer = { ...response, headers };
  if (isVersions) return listVersions(request, answer, archive, next);
  return request.method === 'GET' ? withVersionRows(answer, { account, container, archive }) : answer;
}

async function bytesOf(
  request: ProxyRequest,
  path: { account: string; container: string },
  next: Handler,
): Promise<number> {
  try {
    const { headers } = await next(ownRequest(request, { method: 'HEAD', path }));
    return Number(headers['x-container-bytes-used'] ?? 0);
  } catch (error) {
    if (error instanceof ApiError) return 0;
    throw error;
  }
}

/** DELETE: only with all versions gone; the hidden container goes first, so that none is left which nobody sees. @throws ApiError 409. */
export async function deleteContainer(
  request: ProxyRequest,
  services: Services,
  next: Handler,
): Promise<ProxyResponse> {
  const { account, container = '' } = request.path;
  if (!(await services.access.decide(request)).allowed) throw denial(request);
  const info = await readContainerInfo(services.cluster, account, container);
  const archive = decode(info?.metadata[VERSIONS_CONTAINER] ?? '');
  if (!info || !archive) return next(request);
  const hidden = await readContainerInfo(services.cluster, account, archive);
  if (hidden && hidden.objectCount > 0) throw refusal(409, { body: 'Delete all versions before deleting container.' });
  if (hidden && info.objectCount === 0)
    await next(ownRequest(request, { method: 'DELETE', path: { account, container: archive } }));
  return next(request);
}
