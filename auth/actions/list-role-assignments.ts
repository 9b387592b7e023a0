import type { AuthContext } from '../context.ts';
import { badRequest } from '../errors.ts';
import type { Identity } from '../guard/contract.ts';
import { LIST_PAGE_ENTRIES } from '../limits.ts';
import type { AssignmentRecord, RoleRecord } from '../store/records.ts';
import { ownDomainTarget, projectTarget } from './access.ts';
import { expandRoles, placesAbove } from './effective-roles.ts';
import { idsBelow } from './project-family.ts';

export interface AssignmentQuery {
  userId: string | undefined;
  groupId: string | undefined;
  roleId: string | undefined;
  projectId: string | undefined;
  domainId: string | undefined;
  system: boolean;
  /** Only those that are inherited to projects. */
  inherited: boolean;
  /** Groups become their users, roles what they imply, inherited ones the projects that inherit them. */
  effective: boolean;
  /** With a project: also what is below it. */
  includeSubtree: boolean;
}

export interface ListedAssignment extends AssignmentRecord {
  /** The group through which a user holds it, where the list is of effective ones. */
  throughGroupId?: string;
  /** The assigned role that implies this one, where the list is of effective ones. */
  priorRoleId?: string;
  /** Where it was given, where the list is of effective ones and it was inherited from there. */
  from?: { kind: 'project' | 'domain'; id: string };
}

/**
 * Role assignments that match a query; of a domain's reader, those within the domain. Read as they are consumed, some at a time.
 *
 * @throws ApiError 400, 403.
 * Spec: Identity API v3, "List role assignments".
 */
export function listRoleAssignments(
  context: AuthContext,
  identity: Identity,
  query: AssignmentQuery,
): AsyncGenerator<ListedAssignment[], void, void> {
  context.policy.authorize('identity:list_role_assignments', identity, ownDomainTarget(identity));
  assertSensible(query);
  return select(context, identity, query);
}

/** @throws ApiError 400 for filters that exclude each other, as Keystone has it. */
function assertSensible({ userId, groupId, projectId, domainId, system, effective, includeSubtree }: AssignmentQuery) {
  if (userId !== undefined && groupId !== undefined) throw badRequest('One of user.id and group.id can be asked for.');
  if (effective && groupId !== undefined)
    throw badRequest('Effective assignments are of users: none would be of the group.');
  if ([projectId !== undefined, domainId !== undefined, system].filter(Boolean).length > 1)
    throw badRequest('One of scope.project.id, scope.domain.id and scope.system can be asked for.');
  if (includeSubtree && projectId === undefined) throw badRequest('include_subtree needs scope.project.id.');
}

async function* select(
  context: AuthContext,
  identity: Identity,
  query: AssignmentQuery,
): AsyncGenerator<ListedAssignment[], void, void> {
  const maySee = visibleTo(context, identity);
  const places = await placesOf(context, query);
  const expand = query.effective ? new Expansion(context) : undefined;
  const visible = async (found: ListedAssignment[]) => {
    const matching = found.filter((listed) => matches(listed, query, places));
    if (!maySee) return matching;
    const seen: ListedAssignment[] = [];
    for (const listed of matching) if (await maySee(listed)) seen.push(listed);
    return seen;
  };
  for await (const page of candidates(context, query, places)) {
    if (!expand) {
      yield await visible(page);
      continue;
    }
    let expanded: ListedAssignment[] = [];
    for (const candidate of page) {
      for (const each of await expand.effective(candidate)) expanded.push(each);
      // One may come to thousands: they are sent before the next is expanded.
      if (expanded.length < LIST_PAGE_ENTRIES) continue;
      yield await visible(expanded);
      expanded = [];
    }
    yield await visible(expanded);
  }
}

/** The projects that a query is about, and from where they inherit; undefined where it is about any. */
interface Places {
  projectIds: ReadonlySet<string>;
  above: { kind: 'project' | 'domain'; id: string }[];
}

async function placesOf(context: AuthContext, query: AssignmentQuery): Promise<Places | undefined> {
  const { projectId, includeSubtree, effective } = query;
  if (projectId === undefined) return undefined;
  const subtree = includeSubtree ? await idsBelow(context, projectId) : [];
  const projectIds = new Set([projectId, ...subtree]);
  return { projectIds, above: effective ? await placesAbove(context.tables, projectId) : [] };
}

