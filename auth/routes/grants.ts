import type { FastifyInstance } from 'fastify';
import { addGrant, checkGrant, type Grant, listGrants, type RoleGrant, removeGrant } from '../actions/grants.ts';
import type { AuthContext } from '../context.ts';
import { type ActorKind, SYSTEM_ID, type TargetKind } from '../store/records.ts';
import { renderList } from './list.ts';
import { renderRole } from './render.ts';

type OfGrant = { Params: { targetId?: string; actorId: string; roleId: string } };

const TARGETS: readonly [TargetKind, string][] = [
  ['project', '/v3/projects/:targetId'],
  ['domain', '/v3/domains/:targetId'],
  ['system', '/v3/system'],
];
const ACTORS: readonly [ActorKind, string][] = [
  ['user', 'users/:actorId'],
  ['group', 'groups/:actorId'],
];

/**
 * Giving roles to users and groups on projects, domains and the system.
 *
 * Spec: Identity API v3, "Roles", "System role assignments", "OS-INHERIT".
 */
export function registerGrantRoutes(app: FastifyInstance, context: AuthContext): void {
  for (const [targetKind, target] of TARGETS) {
    for (const [actorKind, actor] of ACTORS) {
      registerPair(app, context, `${target}/${actor}/roles`, { targetKind, actorKind });
      if (targetKind === 'system') continue;
      const inherited = `${target.replace('/v3/', '/v3/OS-INHERIT/')}/${actor}/roles`;
      registerPair(app, context, inherited, { targetKind, actorKind, inherited: true });
    }
  }
}

function registerPair(
  app: FastifyInstance,
  context: AuthContext,
  path: string,
  { targetKind, actorKind, inherited }: Pick<Grant, 'targetKind' | 'actorKind' | 'inherited'>,
): void {
  const { publicUrl } = context;
  // Inherited ones are told apart by the end of their path.
  const end = inherited ? '/inherited_to_projects' : '';
  const also = inherited ? { inherited } : {};
  const grantOf = ({ targetId = SYSTEM_ID, actorId, roleId }: OfGrant['Params']): RoleGrant => ({
    actorKind,
    actorId,
    targetKind,
    targetId,
    roleId,
    ...also,
  });

  app.get<{ Params: Omit<OfGrant['Params'], 'roleId'> }>(`${path}${end}`, async (request) => {
    const { targetId = SYSTEM_ID, actorId } = request.params;
    const roles = await listGrants(context, request.identity, { actorKind, actorId, targetKind, targetId, ...also });
    const items = roles.map((role) => renderRole(publicUrl, role));
    return renderList(request, { publicUrl, collection: 'roles', items, filters: ['name'] });
  });

  app.get<OfGrant>(`${path}/:roleId${end}`, async ({ identity, params }, reply) => {
    await checkGrant(context, identity, grantOf(params));
    return reply.status(204).send();
  });

  app.put<OfGrant>(`${path}/:roleId${end}`, async ({ identity, params }, reply) => {
    await addGrant(context, identity, grantOf(params));
    return reply.status(204).send();
  });

  app.delete<OfGrant>(`${path}/:roleId${end}`, async ({ identity, params }, reply) => {
    await removeGrant(context, identity, grantOf(params));
    return reply.status(204).send();
  });
}
