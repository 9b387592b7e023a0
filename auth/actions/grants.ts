import { type Change, commitChanges, type Stored } from '../../common/kv/table.ts';
import { type AuthContext, commitAndRevoke, withRetries } from '../context.ts';
import { badRequest, notFound } from '../errors.ts';
import type { Identity, PolicyTarget } from '../guard/contract.ts';
import { assignmentOf } from '../store/assignments.ts';
import {
  type ActorKind,
  type GroupRecord,
  type ProjectRecord,
  type RoleRecord,
  SYSTEM_ID,
  type TargetKind,
  type UserRecord,
} from '../store/records.ts';
import { domainTarget, groupTarget, projectTarget, roleTarget, userTarget } from './access.ts';
import { removeCredentialsOn } from './application-credentials.ts';

/** Who is given a role, and on what. The role is absent where all roles of that pair are listed. */
export interface Grant {
  actorKind: ActorKind;
  actorId: string;
  targetKind: TargetKind;
  /** `all` for the system. */
  targetId: string;
  roleId?: string;
  /** To be inherited by the projects below the target, instead of held on it. */
  inherited?: true;
}

export type RoleGrant = Grant & { roleId: string };

/** Gives a role; giving it twice changes nothing. @throws ApiError 400, 403, 404. */
export function addGrant(context: AuthContext, identity: Identity, grant: RoleGrant): Promise<void> {
  return withRetries(async () => {
    const { tables, store, epoch } = context;
    const { role, target, unchanged } = await grantParts(context, identity, grant, 'create');
    if (role?.domainId && target?.domainId !== role.domainId && target?.id !== role.domainId)
      throw badRequest('The role of a domain can only be given in that domain.');
    const assignment = assignmentOf(grant);
    if (await tables.assignments.get(assignment.id)) return;
    await commitChanges(store, tables.assignments.insert(assignment), unchanged);
    epoch.bump();
  });
}

/** @throws ApiError 403, and 404 for a role that is not given. */
export function removeGrant(context: AuthContext, identity: Identity, grant: RoleGrant): Promise<void> {
  return withRetries(async () => {
    await grantParts(context, identity, grant, 'revoke');
    const change = await context.tables.assignments.removal(assignmentOf(grant));
    if (!change) throw notFound('role assignment', `role ${grant.roleId} of ${grant.actorKind} ${grant.actorId}`);
    // Before the role itself: a crash in between leaves a role without them, never one of them to come back with the role.
    if (grant.actorKind === 'user' && grant.targetKind === 'project')
      await removeCredentialsOn(context, grant.actorId, grant.targetId);
    await commitAndRevoke(context, change);
  });
}

/** @throws ApiError 403, and 404 for a role that is not given. */
export async function checkGrant(context: AuthContext, identity: Identity, grant: RoleGrant): Promise<void> {
  await grantParts(context, identity, grant, 'check');
  if (!(await context.tables.assignments.get(assignmentOf(grant).id)))
    throw notFound('role assignment', `role ${grant.roleId} of ${grant.actorKind} ${grant.actorId}`);
}

/** Roles given directly to the actor on the target. @throws ApiError 403, 404. */
export async function listGrants(context: AuthContext, identity: Identity, grant: Grant): Promise<RoleRecord[]> {
  const { tables } = context;
  await grantParts(context, identity, grant, 'list');
  const { actorKind, actorId, targetKind, targetId } = grant;
  const assignments = await tables.assignments.ofActorOn(actorKind, actorId, targetKind, targetId);
  const given = assignments.filter(({ inherited }) => inherited === grant.inherited);
  const roles = await Promise.all(given.map(({ roleId }) => tables.roles.get(roleId)));
  return roles.flatMap((role) => (role ? [role.record] : []));
}

type Verb = 'list' | 'check' | 'create' | 'revoke';

/** Reads what a grant joins and decides whether the caller may; the change says that none of it has gone meanwhile. */
async function grantParts(context: AuthContext, identity: Identity, grant: Grant, verb: Verb) {
  const { tables, policy } = context;
  const { actorKind, actorId, targetKind, targetId, roleId } = grant;
  const user = actorKind === 'user' ? await tables.users.get(actorId) : undefined;
  const group = actorKind === 'group' ? await tables.groups.get(actorId) : undefined;
  const target = targetKind === 'system' ? undefined : await containerOf(context, targetKind, targetId);
  const role = roleId === undefined ? undefined : await tables.roles.get(roleId);

  const plural = verb === 'list' ? 's' : '';
  const action =
    targetKind === 'system'
      ? `identity:${verb}_system_grant${plural}_for_${actorKind}`
      : `identity:${verb}_grant${plural}`;
  policy.authorize(action, identity, policyTargetOf({ user, group, target, role }, targetKind));
  if (!user && !group) throw notFound(actorKind, actorId);
  if (targetKind === 'system' ? targetId !== SYSTEM_ID : !target)
    throw notFound(targetKind === 'domain' ? 'domain' : 'project', targetId);
  if (roleId !== undefined && !role) throw notFound('role', roleId);

  const parts = [
    user && tables.users.unchanged(user),
    group && tables.groups.unchanged(group),
    target && tables.projects.unchanged(target),
    role && tables.roles.unchanged(role),
  ].filter((part) => part !== undefined);
  const unchanged: Change = { conditions: parts.flatMap(({ conditions }) => conditions), writes: [] };
  return { role: role?.record, target: target?.record, unchanged };
}

async function containerOf({ tables }: AuthContext, kind: 'project' | 'domain', id: string) {
  const found = await tables.projects.get(id);
  return kind === 'project' || found?.record.isDomain ? found : undefined;
}

interface GrantRecords {
  user: Stored<UserRecord> | undefined;
  group: Stored<GroupRecord> | undefined;
  target: Stored<ProjectRecord> | undefined;
  role: Stored<RoleRecord> | undefined;
}

function policyTargetOf({ user, group, target, role }: GrantRecords, targetKind: TargetKind): PolicyTarget {
  return {
    ...(user && userTarget(user.record)),
    ...(group && groupTarget(group.record)),
    ...(target && (targetKind === 'domain' ? domainTarget(target.record) : projectTarget(target.record))),
    ...(role && roleTarget(role.record)),
  };
}