function matches(listed: ListedAssignment, query: AssignmentQuery, places: Places | undefined): boolean {
  const { actorKind, actorId, targetKind, targetId, roleId } = listed;
  return (
    (!places || (targetKind === 'project' && places.projectIds.has(targetId))) &&
    (query.domainId === undefined || (targetKind === 'domain' && targetId === query.domainId)) &&
    (!query.system || targetKind === 'system') &&
    (!query.inherited || listed.inherited === true || listed.from !== undefined) &&
    (query.userId === undefined || (actorKind === 'user' && actorId === query.userId)) &&
    (query.groupId === undefined || (actorKind === 'group' && actorId === query.groupId)) &&
    (query.roleId === undefined || roleId === query.roleId)
  );
}

/** The shortest scan that holds all that can match. */
async function* candidates(
  { tables }: AuthContext,
  query: AssignmentQuery,
  places: Places | undefined,
): AsyncGenerator<AssignmentRecord[], void, void> {
  const { userId, groupId, domainId, system, effective } = query;
  if (userId !== undefined) {
    yield await tables.assignments.ofActor('user', userId);
    const groups = effective ? await tables.memberships.groupsOf(userId) : [];
    for (const id of groups) yield await tables.assignments.ofActor('group', id);
  } else if (groupId !== undefined) yield await tables.assignments.ofActor('group', groupId);
  else if (places) {
    for (const { kind, id } of places.above) yield await tables.assignments.onTarget(kind, id);
    for (const id of places.projectIds) yield await tables.assignments.onTarget('project', id);
  } else if (domainId !== undefined) yield await tables.assignments.onTarget('domain', domainId);
  else if (system) yield await tables.assignments.onTarget('system', 'all');
  else {
    const scan = tables.assignments.scanForward('', { pageEntries: LIST_PAGE_ENTRIES });
    for await (const page of scan) yield page.map(({ record }) => record);
  }
}

/** What assignments come to; what they have in common is read once. */
class Expansion {
  private readonly context: AuthContext;
  private readonly roles = new Map<string, Promise<RoleRecord[]>>();
  private readonly users = new Map<string, Promise<string[]>>();
  private readonly heirs = new Map<string, Promise<string[]>>();

  constructor(context: AuthContext) {
    this.context = context;
  }

  async effective(assignment: AssignmentRecord): Promise<ListedAssignment[]> {
    const { tables } = this.context;
    const { actorKind, actorId, targetKind, targetId, roleId, inherited, ...rest } = assignment;
    const isGroup = actorKind === 'group';
    const userIds = isGroup ? await once(this.users, actorId, () => tables.memberships.usersOf(actorId)) : [actorId];
    const roles = await once(this.roles, roleId, () => expandRoles(this.context, [roleId]));
    const isInherited = inherited === true && targetKind !== 'system';
    const projectIds = isInherited
      ? await once(this.heirs, targetId, () => idsBelow(this.context, targetId))
      : [undefined];
    const effective: ListedAssignment[] = [];
    for (const projectId of projectIds) {
      const target =
        projectId === undefined ? { targetKind, targetId } : { targetKind: 'project' as const, targetId: projectId };
      for (const userId of userIds) {
        for (const role of roles) {
          if (role.domainId !== null) continue;
          effective.push({
            ...rest,
            ...target,
            actorKind: 'user',
            actorId: userId,
            roleId: role.id,
            ...(isInherited ? { from: { kind: targetKind, id: targetId } } : {}),
            ...(isGroup ? { throughGroupId: actorId } : {}),
            ...(role.id === roleId ? {} : { priorRoleId: roleId }),
          });
        }
      }
    }
    return effective;
  }
}

function once<T>(known: Map<string, Promise<T>>, key: string, read: () => Promise<T>): Promise<T> {
  const found = known.get(key) ?? read();
  known.set(key, found);
  return found;
}

/** Whether a caller may see an assignment within the domain that the token is for; undefined for who may see all. */
function visibleTo(
  { tables, policy }: AuthContext,
  identity: Identity,
): ((listed: ListedAssignment) => Promise<boolean>) | undefined {
  const { scope } = identity;
  if (scope.kind !== 'domain' || policy.allows('identity:list_role_assignments', identity)) return undefined;
  const known = new Map<string, Promise<boolean>>();
  const isWithin = async (id: string) => {
    const target = (await tables.projects.get(id))?.record;
    return target !== undefined && projectTarget(target)['project.domain_id'] === scope.domain.id;
  };
  return async ({ targetKind, targetId }) => targetKind !== 'system' && once(known, targetId, () => isWithin(targetId));
}
