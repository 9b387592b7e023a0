import { type Change, commitChanges } from '../../common/kv/table.ts';
import { type AuthContext, commitAndRevoke, withRetries } from '../context.ts';
import { badRequest, notFound, refused } from '../errors.ts';
import type { Identity, PolicyTarget } from '../guard/contract.ts';
import { assertMayDelegate } from '../guard/delegation.ts';
import { MOST_OWNED_RECORDS } from '../limits.ts';
import { extraOf } from '../parse.ts';
import { type TrustBody, trust as trustSchema } from '../schemas.ts';
import { ownedBy } from '../store/owned.ts';
import type { RoleRecord, TrustRecord } from '../store/records.ts';
import { parseExpiry } from '../times.ts';
import { delegableRoles } from './delegable-roles.ts';
import { resolveDelegation, sourceOf } from './delegation.ts';
import { newId } from './named.ts';

/** How often a trust may be passed on unless its trustor says less. Spec: Keystone, `[trust] max_redelegation_count`. */
const MOST_REDELEGATIONS = 3;

/** What a rule may compare of a trust: Keystone's names. */
function trustTarget({ trustorId, trusteeId, projectId }: TrustRecord): PolicyTarget {
  return { 'trust.trustor_user_id': trustorId, 'trust.trustee_user_id': trusteeId, 'trust.project_id': projectId };
}

/**
 * Lets another user act for the caller on the project of the caller's token, with roles that the token carries. With the token of a
 * trust that allows it, passes that trust on: never more roles, a later end, or more hops.
 *
 * @throws ApiError 400 for what the request lacks, 403 for what the caller cannot delegate, 404 for a trustee who does not exist.
 */
export async function createTrust(context: AuthContext, identity: Identity, body: TrustBody): Promise<TrustRecord> {
  const trustor = await context.tables.users.get(body.trustor_user_id);
  context.policy.authorize(
    'identity:create_trust',
    identity,
    trustor ? { 'trust.trustor_user_id': trustor.record.id } : {},
  );
  const parent = await parentOf(context, identity);
  if (!parent) assertMayDelegate(identity, 'trusts');
  const { scope } = identity;
  if (!body.project_id) throw badRequest('A trust needs a project_id: it delegates roles on a project.');
  if (scope.kind !== 'project' || scope.project.id !== body.project_id)
    throw refused('A trust can only be made with a token for its project.');
  const roleIds = delegableRoles(identity, body.roles ?? []);
  if (!roleIds) throw refused('A trust can only delegate roles that your token carries.');
  if (roleIds.length === 0) throw refused('A trust needs at least one role.');
  const record: TrustRecord = {
    id: newId(),
    trustorId: body.trustor_user_id,
    trusteeId: body.trustee_user_id,
    projectId: body.project_id,
    impersonation: body.impersonation,
    roleIds,
    expiresAtMs: parseExpiry(body.expires_at, context.clock.nowMs()),
    remainingUses: body.remaining_uses ?? null,
    ...redelegationOf(body, parent),
    source: parent ? null : await sourceOf(context, identity),
    extra: extraOf(trustSchema, body),
  };
  if (parent) assertWithin(record, parent);
  return withRetries(() => insert(context, record));
}

/** The trust that the caller's token comes from, where it may be passed on. */
async function parentOf(context: AuthContext, { delegation }: Identity): Promise<TrustRecord | undefined> {
  if (delegation?.kind !== 'trust') return undefined;
  const live = await resolveDelegation(context, { kind: 'trust', id: delegation.id });
  const record = live?.kind === 'trust' ? live.record : undefined;
  if (!record?.allowRedelegation || record.redelegationCount <= 0) throw refused('The trust cannot be passed on.');
  return record;
}

function redelegationOf(body: TrustBody, parent: TrustRecord | undefined) {
  const most = parent ? parent.redelegationCount - 1 : MOST_REDELEGATIONS;
  const allowRedelegation = body.allow_redelegation ?? false;
  // What is passed on could be used without end.
  if (allowRedelegation && body.remaining_uses) throw badRequest('A trust that counts its uses cannot be passed on.');
  const asked = body.redelegation_count ?? most;
  if (asked > most) throw refused(`The trust can be passed on at most ${most} times.`);
  return {
    allowRedelegation,
    redelegationCount: allowRedelegation ? asked : 0,
    redelegatedTrustId: parent?.id ?? null,
  };
}

/** A trust that is passed on stays within the one it comes from. That its end is no later, the parent's own end sees to. */
function assertWithin(record: TrustRecord, parent: TrustRecord): void {
  if (record.impersonation && !parent.impersonation) throw refused('The trust that is passed on does not impersonate.');
  if (record.expiresAtMs !== null && parent.expiresAtMs !== null && record.expiresAtMs > parent.expiresAtMs)
    throw refused('A trust that is passed on cannot end later than the one it comes from.');
  if (record.remainingUses !== null) throw badRequest('A trust that is passed on cannot count its uses.');
}

