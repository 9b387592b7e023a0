import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { roleTarget } from '../actions/access.ts';
import { createRole, deleteRole, getRole, updateRole } from '../actions/roles.ts';
import type { AuthContext } from '../context.ts';
import { parseBody } from '../parse.ts';
import { role } from '../schemas.ts';
import { parameterOf, renderList } from './list.ts';
import { renderRole } from './render.ts';

const createBody = Type.Object({ role });
const updateBody = Type.Object({ role: Type.Partial(role) });
type ById = { Params: { id: string } };

/** Spec: Identity API v3, "Roles". */
export function registerRoleRoutes(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl, policy, tables } = context;

  app.get('/v3/roles', async (request) => {
    policy.authorize('identity:list_roles', request.identity);
    // Without a domain the list is of the cloud's own roles, those that tokens show.
    const domainId = parameterOf(request, 'domain_id') || null;
    const roles = await tables.roles.list(
      (each) => each.domainId === domainId && policy.allows('identity:get_role', request.identity, roleTarget(each)),
    );
    const items = roles.map((each) => renderRole(publicUrl, each));
    return renderList(request, { publicUrl, collection: 'roles', items, filters: ['id', 'name'] });
  });

  app.post('/v3/roles', async (request, reply) => {
    const created = await createRole(context, request.identity, parseBody(createBody, request.body).role);
    reply.status(201);
    return { role: renderRole(publicUrl, created) };
  });

  app.get<ById>('/v3/roles/:id', async ({ identity, params }) => {
    const { record } = await getRole(context, identity, params.id);
    return { role: renderRole(publicUrl, record) };
  });

  app.patch<ById>('/v3/roles/:id', async ({ identity, params, body }) => {
    const updated = await updateRole(context, identity, params.id, parseBody(updateBody, body).role);
    return { role: renderRole(publicUrl, updated) };
  });

  app.delete<ById>('/v3/roles/:id', async ({ identity, params }, reply) => {
    await deleteRole(context, identity, params.id);
    return reply.status(204).send();
  });
}
