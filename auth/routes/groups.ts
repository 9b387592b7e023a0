import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { groupTarget, ownDomainTarget, userTarget } from '../actions/access.ts';
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
import { renderList } from './list.ts';
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
    const groups = await tables.groups.list((each) =>
      policy.allows('identity:get_group', request.identity, groupTarget(each)),
    );
    const items = groups.map((each) => renderGroup(publicUrl, each));
    return renderList(request, { publicUrl, collection: 'groups', items, filters: ['id', 'name', 'domain_id'] });
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
    const found = await Promise.all(ids.map((id) => tables.users.get(id)));
    const items = found.flatMap((each) =>
      each && policy.allows('identity:get_user', request.identity, userTarget(each.record))
        ? [renderUser(publicUrl, each.record)]
        : [],
    );
    return renderList(request, {
      publicUrl,
      collection: 'users',
      items,
      filters: ['id', 'name', 'domain_id', 'enabled'],
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
