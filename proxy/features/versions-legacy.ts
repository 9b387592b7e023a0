import { ApiError } from '../../common/errors.ts';
import { parseTimestamp } from '../../common/timestamp.ts';
import { rowsOfChunk } from '../../container-server/contract.ts';
import { plainRefusal, refusal } from '../errors.ts';
import type { Feature, Handler, Headers, ProxyRequest, ProxyResponse, ResourcePath } from '../message.ts';
import { decode } from '../routes/path.ts';
import type { Services } from '../routes/route.ts';
import {
  DELETE_MARKER,
  isNotFound,
  ownRequest,
  readSource,
  requireWritable,
  storeCopy,
  storeMarker,
} from './versions-archive.ts';
import { VERSIONS_LOCATION, VERSIONS_MODE } from './versions-settings.ts';

type ObjectPath = Required<ResourcePath>;

interface Work {
  request: ProxyRequest;
  services: Services;
  next: Handler;
  path: ObjectPath;
  /** The container that older versions go to. */
  archive: string;
}

/**
 * The older kind of versions: what is overwritten goes to a container that the client names, `X-Versions-Location` (a DELETE brings the
 * version before back) or `X-History-Location` (a DELETE leaves a marker).
 *
 * Spec: Swift, "Versioned Writes".
 */
export function legacyVersions(services: Services): Feature {
  return (next) => async (request) => {
    const { account, container, object } = request.path;
    if (container === undefined) return next(request);
    if (object === undefined) return containerRequest(request, next);
    if (request.method !== 'PUT' && request.method !== 'DELETE') return next(request);
    const settings = (await services.containers.find(account, container))?.settings;
    const [archive = ''] = (decode(settings?.[VERSIONS_LOCATION] ?? '') ?? '').split('/');
    if (archive === '') return next(request);
    const work: Work = { request, services, next, path: { account, container, object }, archive };
    await requireWritable(request, services);
    if (request.method === 'PUT') {
      await archiveCurrent(work);
      return next(request);
    }
    return settings?.[VERSIONS_MODE] === 'history' ? deleteIntoHistory(work) : deleteFromStack(work);
  };
}

/** Translates the setting: what clients send and see is kept as sysmeta. @throws ApiError 400, 412. */
async function containerRequest(request: ProxyRequest, next: Handler): Promise<ProxyResponse> {
  const isChange = request.method === 'PUT' || request.method === 'POST';
  const response = await next(isChange ? { ...request, headers: settingHeaders(request.headers) } : request);
  const location = response.headers[VERSIONS_LOCATION];
  if (!location) return response;
  const name = response.headers[VERSIONS_MODE] === 'history' ? 'x-history-location' : 'x-versions-location';
  return { ...response, headers: { ...response.headers, [name]: location } };
}

const SETTING_HEADERS = [
  'x-versions-location',
  'x-history-location',
  'x-remove-versions-location',
  'x-remove-history-location',
];

function settingHeaders(headers: Headers): Headers {
  if (!SETTING_HEADERS.some((name) => name in headers)) return headers;
  const {
    'x-versions-location': stack,
    'x-history-location': history,
    'x-remove-versions-location': removesStack,
    'x-remove-history-location': removesHistory,
    ...others
  } = headers;
  if (stack && history)
    throw plainRefusal(400, 'Only one of x-versions-location or x-history-location may be specified');
  const location = stack || history;
  if (location) {
    if (location.includes('/')) throw refusal(412, { body: 'Container name cannot contain slashes' });
    return { ...others, [VERSIONS_LOCATION]: location, [VERSIONS_MODE]: stack ? 'stack' : 'history' };
  }
  const isRemoval = stack !== undefined || history !== undefined || removesStack || removesHistory;
  return isRemoval ? { ...others, [VERSIONS_LOCATION]: '', [VERSIONS_MODE]: '' } : others;
}

/** `<length of the name, 3 hex digits><name>/`: names that begin alike lie apart. */
function versionsPrefixOf(object: string): string {
  return `${Buffer.byteLength(object).toString(16).padStart(3, '0')}${object}/`;
}

/** Keeps what is there as a version. @throws ApiError 412, 503: then nothing is overwritten. */
async function archiveCurrent({ request, services, next, path, archive }: Work): Promise<void> {
  const source = await archiving(readSource(request, path, next, services.maxFileBytes));
  if (!source) return;
  const timestamp = parseTimestamp(source.headers['x-timestamp'] ?? '') ?? services.cluster.timestamps.next();
  const object = versionsPrefixOf(path.object) + timestamp;
  await archiving(storeCopy(request, source, { account: path.account, container: archive, object }, next));
}

/** The current object becomes a version, then the marker another, then it goes. */
async function deleteIntoHistory(work: Work): Promise<ProxyResponse> {
  const { request, services, next, path, archive } = work;
  await archiveCurrent(work);
  const object = versionsPrefixOf(path.object) + services.cluster.timestamps.next();
  await archiving(storeMarker(request, { account: path.account, container: archive, object }, next));
  return next(request);
}

/** The newest version takes the place of the object; where there is none, the object goes. */
async function deleteFromStack(work: Work): Promise<ProxyResponse> {
  const { request, next, path, archive } = work;
  const versionPath = (object: string) => ({ account: path.account, container: archive, object });
  const removal = (object: string) => ownRequest(request, { method: 'DELETE', path: versionPath(object) });
  const versions = versionsNewestFirst(work);
  for await (const version of versions) {
    if (version.content_type !== DELETE_MARKER) {
      if (await restore(work, versionPath(version.name))) return next(removal(version.name));
      continue;
    }
    if (await isThere(work)) break;
    // The marker is what is current: the version before it comes back.
    for await (const older of versions) {
      if (older.content_type === DELETE_MARKER) break;
      if (!(await restore(work, versionPath(older.name)))) continue;
      await archiving(next(removal(older.name)).catch(ignoreNotFound));
      break;
    }
    return next(removal(version.name));
  }
  return next(request);
}

/** Page after page; each may be left in the middle and gone on with. */
async function* versionsNewestFirst(work: Work): AsyncIterableIterator<{ name: string; content_type: string }> {
  const { request, next, path, archive } = work;
  const container = { account: path.account, container: archive };
  for (let marker = ''; ; ) {
    const query = new Map([
      ['prefix', versionsPrefixOf(path.object)],
      ['marker', marker],
      ['reverse', 'on'],
    ]);
    const page = await archiving(
      next(ownRequest(request, { method: 'GET', path: container, query })).catch(ignoreNotFound),
    );
    const rows = page?.rows?.chunks.flatMap(rowsOfChunk) ?? [];
    page?.rows?.release?.();
    if (rows.length === 0) return;
    for (const row of rows) {
      const version = JSON.parse(row) as { name: string; content_type: string };
      marker = version.name;
      yield version;
    }
  }
}

/** @returns whether the version was there. */
async function restore({ request, services, next, path }: Work, version: ObjectPath): Promise<boolean> {
  const source = await archiving(readSource(request, version, next, services.maxFileBytes));
  if (!source) return false;
  await archiving(storeCopy(request, source, path, next));
  return true;
}

async function isThere({ request, next, path }: Work): Promise<boolean> {
  const head = ownRequest(request, { method: 'HEAD', path, headers: { 'x-newest': 'true' } });
  const response = await archiving(next(head).catch(ignoreNotFound));
  await response?.body?.close();
  return response !== undefined;
}

function ignoreNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}

/** What cannot be kept is not overwritten. @throws ApiError 412 where it was refused, else 503. */
async function archiving<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw refusal(error.status < 500 ? 412 : 503, { cause: error });
  }
}
