import type { AuthContext } from '../context.ts';
import type { Identity } from '../guard/contract.ts';
import type { AssignmentRecord, ProjectRecord } from '../store/records.ts';
import { ownDomainTarget, projectTarget } from './access.ts';
import { expandRoles } from './effective-roles.ts';
import { below } from './project-family.ts';

export interface AssignmentQuery {
  userId: string | undefined;
  groupId: string | undefined;
  roleId: string | undefined;
  projectId: string | undefined;
  domainId: string | undefined;
  system: boolean;
  /** Groups become their users, roles what they imply. */
  effective: boolean;
  /** With a project: also what is below it. */
  includeSubtree: boolean;
}

export interface ListedAssignment extends AssignmentRecord {
  /** The group through which a user holds it, where the list is of effective ones. */
  throughGroupId?: string;
  /** The assigned role that implies this one, where the list is of effective ones. */
  priorRoleId?: string;
}

/**
 * Role assignments that match a query; of a domain's reader, those within the domain.
 *
 * @throws ApiError 403.
 * Spec: Identity API v3, "List role assignments".
 */
export async function listRoleAssignments(
  context: AuthContext,
  identity: Identity,
  query: AssignmentQuery,
): Promise<ListedAssignment[]> {
  context.policy.authorize('identity:list_role_assignments', identity, ownDomainTarget(identity));
  const { projectId, domainId, system } = query;
  const subtree = projectId !== undefined && query.includeSubtree ? await idsBelow(context, projectId) : [];
  const projectIds = new Set(projectId === undefined ? [] : [projectId, ...subtree]);

  let found: ListedAssignment[] = (await candidates(context, query, projectIds)).filter(
    ({ targetKind, targetId }) =>
      (projectId === undefined || (targetKind === 'project' && projectIds.has(targetId))) &&
      (domainId === undefined || (targetKind === 'domain' && targetId === domainId)) &&
      (!system || targetKind === 'system'),
  );
  if (query.effective) found = await effectiveOf(context, found);
  const wanted = found.filter(
    ({ actorKind, actorId, roleId }) =>
      (query.userId === undefined || (actorKind === 'user' && actorId === query.userId)) &&
      (query.groupId === undefined || (actorKind === 'group' && actorId === query.groupId)) &&
      (query.roleId === undefined || roleId === query.roleId),
  );
  return identity.scope.kind === 'domain' ? within(context, identity.scope.domain.id, identity, wanted) : wanted;
}

/** The shortest scan that holds all that can match. */
async function candidates(
  { tables }: AuthContext,
  query: AssignmentQuery,
  projectIds: ReadonlySet<string>,
): Promise<AssignmentRecord[]> {
  const { userId, groupId, domainId, system, effective } = query;
  if (userId !== undefined) {
    const groups = effective ? await tables.memberships.groupsOf(userId) : [];
    const own = await tables.assignments.ofActor('user', userId);
    const inherited = await Promise.all(groups.map((id) => tables.assignments.ofActor('group', id)));
    return [...own, ...inherited.flat()];
  }
  if (groupId !== undefined) return tables.assignments.ofActor('group', groupId);
  if (projectIds.size > 0)
    return (await Promise.all([...projectIds].map((id) => tables.assignments.onTarget('project', id)))).flat();
  if (domainId !== undefined) return tables.assignments.onTarget('domain', domainId);
  return system ? tables.assignments.onTarget('system', 'all') : tables.assignments.listForward();
}

async function effectiveOf(
  { tables }: AuthContext,
  assignments: readonly ListedAssignment[],
): Promise<ListedAssignment[]> {
  const effective: ListedAssignment[] = [];
  for (const assignment of assignments) {
    const isGroup = assignment.actorKind === 'group';
    const userIds = isGroup ? await tables.memberships.usersOf(assignment.actorId) : [assignment.actorId];
    const roles = await expandRoles(tables, [assignment.roleId]);
    for (const userId of userIds) {
      for (const role of roles) {
        if (role.domainId !== null) continue;
        effective.push({
          ...assignment,
          actorKind: 'user',
          actorId: userId,
          roleId: role.id,
          ...(isGroup ? { throughGroupId: assignment.actorId } : {}),
          ...(role.id === assignment.roleId ? {} : { priorRoleId: assignment.roleId }),
        });
      }
    }
  }
  return effective;
}

async function idsBelow({ tables }: AuthContext, projectId: string): Promise<string[]> {
  const project = await tables.projects.get(projectId);
  if (!project) return [];
  const { domainId } = project.record;
  return below(projectId, await tables.projects.list((each) => each.domainId === domainId)).map(({ id }) => id);
}

async function within(
  { tables, policy }: AuthContext,
  domainId: string,
  identity: Identity,
  assignments: readonly ListedAssignment[],
): Promise<ListedAssignment[]> {
  const isAllowedEverywhere = policy.allows('identity:list_role_assignments', identity);
  if (isAllowedEverywhere) return [...assignments];
  const kept: ListedAssignment[] = [];
  for (const assignment of assignments) {
    if (assignment.targetKind === 'system') continue;
    const target: ProjectRecord | undefined = (await tables.projects.get(assignment.targetId))?.record;
    if (target && projectTarget(target)['project.domain_id'] === domainId) kept.push(assignment);
  }
  return kept;
}
