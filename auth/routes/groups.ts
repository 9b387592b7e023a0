import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { groupTarget, ownDomainTarget, userTarget } from '../actions/access.ts';
import { candidatesByName } from '../actions/find-named.ts';
import {
  addMember,
  checkMember,
  createGroup,
  deleteGroup,
  getGroup,
  removeMember,
  updateGroup,
} from '../actions/groups.ts';
import type { AuthContext } from '../context.ts';
import { parseBody } from '../parse.ts';
import { group } from '../schemas.ts';
import { listRecords, parameterOf } from './list.ts';
import { renderGroup, renderUser } from './render.ts';

const createBody = Type.Object({ group });
const updateBody = Type.Object({ group: Type.Partial(group) });
type ById = { Params: { id: string } };
type OfMember = { Params: { id: string; userId: string } };

/** Spec: Identity API v3, "Groups". */
export function registerGroupRoutes(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl, policy, tables } = context;

  app.get('/v3/groups', async (request) => {
    policy.authorize('identity:list_groups', request.identity, ownDomainTarget(request.identity));
    const named = { name: parameterOf(request, 'name'), domainId: parameterOf(request, 'domain_id') };
    return listRecords(request, {
      publicUrl,
      collection: 'groups',
      filters: ['id', 'name', 'domain_id'],
      scan: (afterId) => candidatesByName(context, tables.groups, named, afterId),
      render: (each) =>
        policy.allows('identity:get_group', request.identity, groupTarget(each))
          ? renderGroup(publicUrl, each)
          : undefined,
      exists: async (id) => (await tables.groups.get(id)) !== undefined,
    });
  });

  app.post('/v3/groups', async (request, reply) => {
    const created = await createGroup(context, request.identity, parseBody(createBody, request.body).group);
    reply.status(201);
    return { group: renderGroup(publicUrl, created) };
  });

  app.get<ById>('/v3/groups/:id', async ({ identity, params }) => {
    const { record } = await getGroup(context, identity, params.id);
    return { group: renderGroup(publicUrl, record) };
  });

  app.patch<ById>('/v3/groups/:id', async ({ identity, params, body }) => {
    const updated = await updateGroup(context, identity, params.id, parseBody(updateBody, body).group);
    return { group: renderGroup(publicUrl, updated) };
  });

  app.delete<ById>('/v3/groups/:id', async ({ identity, params }, reply) => {
    await deleteGroup(context, identity, params.id);
    return reply.status(204).send();
  });

  app.get<ById>('/v3/groups/:id/users', async (request) => {
    const { record } = await getGroup(context, request.identity, request.params.id, 'identity:list_users_in_group');
    const ids = await tables.memberships.usersOf(record.id);
    return listRecords(request, {
      publicUrl,
      collection: 'users',
      filters: ['id', 'name', 'domain_id', 'enabled'],
      scan: (afterId) => [ids.filter((id) => afterId === undefined || id > afterId)],
      async render(id) {
        const user = (await tables.users.get(id))?.record;
        return user && policy.allows('identity:get_user', request.identity, userTarget(user))
          ? renderUser(context, user)
          : undefined;
      },
      exists: async (id) => ids.includes(id),
    });
  });

  app.put<OfMember>('/v3/groups/:id/users/:userId', async ({ identity, params }, reply) => {
    await addMember(context, identity, params.id, params.userId);
    return reply.status(204).send();
  });

  app.get<OfMember>('/v3/groups/:id/users/:userId', async ({ identity, params }, reply) => {
    await checkMember(context, identity, params.id, params.userId);
    return reply.status(204).send();
  });

  app.delete<OfMember>('/v3/groups/:id/users/:userId', async ({ identity, params }, reply) => {
    await removeMember(context, identity, params.id, params.userId);
    return reply.status(204).send();
  });
}
