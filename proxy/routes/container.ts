import { httpDateOf } from '../../common/timestamp.ts';
import type { ContainerInfo } from '../../container-server/contract.ts';
import { denial, type Grant } from '../access/access-control.ts';
import { cleanAcl, parseAcl } from '../access/acl.ts';
import { openSyncNotes } from '../actions/note-sync.ts';
import { listObjects, readContainerInfo } from '../actions/read-listing.ts';
import { changeContainer, putContainer as createContainer, removeContainer } from '../actions/write-listing.ts';
import type { Cluster } from '../backend/cluster.ts';
import type { Policies } from '../backend/policies.ts';
import { plainRefusal, refusal } from '../errors.ts';
import { VERSIONS_CONTAINER } from '../features/versions-settings.ts';
import { MOST_CONTAINER_NAME_BYTES } from '../limits.ts';
import type { Headers, ProxyRequest } from '../message.ts';
import { resolveSyncTo } from '../sync/realms.ts';
import { newAccountMetadata } from './account.ts';
import { parseListingQuery } from './listing-query.ts';
import { checkMergedMetadata, checkMetadata, isOwnerHeader, metadataChange } from './metadata.ts';
import { isReservedContainer } from './reserved-names.ts';
import type { Route, Services } from './route.ts';

const SYNC_TO = 'x-container-sync-to';

export const getContainer: Route = {
  asksAcl: true,
  async handle(request, services, grant) {
    const { account, container } = containerPathOf(request);
    const query = parseListingQuery(request.query);
    // Who may read only by the ACL reads it first: the rows come after.
    if (!grant.allowed) await requireReadable(request, services, grant);
    const found = await listObjects(services.cluster, account, container, query);
    if (!found) throw refusal(404);
    return {
      status: 200,
      headers: containerHeaders(found.info, services.cluster.policies, grant.owner),
      rows: found.page,
    };
  },
};

export const headContainer: Route = {
  asksAcl: true,
  async handle(request, services, grant) {
    const info = await requireReadable(request, services, grant);
    return {
      status: 204,
      headers: containerHeaders(info, services.cluster.policies, grant.owner),
      rows: { chunks: [] },
    };
  },
};

export const putContainer: Route = {
  asksAcl: false,
  async handle(request, services, grant) {
    const { cluster } = services;
    const { account, container } = containerPathOf(request);
    const metadata = checkedChange(request, services, grant);
    const policyIndex = policyOf(request.headers['x-storage-policy'], cluster.policies);
    const length = Buffer.byteLength(container);
    if (length > MOST_CONTAINER_NAME_BYTES && !isReservedContainer(container))
      throw refusal(400, { body: `Container name length of ${length} longer than ${MOST_CONTAINER_NAME_BYTES}` });
    if (Object.keys(metadata).length > 0) {
      const info = await readContainerInfo(cluster, account, container);
      checkMergedMetadata(info?.metadata ?? {}, metadata, 'container');
      await prepareSync(cluster, { account, container }, metadata, info);
    }
    const accountMetadata = newAccountMetadata(request, services.access);
    const { created } = await createContainer(cluster, { account, container, metadata, policyIndex, accountMetadata });
    return { status: created ? 201 : 202, headers: {} };
  },
};

export const postContainer: Route = {
  asksAcl: false,
  async handle(request, services, grant) {
    const { cluster } = services;
    const name = containerPathOf(request);
    const metadata = checkedChange(request, services, grant);
    const info = await readContainerInfo(cluster, name.account, name.container);
    if (!info) throw refusal(404);
    checkMergedMetadata(info.metadata, metadata, 'container');
    await prepareSync(cluster, name, metadata, info);
    await changeContainer(cluster, name, metadata);
    return { status: 204, headers: {} };
  },
};

export const deleteContainer: Route = {
  asksAcl: false,
  async handle(request, { cluster }) {
    await removeContainer(cluster, containerPathOf(request));
    return { status: 204, headers: {} };
  },
};

/** @throws ApiError 401 or 403 where neither the roles nor the read ACL allow it, 404. */
async function requireReadable(
  request: ProxyRequest,
  { cluster, access }: Services,
  grant: Grant,
): Promise<ContainerInfo> {
  const { account, container } = containerPathOf(request);
  const info = await readContainerInfo(cluster, account, container);
  if (!grant.allowed && !(await access.decide(request, parseAcl(info?.metadata['x-container-read']))).allowed)
    throw denial(request);
  if (!info) throw refusal(404);
  return info;
}

function checkedChange(request: ProxyRequest, services: Services, grant: Grant): Record<string, string> {
  checkMetadata(request.headers, 'container');
  const change = metadataChange(request.headers, 'container', grant.owner);
  for (const header of ['x-container-read', 'x-container-write']) {
    const value = change[header];
    if (value) change[header] = cleanAcl(header, value);
  }
  checkSyncTo(change[SYNC_TO], services);
  return change;
}

/** @throws ApiError 400 for what leads to no endpoint of a realm and to no allowed host. */
function checkSyncTo(value: string | undefined, { config, syncRealms }: Services): void {
  if (!value) return;
  const target = resolveSyncTo(value, syncRealms(), config.container_sync.allowed_hosts);
  if ('problem' in target) throw refusal(400, { body: target.problem });
}

/** Before a container is said to be synchronized: a crash in between leaves a place for notes, and no container that nobody looks at. */
async function prepareSync(
  cluster: Cluster,
  name: { account: string; container: string },
  change: Readonly<Record<string, string>>,
  info: ContainerInfo | undefined,
): Promise<void> {
  if (!change[SYNC_TO]) return;
  if (info?.metadata[VERSIONS_CONTAINER])
    throw refusal(400, {
      body: 'Cannot configure container sync on a container with object versioning configured.',
    });
  await openSyncNotes(cluster, name, info?.metadata[SYNC_TO] !== change[SYNC_TO]);
}

/** @throws ApiError 400 for a policy that there is not, or that takes no new containers. */
function policyOf(name: string | undefined, policies: Policies): number | undefined {
  if (!name) return undefined;
  const policy = policies.byName(name);
  if (!policy) throw plainRefusal(400, `Invalid X-Storage-Policy '${name}'`);
  if (policy.deprecated) throw refusal(400, { body: `Storage Policy '${policy.name}' is deprecated` });
  return policy.index;
}

function containerPathOf({ path }: ProxyRequest): { account: string; container: string } {
  return { account: path.account, container: path.container ?? '' };
}

function containerHeaders(info: ContainerInfo, policies: Policies, isOwner: boolean): Headers {
  const headers: Record<string, string> = {
    'x-container-object-count': String(info.objectCount),
    'x-container-bytes-used': String(info.bytesUsed),
    'x-timestamp': info.createdAt,
    'last-modified': httpDateOf(info.putTimestamp),
    'accept-ranges': 'bytes',
  };
  const policy = policies.byIndex(info.policyIndex);
  if (policy) headers['x-storage-policy'] = policy.name;
  for (const [name, value] of Object.entries(info.metadata))
    if (value !== '' && (isOwner || !isOwnerHeader(name))) headers[name] = value;
  return headers;
}
