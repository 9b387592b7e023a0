import type { FastifyInstance } from 'fastify';
import { type ListedAssignment, listRoleAssignments } from '../actions/list-role-assignments.ts';
import type { AuthContext } from '../context.ts';
import { flagOf, listRecords, parameterOf, type Rendered } from './list.ts';

/** Spec: Identity API v3, "List role assignments". */
export function registerRoleAssignmentRoutes(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl } = context;

  app.get('/v3/role_assignments', async (request) => {
    const assignments = listRoleAssignments(context, request.identity, {
      userId: parameterOf(request, 'user.id'),
      groupId: parameterOf(request, 'group.id'),
      roleId: parameterOf(request, 'role.id'),
      projectId: parameterOf(request, 'scope.project.id'),
      domainId: parameterOf(request, 'scope.domain.id'),
      system: parameterOf(request, 'scope.system') !== undefined,
      inherited: parameterOf(request, 'scope.OS-INHERIT:inherited_to') !== undefined,
      effective: flagOf(request, 'effective'),
      includeSubtree: flagOf(request, 'include_subtree'),
    });
    const names = flagOf(request, 'include_names') ? new Names(context) : undefined;
    return listRecords(request, {
      publicUrl,
      collection: 'role_assignments',
      filters: [],
      scan: () => assignments,
      render: (assignment) =>
        names ? renderNamed(publicUrl, assignment, names) : shown(publicUrl, assignment, partsOf(assignment)),
    });
  });
}

interface Part {
  id: string;
  name?: string;
  domain?: { id: string; name: string };
}

interface Parts {
  role: Part;
  actor: Part;
  /** Undefined for the system. */
  target: Part | undefined;
}

function partsOf({ roleId, actorId, targetKind, targetId }: ListedAssignment): Parts {
  return {
    role: { id: roleId },
    actor: { id: actorId },
    target: targetKind === 'system' ? undefined : { id: targetId },
  };
}

/** With the names of all parts; undefined where one was removed while the list was read. */
async function renderNamed(
  publicUrl: string,
  assignment: ListedAssignment,
  names: Names,
): Promise<Rendered | undefined> {
  const { actorKind, actorId, targetKind, targetId, roleId } = assignment;
  const role = await names.of('roles', roleId);
  const actor = await names.of(actorKind === 'user' ? 'users' : 'groups', actorId);
  const target = targetKind === 'system' ? undefined : await names.of('projects', targetId);
  if (!role || !actor || (targetKind !== 'system' && !target)) return undefined;
  return shown(publicUrl, assignment, { role, actor, target });
}

function shown(publicUrl: string, assignment: ListedAssignment, { role, actor, target }: Parts): Rendered {
  const { actorKind, targetKind } = assignment;
  const isInherited = assignment.inherited === true || assignment.from !== undefined;
  const body = {
    role,
    [actorKind]: actor,
    scope: {
      ...(target ? { [targetKind]: target } : { system: { all: true } }),
      ...(isInherited ? { 'OS-INHERIT:inherited_to': 'projects' } : {}),
    },
    links: linksOf(publicUrl, assignment),
  };
  // Assignments have no id of their own: they cannot be asked for in pages.
  return body as unknown as Rendered;
}

function linksOf(
  publicUrl: string,
  { actorKind, actorId, targetKind, targetId, roleId, inherited, throughGroupId, priorRoleId, from }: ListedAssignment,
) {
  const { kind, id } = from ?? { kind: targetKind, id: targetId };
  const isInherited = inherited === true || from !== undefined;
  const place = kind === 'system' ? 'system' : `${isInherited ? 'OS-INHERIT/' : ''}${kind}s/${id}`;
  const holder = throughGroupId === undefined ? `${actorKind}s/${actorId}` : `groups/${throughGroupId}`;
  return {
    assignment: `${publicUrl}/v3/${place}/${holder}/roles/${priorRoleId ?? roleId}${isInherited ? '/inherited_to_projects' : ''}`,
    ...(throughGroupId === undefined
      ? {}
      : { membership: `${publicUrl}/v3/groups/${throughGroupId}/users/${actorId}` }),
    ...(priorRoleId === undefined ? {} : { prior_role: `${publicUrl}/v3/roles/${priorRoleId}` }),
  };
}

type NamedTable = 'users' | 'groups' | 'projects' | 'roles';

/** Names of what a list refers to, each read once. */
class Names {
  private readonly context: AuthContext;
  private readonly known = new Map<string, Part | undefined>();

  constructor(context: AuthContext) {
    this.context = context;
  }

  async of(table: NamedTable, id: string): Promise<Part | undefined> {
    const key = `${table}/${id}`;
    if (!this.known.has(key)) this.known.set(key, await this.read(table, id));
    return this.known.get(key);
  }

  private async read(table: NamedTable, id: string): Promise<Part | undefined> {
    const found = await this.context.tables[table].get(id);
    if (!found) return undefined;
    const { name, domainId } = found.record;
    const domain = domainId === null ? undefined : await this.of('projects', domainId);
    return { id, name, ...(domain?.name === undefined ? {} : { domain: { id: domain.id, name: domain.name } }) };
  }
}
