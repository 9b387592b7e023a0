import { chunkOfRows, type ListingPage, type ListingQuery, rowsOfChunk } from '../../container-server/contract.ts';
import { listContainers } from '../actions/read-listing.ts';
import { MOST_LISTING_ROWS } from '../limits.ts';
import type { Handler, ProxyRequest, ProxyResponse } from '../message.ts';
import { parseListingQuery } from '../routes/listing-query.ts';
import { versionsContainerOf } from '../routes/reserved-names.ts';
import type { Services } from '../routes/route.ts';
import { ACCOUNT_HAS_VERSIONS } from './versions-settings.ts';

interface ContainerRow {
  name: string;
  bytes: number;
}

/** A listing of an account: the bytes of a container's versions are the container's. */
export async function listAccount(request: ProxyRequest, services: Services, next: Handler): Promise<ProxyResponse> {
  const response = await next(request);
  if (!response.rows || response.headers[ACCOUNT_HAS_VERSIONS] === undefined) return response;
  const rows = rowsOf(response.rows);
  const names = rows.flatMap((row) => ('name' in row ? [row.name] : []));
  const query = parseListingQuery(request.query);
  const bytes = await bytesOfVersions(services, request.path.account, query, names);
  const texts = rows.map((row) =>
    JSON.stringify('name' in row ? { ...row, bytes: row.bytes + (bytes.get(row.name) ?? 0) } : row),
  );
  return { ...response, rows: { chunks: texts.length > 0 ? [chunkOfRows(texts)] : [] } };
}

/** By container, of those between the first and the last of `names`. */
async function bytesOfVersions(
  { cluster }: Services,
  account: string,
  { prefix, delimiter, reverse }: ListingQuery,
  names: readonly string[],
): Promise<Map<string, number>> {
  const bytes = new Map<string, number>();
  const [low, high] = reverse ? [names.at(-1), names[0]] : [names[0], names.at(-1)];
  if (low === undefined || high === undefined) return bytes;
  // A name without its last character lies before it; with the least one more, after it.
  let marker = versionsContainerOf(low.slice(0, -1));
  const endMarker = versionsContainerOf(`${high}\u0001`);
  for (;;) {
    const query = { prefix: versionsContainerOf(prefix), delimiter, marker, endMarker, limit: MOST_LISTING_ROWS };
    const page = (await listContainers(cluster, account, { ...query, reverse: false, reserved: true }))?.page;
    const rows = rowsOf(page);
    for (const row of rows) if ('name' in row) bytes.set(row.name.slice(versionsContainerOf('').length), row.bytes);
    const last = rows.at(-1);
    if (!last || rows.length < MOST_LISTING_ROWS) return bytes;
    marker = 'name' in last ? last.name : last.subdir;
  }
}

function rowsOf(page: ListingPage | undefined): (ContainerRow | { subdir: string })[] {
  const rows = page?.chunks.flatMap(rowsOfChunk).map((row) => JSON.parse(row) as ContainerRow | { subdir: string });
  page?.release?.();
  return rows ?? [];
}
