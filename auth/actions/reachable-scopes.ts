import type { AuthContext } from '../context.ts';
import { type ProjectRecord, SYSTEM_ID, type TargetKind } from '../store/records.ts';
import { effectiveRoles } from './effective-roles.ts';
import { idsBelow } from './project-family.ts';

/** Projects, or domains, on which a user holds any role, by itself, through a group or from above; disabled ones included. */
export async function reachableContainers(
  context: AuthContext,
  userId: string,
  kind: Exclude<TargetKind, 'system'>,
): Promise<ProjectRecord[]> {
  const { tables } = context;
  const groups = await tables.memberships.groupsOf(userId);
  const assigned = await Promise.all([
    tables.assignments.ofActor('user', userId),
    ...groups.map((groupId) => tables.assignments.ofActor('group', groupId)),
  ]);
  const ids = new Set<string>();
  for (const { targetKind, targetId, inherited } of assigned.flat()) {
    if (!inherited && targetKind === kind) ids.add(targetId);
    if (inherited && kind === 'project') for (const id of await idsBelow(context, targetId)) ids.add(id);
  }
  const found = await Promise.all([...ids].map((id) => tables.projects.get(id)));
  return found.flatMap((stored) => (stored ? [stored.record] : []));
}

/** Those of them that a token can be had for: enabled, in an enabled domain. */
export async function usableContainers(
  context: AuthContext,
  userId: string,
  kind: Exclude<TargetKind, 'system'>,
): Promise<ProjectRecord[]> {
  const usable: ProjectRecord[] = [];
  for (const container of await reachableContainers(context, userId, kind)) {
    const domain = container.domainId === null ? undefined : await context.tables.projects.get(container.domainId);
    if (container.enabled && (container.isDomain || domain?.record.enabled)) usable.push(container);
  }
  return usable;
}

export async function canUseSystem(context: AuthContext, userId: string): Promise<boolean> {
  return (await effectiveRoles(context, userId, 'system', SYSTEM_ID)).length > 0;
}
