import { concurrently } from '../features/concurrently.ts';
import { DELETE_MARKER } from '../features/versions-archive.ts';
import { VERSIONS_CONTAINER } from '../features/versions-settings.ts';
import { MOST_MANIFEST_BYTES, SUBREQUEST_CONCURRENCY } from '../limits.ts';
import { readWhole } from '../message.ts';
import { S3_ETAG } from './headers.ts';
import { MOST_LISTED } from './limits.ts';
import type { S3Request, S3Services } from './message.ts';
import { partsContainer } from './names.ts';
import { ask, askHead, askIfThere, listRows } from './object-api.ts';
import { versionQuery } from './versions.ts';

const NO_PARTS: ReadonlySet<string> = new Set();

interface DoomedObject {
  bucket: string;
  key: string;
  /** Named by a request that ends a version. */
  version?: string | undefined;
}

/**
 * Overwrites or deletes an object, and then the parts that it was made of: nobody else names them. Buckets into which nothing was ever
 * uploaded in parts, which this thread knows, pay nothing for it. A crash between leaves parts that go with the bucket.
 *
 * @param isDoomed false for parts that the change uses again.
 */
export async function withRemovalOfParts<T>(
  request: S3Request,
  services: S3Services,
  what: DoomedObject,
  change: () => Promise<T>,
  isDoomed: (part: string) => boolean = () => true,
): Promise<T> {
  const doomed = (await partsOf(request, services, what)).filter(isDoomed);
  const result = await change();
  // Versions of one key may share parts, where Swift's dialect copied a manifest.
  const inUse = doomed.length > 0 && what.version !== undefined ? await partsInUse(request, services, what) : NO_PARTS;
  await removeParts(
    request,
    services,
    doomed.filter((part) => !inUse.has(part) && part.startsWith(`${what.key}/`)),
  );
  return result;
}

/** Names below the bucket's container of parts; none where the object was not uploaded in parts. */
async function partsOf(
  request: S3Request,
  services: S3Services,
  { bucket, key, version }: DoomedObject,
): Promise<string[]> {
  const container = partsContainer(bucket);
  if (!(await services.containers.find(request.account, container))) return [];
  // What is overwritten, or deleted without an id, lives on as a version.
  const known = await services.containers.find(request.account, bucket);
  if (known?.settings[VERSIONS_CONTAINER] && version === undefined) return [];
  return partsOfVersion(request, services, { bucket, key, version });
}

/**
 * Parts that the object of a key is made of, or one of its versions: those of an upload that was completed, even if a crash has left the
 * upload itself behind.
 */
export async function partsInUse(
  request: S3Request,
  services: S3Services,
  { bucket, key }: { bucket: string; key: string },
): Promise<ReadonlySet<string>> {
  const known = await services.containers.find(request.account, bucket);
  if (!known?.settings[VERSIONS_CONTAINER]) return new Set(await partsOfVersion(request, services, { bucket, key }));
  const parts = new Set<string>();
  for (let marker: Record<string, string> = {}; ; ) {
    const query = { versions: '', prefix: key, limit: String(MOST_LISTED), ...marker };
    const page = await listRows(request, services, query, bucket);
    for (const row of page.filter(({ name, content_type: type }) => name === key && type !== DELETE_MARKER))
      for (const part of await partsOfVersion(request, services, { bucket, key, version: row.version_id }))
        parts.add(part);
    const last = page.at(-1);
    // The names that go on after the key come after all of its versions.
    if (page.length < MOST_LISTED || last?.name !== key) return parts;
    marker = { marker: key, version_marker: last.version_id ?? 'null' };
  }
}

async function partsOfVersion(
  request: S3Request,
  services: S3Services,
  { bucket, key, version }: DoomedObject,
): Promise<string[]> {
  const container = partsContainer(bucket);
  const what = { container: bucket, object: key };
  const query = versionQuery(version);
  const headers = await askIfThere(request, services, { method: 'HEAD', ...what, query });
  if (headers?.[S3_ETAG] === undefined || !headers['x-static-large-object']) return [];
  const { body } = await ask(request, services, {
    method: 'GET',
    ...what,
    query: { ...query, 'multipart-manifest': 'get' },
  });
  if (!body) return [];
  const text = await readWhole(body, 2 * MOST_MANIFEST_BYTES);
  await body.close();
  const prefix = `/${container}/`;
  const segments = JSON.parse(text?.toString() ?? '[]') as { name?: string }[];
  return segments.flatMap(({ name }) => (name?.startsWith(prefix) ? [name.slice(prefix.length)] : []));
}

/** Best effort: the answer is the change's. */
export async function removeParts(request: S3Request, services: S3Services, names: readonly string[]): Promise<void> {
  if (names.length === 0 || request.bucket === undefined) return;
  const container = partsContainer(request.bucket);
  await concurrently(names, SUBREQUEST_CONCURRENCY, async (name) => {
    try {
      await askHead(request, services, { method: 'DELETE', container, object: name });
    } catch (error) {
      request.context.log.debug({ err: error, container, name }, 'a part stays');
    }
  });
}
