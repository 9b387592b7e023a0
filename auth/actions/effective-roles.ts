import { MOST_IMPLIED_ROLES } from '../limits.ts';
import type { RoleRecord, TargetKind } from '../store/records.ts';
import type { Tables } from '../store/tables.ts';

/**
 * Roles that a user holds on a target: given to the user or to one of the user's groups, and all that those imply.
 * A domain's own roles are followed but do not appear.
 */
export async function effectiveRoles(
  tables: Tables,
  userId: string,
  targetKind: TargetKind,
  targetId: string,
): Promise<RoleRecord[]> {
  const groups = await tables.memberships.groupsOf(userId);
  const assigned = await Promise.all([
    tables.assignments.ofActorOn('user', userId, targetKind, targetId),
    ...groups.map((groupId) => tables.assignments.ofActorOn('group', groupId, targetKind, targetId)),
  ]);
  const roles = await expandRoles(
    tables,
    assigned.flat().map(({ roleId }) => roleId),
  );
  return roles.filter(({ domainId }) => domainId === null);
}

/** The roles of these ids and those they imply, each once; ids of roles that are gone are left out. */
export async function expandRoles(tables: Tables, roleIds: readonly string[]): Promise<RoleRecord[]> {
  const seen = new Set(roleIds);
  const roles: RoleRecord[] = [];
  // A Set is iterated in insertion order, ids added on the way included: this ends when every role has been looked at once.
  for (const roleId of seen) {
    const role = await tables.roles.get(roleId);
    if (!role) continue;
    roles.push(role.record);
    if (seen.size > MOST_IMPLIED_ROLES) continue;
    for (const { impliedId } of await tables.impliedRoles.list(undefined, `${roleId}/`)) seen.add(impliedId);
  }
  return roles;
}
