import { parseTimestamp } from '../../common/timestamp.ts';
import { chunkOfRows, type ListingPage, rowsOfChunk } from '../../container-server/contract.ts';
import { refusal } from '../errors.ts';
import { MOST_LISTING_ROWS } from '../limits.ts';
import { type Handler, isTrue, type ProxyRequest, type ProxyResponse } from '../message.ts';
import { parseListingQuery } from '../routes/listing-query.ts';
import { decode } from '../routes/path.ts';
import {
  escapeName,
  parseVersionName,
  unescapeName,
  versionNameOf,
  versionsPrefixOf,
} from '../routes/reserved-names.ts';
import { bestMatch } from './accept.ts';
import { changeRows, joinEtag, type ListingRow, splitEtag } from './listing-rows.ts';
import { quote, targetText } from './symlink-headers.ts';
import { DELETE_MARKER, isNotFound, ownRequest } from './versions-archive.ts';

const VERSION_CHARACTERS = '0123456789.\u0001\u0002';

interface Place {
  account: string;
  container: string;
  /** The container that the versions are in. */
  archive: string;
}

/** Rows of links to versions look as their versions do. */
export function withVersionRows(response: ProxyResponse, place: Place): ProxyResponse {
  if (!response.rows) return response;
  return { ...response, rows: changeRows(response.rows, '"symlink_bytes":', (row) => asObject(row, place) ?? row) };
}

/** A link's row with what its version is; undefined where it leads elsewhere. */
function asObject(row: ListingRow, { account, container, archive }: Place): ListingRow | undefined {
  const { symlink_etag: etag, symlink_bytes: bytes, symlink_path: path } = row;
  const [, , , linkContainer = '', ...name] = String(path ?? '').split('/');
  if (etag === undefined || bytes === undefined || decode(linkContainer) !== archive) return undefined;
  const version = parseVersionName(decode(name.join('/')) ?? '');
  if (!version) return undefined;
  const { symlink_etag: _etag, symlink_bytes: _bytes, ...others } = row;
  return {
    ...others,
    bytes,
    hash: joinEtag(String(etag), splitEtag(String(row['hash'])).parameters),
    version_symlink: true,
    symlink_path: `/v1/${quote(account)}/${targetText(container, version.object)}?version-id=${version.versionId}`,
  };
}

/**
 * `?versions`: all versions of all objects, in JSON, ordered by name and then from the newest.
 *
 * @param current the answer with the rows of the container itself.
 * @throws ApiError 400, 406.
 */
export async function listVersions(
  request: ProxyRequest,
  current: ProxyResponse,
  archive: string,
  next: Handler,
): Promise<ProxyResponse> {
  const { account, container = '' } = request.path;
  if (!acceptsJson(request)) throw refusal(406);
  const query = versionsQuery(request);
  const links = new Map<string, ListingRow>();
  const subdirs = new Set<string>();
  const rows: ListingRow[] = [];
  const withLatest = new Set<string>();
  for (const row of rowsOf(current.rows)) {
    const version = versionOf(row);
    if (row['subdir'] !== undefined) subdirs.add(String(row['subdir']));
    else if (version !== undefined) links.set(keyOf(String(row['name']), version), row);
    else {
      rows.push({ ...row, version_id: 'null', is_latest: true });
      withLatest.add(String(row['name']));
    }
  }
  for (const row of await versionRows(request, { account, archive, query }, next)) {
    if (row['subdir'] !== undefined) {
      subdirs.add(unescapeName(String(row['subdir'])));
      continue;
    }
    const version = parseVersionName(String(row['name']));
    if (!version) continue;
    const { object, versionId } = version;
    const isCurrent = links.delete(keyOf(object, versionId));
    const isMarker = row['content_type'] === DELETE_MARKER && !withLatest.has(object);
    if (isCurrent || isMarker) withLatest.add(object);
    rows.push({ ...row, name: object, version_id: versionId, is_latest: isCurrent || isMarker });
  }
  // Links whose versions are gone, or behind in their listing.
  for (const [key, row] of links) {
    const { version_symlink: _isLink, symlink_path: _path, ...shown } = row;
    const isLatest = !withLatest.has(String(row['name']));
    rows.push({ ...shown, version_id: key.slice(key.lastIndexOf('\0') + 1), is_latest: isLatest });
  }
  for (const subdir of subdirs) rows.push({ subdir });
  const { limit, reverse } = parseListingQuery(request.query);
  const sign = reverse ? -1 : 1;
  rows.sort((left, right) => sign * compareNames(nameOf(left), nameOf(right)));
  const texts = rows.slice(0, limit).map((row) => JSON.stringify(row));
  return {
    ...current,
    headers: { ...current.headers, 'content-type': 'application/json' },
    rows: { chunks: texts.length > 0 ? [chunkOfRows(texts)] : [] },
  };

  function versionOf(row: ListingRow): string | undefined {
    const object = asObject(row, { account, container, archive });
    if (!object) return undefined;
    Object.assign(row, object);
    delete row['symlink_etag'];
    delete row['symlink_bytes'];
    return String(object['symlink_path']).split('?version-id=').at(-1);
  }
}

