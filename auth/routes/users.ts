import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { groupTarget, ownDomainTarget, userTarget } from '../actions/access.ts';
import { candidatesByName } from '../actions/find-named.ts';
import { reachableContainers } from '../actions/reachable-scopes.ts';
import { changeOwnPassword, createUser, deleteUser, getUser, updateUser } from '../actions/users.ts';
import type { AuthContext } from '../context.ts';
import { unauthorized } from '../guard/authenticate.ts';
import { parseBody } from '../parse.ts';
import { passwordChange, user } from '../schemas.ts';
import type { GroupRecord } from '../store/records.ts';
import { listRecords, parameterOf, renderList } from './list.ts';
import { renderGroup, renderProject, renderUser } from './render.ts';

const createBody = Type.Object({ user });
const updateBody = Type.Object({ user: Type.Partial(user) });
const passwordBody = Type.Object({ user: passwordChange });
type ById = { Params: { id: string } };

/** Spec: Identity API v3, "Users". */
export function registerUserRoutes(app: FastifyInstance, context: AuthContext, wwwAuthenticate: string): void {
  const { publicUrl, policy, tables } = context;

  app.get('/v3/users', async (request) => {
    policy.authorize('identity:list_users', request.identity, ownDomainTarget(request.identity));
    const named = { name: parameterOf(request, 'name'), domainId: parameterOf(request, 'domain_id') };
    return listRecords(request, {
      publicUrl,
      collection: 'users',
      filters: ['id', 'name', 'domain_id', 'enabled', 'default_project_id'],
      scan: (afterId) => candidatesByName(context, tables.users, named, afterId),
      render: (each) =>
        policy.allows('identity:get_user', request.identity, userTarget(each)) ? renderUser(context, each) : undefined,
      exists: async (id) => (await tables.users.get(id)) !== undefined,
    });
  });

  app.post('/v3/users', async (request, reply) => {
    const created = await createUser(context, request.identity, parseBody(createBody, request.body).user);
    reply.status(201);
    return { user: renderUser(context, created) };
  });

  app.get<ById>('/v3/users/:id', async ({ identity, params }) => {
    const { record } = await getUser(context, identity, params.id);
    return { user: renderUser(context, record) };
  });

  app.patch<ById>('/v3/users/:id', async ({ identity, params, body }) => {
    const updated = await updateUser(context, identity, params.id, parseBody(updateBody, body).user);
    return { user: renderUser(context, updated) };
  });

  app.delete<ById>('/v3/users/:id', async ({ identity, params }, reply) => {
    await deleteUser(context, identity, params.id);
    return reply.status(204).send();
  });

  app.post<ById>('/v3/users/:id/password', async ({ params, body, ip }, reply) => {
    const { original_password: original, password } = parseBody(passwordBody, body).user;
    const attempt = { address: ip, subject: JSON.stringify({ id: params.id }) };
    context.failures.assertMayTry(attempt);
    if (!(await changeOwnPassword(context, params.id, { original, password }))) {
      context.failures.failed(attempt);
      throw unauthorized(wwwAuthenticate);
    }
    return reply.status(204).send();
  });

  app.get<ById>('/v3/users/:id/projects', async (request) => {
    const { record } = await getUser(context, request.identity, request.params.id, 'identity:list_user_projects');
    const projects = await reachableContainers(context, record.id, 'project');
    const items = projects.map((each) => renderProject(publicUrl, each));
    const filters = ['id', 'name', 'domain_id', 'enabled'];
    return renderList(request, { publicUrl, collection: 'projects', items, filters });
  });

  app.get<ById>('/v3/users/:id/groups', async (request) => {
    const { record } = await getUser(context, request.identity, request.params.id, 'identity:list_groups_for_user');
    const ids = await tables.memberships.groupsOf(record.id);
    const found = await Promise.all(ids.map((id) => tables.groups.get(id)));
    const isOwn = record.id === request.identity.user.id;
    const maySee = (group: GroupRecord) =>
      isOwn || policy.allows('identity:get_group', request.identity, groupTarget(group));
    const items = found.flatMap((each) => (each && maySee(each.record) ? [renderGroup(publicUrl, each.record)] : []));
    return renderList(request, { publicUrl, collection: 'groups', items, filters: ['id', 'name', 'domain_id'] });
  });
}