async function insert(context: AuthContext, record: TrustRecord): Promise<TrustRecord> {
  const { tables, store } = context;
  const { trustorId, trusteeId, projectId } = record;
  const [trustor, trustee, project] = await Promise.all([
    tables.users.get(trustorId),
    tables.users.get(trusteeId),
    tables.projects.get(projectId),
  ]);
  if (!trustor) throw notFound('user', trustorId);
  if (!trustee) throw notFound('user', trusteeId);
  if (!project) throw notFound('project', projectId);
  if ((await ownedBy(store, tables.trusts, 'trustor', trustorId)).length >= MOST_OWNED_RECORDS)
    throw refused(`A user makes at most ${MOST_OWNED_RECORDS} trusts.`);
  const users: Change[] = [tables.users.unchanged(trustor)];
  if (trusteeId !== trustorId) users.push(tables.users.unchanged(trustee));
  await commitChanges(store, tables.trusts.insert(record), tables.projects.unchanged(project), ...users);
  return record;
}

/**
 * Trusts of a trustor, for a trustee, or all of them; of those whose time has passed, none.
 *
 * @throws ApiError 403: all of them are the administrators' to see.
 */
export async function listTrusts(
  context: AuthContext,
  identity: Identity,
  { trustorId, trusteeId }: { trustorId: string | undefined; trusteeId: string | undefined },
): Promise<TrustRecord[]> {
  const { tables, store, policy, clock } = context;
  assertMayDelegate(identity, 'trusts');
  if (trustorId === undefined && trusteeId === undefined) policy.authorize('identity:list_trusts', identity);
  for (const [side, userId] of [
    ['trustor', trustorId],
    ['trustee', trusteeId],
  ] as const) {
    if (userId === undefined) continue;
    const user = await tables.users.get(userId);
    const target = user ? { [`trust.${side}_user_id`]: user.record.id } : {};
    policy.authorize(`identity:list_trusts_for_${side}`, identity, target);
  }
  const isLive = ({ expiresAtMs }: TrustRecord) => expiresAtMs === null || expiresAtMs > clock.nowMs();
  if (trustorId === undefined && trusteeId === undefined) return tables.trusts.list(isLive);
  const index = trustorId === undefined ? 'trustee' : 'trustor';
  const owned = await ownedBy(store, tables.trusts, index, (trustorId ?? trusteeId) as string);
  return owned
    .map(({ record }) => record)
    .filter((each) => isLive(each) && (trusteeId === undefined || each.trusteeId === trusteeId));
}

/** @throws ApiError 403; 404 also to who may not see it: its parties learn that it has gone, and others nothing. */
export async function getTrust(context: AuthContext, identity: Identity, id: string, action = 'identity:get_trust') {
  const { tables, policy, clock } = context;
  assertMayDelegate(identity, 'trusts');
  const found = await tables.trusts.get(id);
  const isLive = found && (found.record.expiresAtMs ?? Number.POSITIVE_INFINITY) > clock.nowMs();
  if (!isLive || !policy.allows('identity:get_trust', identity, trustTarget(found.record))) throw notFound('trust', id);
  policy.authorize(action, identity, trustTarget(found.record));
  return found;
}

/** The roles that a trust delegates; those that are gone are left out. @throws ApiError 403, 404. */
export async function trustRoles(
  context: AuthContext,
  identity: Identity,
  id: string,
  action: string,
): Promise<RoleRecord[]> {
  const { record } = await getTrust(context, identity, id, action);
  const roles = await Promise.all(record.roleIds.map((roleId) => context.tables.roles.get(roleId)));
  return roles.flatMap((role) => (role ? [role.record] : []));
}

/**
 * Ends a trust and every one it was passed on as. What a crash leaves of those has lost its parent and gives nothing.
 *
 * @throws ApiError 403, 404.
 */
export async function deleteTrust(context: AuthContext, identity: Identity, id: string): Promise<void> {
  await withRetries(async () => {
    const current = await getTrust(context, identity, id, 'identity:delete_trust');
    await commitAndRevoke(context, context.tables.trusts.remove(current));
    await deletePassedOn(context, id);
  });
}

async function deletePassedOn(context: AuthContext, parentId: string): Promise<void> {
  const { tables, store } = context;
  for (const child of await ownedBy(store, tables.trusts, 'parent', parentId)) {
    await deletePassedOn(context, child.record.id);
    await commitAndRevoke(context, tables.trusts.remove(child));
  }
}
