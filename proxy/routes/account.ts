import { timestampFromTicks } from '../../common/timestamp.ts';
import type { AccountInfo } from '../../container-server/contract.ts';
import { type AccessControl, PROJECT_DOMAIN_HEADER } from '../access/access-control.ts';
import { listContainers, readAccountInfo } from '../actions/read-listing.ts';
import { changeAccount } from '../actions/write-listing.ts';
import type { Policies } from '../backend/policies.ts';
import { refusal } from '../errors.ts';
import { MOST_ACCOUNT_NAME_BYTES } from '../limits.ts';
import type { Headers, ProxyRequest } from '../message.ts';
import { parseListingQuery } from './listing-query.ts';
import { checkMergedMetadata, checkMetadata, isOwnerHeader, metadataChange } from './metadata.ts';
import type { Route } from './route.ts';

/** An account that nobody has written to yet looks empty, not absent: it is made with its first container. */
const FRESH: AccountInfo = {
  createdAt: timestampFromTicks(0),
  containerCount: 0,
  objectCount: 0,
  bytesUsed: 0,
  policies: [],
  metadata: {},
};

export const getAccount: Route = {
  asksAcl: false,
  async handle(request, { cluster }, grant) {
    const { account } = checkedPath(request);
    const query = parseListingQuery(request.query);
    const found = await listContainers(cluster, account, query);
    const headers = accountHeaders(found?.info ?? FRESH, cluster.policies, grant.owner);
    return { status: 200, headers, rows: found?.page ?? { chunks: [] } };
  },
};

export const headAccount: Route = {
  asksAcl: false,
  async handle(request, { cluster }, grant) {
    const { account } = checkedPath(request);
    const info = await readAccountInfo(cluster, account);
    return { status: 204, headers: accountHeaders(info ?? FRESH, cluster.policies, grant.owner), rows: { chunks: [] } };
  },
};

export const postAccount: Route = {
  asksAcl: false,
  async handle(request, { access, cluster }, grant) {
    const { account } = checkedPath(request);
    checkMetadata(request.headers, 'account');
    const info = await readAccountInfo(cluster, account);
    const change = metadataChange(request.headers, 'account', grant.owner);
    checkMergedMetadata(info?.metadata ?? {}, change, 'account');
    await changeAccount(cluster, account, info ? change : { ...newAccountMetadata(request, access), ...change });
    return { status: 204, headers: {} };
  },
};

/** What an account gets when it is made: the domain of its project, if it is the caller's own. */
export function newAccountMetadata(request: ProxyRequest, access: AccessControl): Record<string, string> {
  const { caller } = request.context;
  if (caller?.scope.kind !== 'project' || !access.isOwnAccount(request.path.account, caller)) return {};
  return { [PROJECT_DOMAIN_HEADER]: caller.scope.project.domain.id };
}

function checkedPath(request: ProxyRequest): { account: string } {
  const { account } = request.path;
  const length = Buffer.byteLength(account);
  if (length > MOST_ACCOUNT_NAME_BYTES)
    throw refusal(400, { body: `Account name length of ${length} longer than ${MOST_ACCOUNT_NAME_BYTES}` });
  return { account };
}

function accountHeaders(info: AccountInfo, policies: Policies, isOwner: boolean): Headers {
  const headers: Record<string, string> = {
    'x-account-container-count': String(info.containerCount),
    'x-account-object-count': String(info.objectCount),
    'x-account-bytes-used': String(info.bytesUsed),
    'x-timestamp': info.createdAt,
    'accept-ranges': 'bytes',
  };
  for (const usage of info.policies) {
    const policy = policies.byIndex(usage.policyIndex);
    if (!policy) continue;
    const prefix = `x-account-storage-policy-${policy.name.toLowerCase()}`;
    headers[`${prefix}-container-count`] = String(usage.containerCount);
    headers[`${prefix}-object-count`] = String(usage.objectCount);
    headers[`${prefix}-bytes-used`] = String(usage.bytesUsed);
  }
  for (const [name, value] of Object.entries(info.metadata))
    if (value !== '' && (isOwner || !isOwnerHeader(name))) headers[name] = value;
  return headers;
}
