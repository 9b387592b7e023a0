import { commitChanges } from '../../common/kv/table.ts';
import { type AuthContext, commitAndRevoke, withRetries } from '../context.ts';
import { notFound } from '../errors.ts';
import type { Identity, PolicyTarget } from '../guard/contract.ts';
import { extraOf, mergedExtra } from '../parse.ts';
import { type GroupBody, group as groupSchema } from '../schemas.ts';
import { membershipOf } from '../store/memberships.ts';
import type { GroupRecord } from '../store/records.ts';
import { assertSame, authorizedRecord, groupTarget, userTarget } from './access.ts';
import { defaultDomainId } from './domains.ts';
import { insertNamed, newId, replaceNamed } from './named.ts';
import { removeWithReferences } from './removal.ts';

/** The group of an id, if the caller may do this with it. Throws as `authorizedRecord` does. */
export async function getGroup(context: AuthContext, identity: Identity, id: string, action = 'identity:get_group') {
  const found = await context.tables.groups.get(id);
  return authorizedRecord(context, identity, found, { kind: 'group', id, action, targetOf: groupTarget });
}

/** @throws ApiError 404 for a domain that does not exist, 403, 409 for a name that is taken. */
export function createGroup(context: AuthContext, identity: Identity, body: GroupBody): Promise<GroupRecord> {
  return withRetries(async () => {
    const { tables, policy } = context;
    const domainId = body.domain_id ?? defaultDomainId(identity);
    const domain = await tables.projects.get(domainId);
    const isDomain = domain?.record.isDomain;
    policy.authorize('identity:create_group', identity, isDomain ? { 'group.domain_id': domainId } : {});
    if (!domain || !isDomain) throw notFound('domain', domainId);
    const record: GroupRecord = {
      id: newId(),
      name: body.name,
      domainId,
      description: body.description ?? '',
      extra: extraOf(groupSchema, body),
    };
    await insertNamed(context, tables.groups, 'group', record, tables.projects.unchanged(domain));
    return record;
  });
}

/** @throws ApiError 400 for what cannot change, 403, 404, 409 for a name that is taken. */
export function updateGroup(
  context: AuthContext,
  identity: Identity,
  id: string,
  body: Partial<GroupBody>,
): Promise<GroupRecord> {
  return withRetries(async () => {
    const current = await getGroup(context, identity, id, 'identity:update_group');
    const { record } = current;
    assertSame('domain_id', body.domain_id, record.domainId);
    const next: GroupRecord = {
      ...record,
      name: body.name ?? record.name,
      description: body.description === undefined ? record.description : (body.description ?? ''),
      extra: mergedExtra(record.extra, extraOf(groupSchema, body)),
    };
    await replaceNamed(context, context.tables.groups, 'group', current, next);
    return next;
  });
}

/** @throws ApiError 403, 404. */
export async function deleteGroup(context: AuthContext, identity: Identity, id: string): Promise<void> {
  await withRetries(async () => {
    const current = await getGroup(context, identity, id, 'identity:delete_group');
    await removeWithReferences(context, 'group', { id, change: context.tables.groups.remove(current) });
  });
}

/** Adding a user who is a member already changes nothing. @throws ApiError 403, 404. */
export function addMember(context: AuthContext, identity: Identity, groupId: string, userId: string): Promise<void> {
  return withRetries(async () => {
    const { tables, store, epoch } = context;
    const { group, user } = await memberPair(context, identity, { groupId, userId }, 'identity:add_user_to_group');
    const membership = membershipOf(userId, groupId);
    if (await tables.memberships.get(membership.id)) return;
    await commitChanges(
      store,
      tables.memberships.insert(membership),
      tables.groups.unchanged(group),
      tables.users.unchanged(user),
    );
    epoch.bump();
  });
}

/** @throws ApiError 403, and 404 for a user who is no member. */
export function removeMember(context: AuthContext, identity: Identity, groupId: string, userId: string): Promise<void> {
  return withRetries(async () => {
    await memberPair(context, identity, { groupId, userId }, 'identity:remove_user_from_group');
    const change = await context.tables.memberships.removal(membershipOf(userId, groupId));
    if (!change) throw notFound('user', userId);
    await commitAndRevoke(context, change);
  });
}

/** @throws ApiError 403, and 404 for a user who is no member. */
export async function checkMember(
  context: AuthContext,
  identity: Identity,
  groupId: string,
  userId: string,
): Promise<void> {
  await memberPair(context, identity, { groupId, userId }, 'identity:check_user_in_group');
  if (!(await context.tables.memberships.get(`${userId}/${groupId}`))) throw notFound('user', userId);
}

async function memberPair(
  { tables, policy }: AuthContext,
  identity: Identity,
  { groupId, userId }: { groupId: string; userId: string },
  action: string,
) {
  const [group, user] = await Promise.all([tables.groups.get(groupId), tables.users.get(userId)]);
  const target: PolicyTarget = { ...(user && userTarget(user.record)), ...(group && groupTarget(group.record)) };
  policy.authorize(action, identity, target);
  if (!group) throw notFound('group', groupId);
  if (!user) throw notFound('user', userId);
  return { group, user };
}
