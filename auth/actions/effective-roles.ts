import type { AuthContext, RoleMemory } from '../context.ts';
import { MOST_IMPLIED_ROLES } from '../limits.ts';
import type { ActorKind, AssignmentRecord, RoleRecord, TargetKind } from '../store/records.ts';
import type { Tables } from '../store/tables.ts';

/**
 * Roles that a user holds on a target: given to the user or to one of the user's groups, on the target itself or to be inherited
 * from above it, and all that those imply. A domain's own roles are followed but do not appear.
 */
export async function effectiveRoles(
  context: AuthContext,
  userId: string,
  targetKind: TargetKind,
  targetId: string,
): Promise<RoleRecord[]> {
  const { tables } = context;
  const [groups, above] = await Promise.all([
    tables.memberships.groupsOf(userId),
    targetKind === 'project' ? placesAbove(tables, targetId) : [],
  ]);
  const actors: [ActorKind, string][] = [['user', userId], ...groups.map((id): [ActorKind, string] => ['group', id])];
  const assigned = await Promise.all(
    actors.flatMap(([kind, id]) => [
      direct(tables.assignments.ofActorOn(kind, id, targetKind, targetId)),
      ...above.map((place) => inherited(tables.assignments.ofActorOn(kind, id, place.kind, place.id))),
    ]),
  );
  const roles = await expandRoles(
    context,
    assigned.flat().map(({ roleId }) => roleId),
  );
  return roles.filter(({ domainId }) => domainId === null);
}

async function direct(assignments: Promise<AssignmentRecord[]>): Promise<AssignmentRecord[]> {
  return (await assignments).filter((each) => each.inherited !== true);
}

async function inherited(assignments: Promise<AssignmentRecord[]>): Promise<AssignmentRecord[]> {
  return (await assignments).filter((each) => each.inherited === true);
}

interface Place {
  kind: 'project' | 'domain';
  id: string;
}

/** From where a project inherits: the projects above it, nearest first, then its domain. */
export async function placesAbove(tables: Tables, projectId: string): Promise<Place[]> {
  const places: Place[] = [];
  let project = (await tables.projects.get(projectId))?.record;
  while (project && !project.isDomain && project.parentId !== null) {
    const isTop = project.parentId === project.domainId;
    places.push({ kind: isTop ? 'domain' : 'project', id: project.parentId });
    if (isTop) break;
    project = (await tables.projects.get(project.parentId))?.record;
  }
  return places;
}

/** The roles of these ids and those they imply, each once; ids of roles that are gone are left out. */
export async function expandRoles(context: AuthContext, roleIds: readonly string[]): Promise<RoleRecord[]> {
  const { byId, implied } = await rolesNow(context);
  const seen = new Set(roleIds);
  const roles: RoleRecord[] = [];
  // A Set is iterated in insertion order, ids added on the way included: this ends when every role has been looked at once.
  for (const roleId of seen) {
    const role = byId.get(roleId);
    if (!role) continue;
    roles.push(role);
    if (seen.size > MOST_IMPLIED_ROLES) continue;
    for (const impliedId of implied.get(roleId) ?? []) seen.add(impliedId);
  }
  return roles;
}

/**
 * All roles and what they imply, read once for every epoch. A new role begins none, and is in nobody's hands before it is given:
 * that does.
 */
async function rolesNow(context: AuthContext): Promise<RoleMemory> {
  const epoch = context.epoch.current();
  if (context.roles.epoch === epoch) return context.roles;
  const { tables } = context;
  const [roles, rules] = await Promise.all([tables.roles.list(), tables.impliedRoles.list()]);
  const implied = new Map<string, string[]>();
  for (const { priorId, impliedId } of rules) implied.set(priorId, [...(implied.get(priorId) ?? []), impliedId]);
  const memory = { epoch, byId: new Map(roles.map((role) => [role.id, role])), implied };
  context.roles = memory;
  return memory;
}