/** The parameter wins over the header, as in other listings. */
function acceptsJson({ query, headers }: ProxyRequest): boolean {
  const format = query.get('format');
  if (format) return format.toLowerCase() === 'json';
  return bestMatch(headers['accept'], ['application/json']) === 'application/json';
}

/** The query for the listing of the hidden container. @throws ApiError 400. */
function versionsQuery({ query }: ProxyRequest): Map<string, string> {
  const marker = query.get('marker');
  const versionMarker = query.get('version_marker');
  if (versionMarker !== undefined && marker === undefined)
    throw refusal(400, { body: 'version_marker param requires marker' });
  const delimiter = query.get('delimiter') ?? '';
  // What ends a name within a version's is made of these.
  if ([...delimiter].some((character) => VERSION_CHARACTERS.includes(character)))
    throw refusal(400, { body: 'invalid delimiter param' });
  const asked = new Map([
    ['prefix', escapeName(query.get('prefix') ?? '')],
    ['delimiter', delimiter],
    ['limit', query.get('limit') ?? String(MOST_LISTING_ROWS)],
    ['reverse', query.get('reverse') ?? ''],
  ]);
  if (marker) {
    const isReverse = isTrue(query.get('reverse'));
    asked.set('marker', markerOf(marker, versionMarker, isReverse));
  }
  return asked;
}

function markerOf(marker: string, versionMarker: string | undefined, isReverse: boolean): string {
  const prefix = versionsPrefixOf(marker);
  // Digits sort before a colon: just past all versions. Backwards, and after the null version, which comes first: just before them.
  if (versionMarker === undefined) return isReverse ? prefix : `${prefix}:`;
  if (versionMarker === 'null') return prefix;
  const versionId = parseTimestamp(versionMarker);
  if (versionId === undefined) throw refusal(400, { body: 'invalid version_marker param' });
  return versionNameOf(marker, versionId);
}

/** None where there is no such container. */
async function versionRows(
  request: ProxyRequest,
  { account, archive, query }: { account: string; archive: string; query: Map<string, string> },
  next: Handler,
): Promise<ListingRow[]> {
  const path = { account, container: archive };
  try {
    return rowsOf((await next(ownRequest(request, { method: 'GET', path, query }))).rows);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

function rowsOf(page: ListingPage | undefined): ListingRow[] {
  const rows = page?.chunks.flatMap(rowsOfChunk).map((row) => JSON.parse(row) as ListingRow) ?? [];
  page?.release?.();
  return rows;
}

function nameOf(row: ListingRow): string {
  return String(row['name'] ?? row['subdir']);
}

function keyOf(object: string, versionId: string): string {
  return `${object}\0${versionId}`;
}

function compareNames(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
