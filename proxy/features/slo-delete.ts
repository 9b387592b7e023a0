import { ApiError } from '../../common/errors.ts';
import { noteAsyncDeletes } from '../actions/note-expiry.ts';
import { refusal } from '../errors.ts';
import { MOST_BUFFERED_SEGMENTS } from '../limits.ts';
import { type Handler, isTrue, type ProxyRequest, type ProxyResponse, subrequest } from '../message.ts';
import { openContainer } from '../routes/object-access.ts';
import type { Services } from '../routes/route.ts';
import { bulkDeletion, type Doomed } from './bulk-deletion.ts';
import { reportType } from './bulk-report.ts';
import { requireNoLockedParts } from './object-lock.ts';
import { readSegments } from './slo-get.ts';
import type { StoredSegment } from './slo-manifest.ts';
import { quote } from './symlink-headers.ts';

/**
 * `DELETE ?multipart-manifest=delete`: the segments, then the manifests that named them, then the manifest itself; with `async`, the
 * segments later.
 */
export async function deleteLargeObject(
  request: ProxyRequest,
  services: Services,
  next: Handler,
): Promise<ProxyResponse> {
  if (isTrue(request.query.get('async'))) return deleteLater(request, services, next);
  const contentType = reportType(request.headers['accept']) ?? 'text/plain';
  return bulkDeletion(request, contentType, next, () => collectSegments(request, next));
}

/**
 * Leaves the segments to the expirer, and deletes the manifest.
 *
 * @throws ApiError 400 where segments lie in several containers, or are large objects themselves; 401, 403, 404, 503.
 */
async function deleteLater(request: ProxyRequest, services: Services, next: Handler): Promise<ProxyResponse> {
  const { account, container = '', object = '' } = request.path;
  const segments = await readManifest(request, { name: `/${container}/${object}` }, next);
  const objects = segments.flatMap((segment) => ('data' in segment ? [] : [segment]));
  const paths = objects.map(({ name }) => pathOf(account, name));
  const [segmentContainer, ...more] = new Set(paths.map((path) => path.container));
  if (segmentContainer !== undefined) {
    if (more.length > 0) {
      const names = [segmentContainer, ...more].map((name) => `"${quote(name)}"`).join(', ');
      throw refusal(400, { body: `All segments must be in one container. Found segments in ${names}` });
    }
    if (objects.some((segment) => segment.sub_slo)) throw refusal(400, { body: 'No segments may be large objects.' });
    for (const name of new Set([container, segmentContainer])) {
      const asked = { ...request, path: { account, container: name, object } };
      await openContainer(asked, services, await services.access.decide(asked), 'writeAcl');
    }
    await requireNoLockedParts(services, { account, container: segmentContainer });
    await noteAsyncDeletes(services.cluster, paths);
  }
  const query = new Map(request.query);
  query.delete('multipart-manifest');
  return next({ ...request, query });
}

async function collectSegments(request: ProxyRequest, next: Handler): Promise<Doomed[]> {
  const { container, object } = request.path;
  const doomed: Doomed[] = [];
  const self = `/${container}/${object}`;
  const manifests = [self];
  /** Deleted after all segments, the innermost first: while one is there, its segments can be found. */
  const emptied: Doomed[] = [];
  for (let manifest = manifests.shift(); manifest !== undefined; manifest = manifests.shift()) {
    if (doomed.length + manifests.length > MOST_BUFFERED_SEGMENTS)
      throw refusal(400, { body: 'Too many buffered slo segments to delete.' });
    const root = manifest === self ? versionOf(request) : {};
    try {
      for (const segment of await readManifest(request, { name: manifest, ...root }, next)) {
        if ('data' in segment) continue;
        if (segment.sub_slo) manifests.push(segment.name);
        else doomed.push({ name: segment.name });
      }
      emptied.unshift({ name: manifest, ...root });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      emptied.unshift({ name: manifest, error: { status: error.status, message: messageOf(error) } });
    }
  }
  return [...doomed, ...emptied];
}

function versionOf({ query }: ProxyRequest): { versionId?: string } {
  const versionId = query.get('version-id');
  return versionId === undefined ? {} : { versionId };
}

/** @throws ApiError 400 for what is no manifest, and what reading it throws. */
async function readManifest(
  request: ProxyRequest,
  { name, versionId }: { name: string; versionId?: string },
  next: Handler,
): Promise<StoredSegment[]> {
  const query = new Map(versionId === undefined ? [] : [['version-id', versionId]]);
  const path = pathOf(request.path.account, name);
  const response = await next(subrequest(request, { method: 'GET', path, query }));
  if (response.headers['x-static-large-object']) return readSegments(response);
  await response.body?.close();
  throw refusal(400, { body: 'Not an SLO manifest' });
}

/** What a report says of a manifest that cannot be read. */
function messageOf(error: ApiError): string {
  if (error.status === 400) return error.message;
  return error.status === 401 ? '401 Unauthorized' : 'Unable to load SLO manifest or segment.';
}

function pathOf(account: string, name: string): { account: string; container: string; object: string } {
  const [container = '', ...rest] = name.replace(/^\/+/, '').split('/');
  return { account, container, object: rest.join('/') };
}
