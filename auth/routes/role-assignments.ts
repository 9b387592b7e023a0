import type { FastifyInstance } from 'fastify';
import { type ListedAssignment, listRoleAssignments } from '../actions/list-role-assignments.ts';
import type { AuthContext } from '../context.ts';
import { flagOf, parameterOf } from './list.ts';

/** Spec: Identity API v3, "List role assignments". */
export function registerRoleAssignmentRoutes(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl } = context;

  app.get('/v3/role_assignments', async (request) => {
    const assignments = await listRoleAssignments(context, request.identity, {
      userId: parameterOf(request, 'user.id'),
      groupId: parameterOf(request, 'group.id'),
      roleId: parameterOf(request, 'role.id'),
      projectId: parameterOf(request, 'scope.project.id'),
      domainId: parameterOf(request, 'scope.domain.id'),
      system: parameterOf(request, 'scope.system') !== undefined,
      effective: flagOf(request, 'effective'),
      includeSubtree: flagOf(request, 'include_subtree'),
    });
    const names = flagOf(request, 'include_names') ? new Names(context) : undefined;
    const rendered = [];
    for (const assignment of assignments) {
      const shown = await render(publicUrl, assignment, names);
      if (shown) rendered.push(shown);
    }
    return { role_assignments: rendered, links: { self: `${publicUrl}${request.url}`, previous: null, next: null } };
  });
}

interface Part {
  id: string;
  name?: string;
  domain?: { id: string; name: string };
}

/** Undefined where a part was removed while the list was read. */
async function render(publicUrl: string, assignment: ListedAssignment, names: Names | undefined) {
  const { actorKind, actorId, targetKind, targetId, roleId } = assignment;
  const role = await partOf(names, 'roles', roleId);
  const actor = await partOf(names, actorKind === 'user' ? 'users' : 'groups', actorId);
  const target = targetKind === 'system' ? undefined : await partOf(names, 'projects', targetId);
  if (!role || !actor || (targetKind !== 'system' && !target)) return undefined;
  return {
    role,
    [actorKind]: actor,
    scope: target ? { [targetKind]: target } : { system: { all: true } },
    links: linksOf(publicUrl, assignment),
  };
}

function linksOf(
  publicUrl: string,
  { actorKind, actorId, targetKind, targetId, roleId, throughGroupId, priorRoleId }: ListedAssignment,
) {
  const place = targetKind === 'system' ? 'system' : `${targetKind}s/${targetId}`;
  const holder = throughGroupId === undefined ? `${actorKind}s/${actorId}` : `groups/${throughGroupId}`;
  return {
    assignment: `${publicUrl}/v3/${place}/${holder}/roles/${priorRoleId ?? roleId}`,
    ...(throughGroupId === undefined
      ? {}
      : { membership: `${publicUrl}/v3/groups/${throughGroupId}/users/${actorId}` }),
    ...(priorRoleId === undefined ? {} : { prior_role: `${publicUrl}/v3/roles/${priorRoleId}` }),
  };
}

async function partOf(names: Names | undefined, table: NamedTable, id: string): Promise<Part | undefined> {
  return names ? names.of(table, id) : { id };
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
