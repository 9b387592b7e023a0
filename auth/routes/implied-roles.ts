import type { FastifyInstance } from 'fastify';
import { getRole, implyRole, rolePair, unimplyRole } from '../actions/roles.ts';
import type { AuthContext } from '../context.ts';
import { notFound } from '../errors.ts';
import type { RoleRecord } from '../store/records.ts';

type OfPrior = { Params: { prior: string } };
type OfPair = { Params: { prior: string; implied: string } };

/** Spec: Identity API v3, "Role inference rules". */
export function registerImpliedRoleRoutes(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl, policy, tables } = context;
  const show = ({ id, name }: RoleRecord) => ({ id, name, links: { self: `${publicUrl}/v3/roles/${id}` } });
  const selfOf = (url: string) => ({ links: { self: `${publicUrl}${url}` } });

  async function impliedBy(prior: RoleRecord) {
    const rules = await tables.impliedRoles.list(undefined, `${prior.id}/`);
    const roles = await Promise.all(rules.map(({ impliedId }) => tables.roles.get(impliedId)));
    return { prior_role: show(prior), implies: roles.flatMap((role) => (role ? [show(role.record)] : [])) };
  }

  async function inference(params: OfPair['Params'], url: string) {
    const [prior, implied] = await Promise.all([tables.roles.get(params.prior), tables.roles.get(params.implied)]);
    const rule = await tables.impliedRoles.get(`${params.prior}/${params.implied}`);
    if (!prior || !implied || !rule) throw notFound('implied role', `${params.prior} implies ${params.implied}`);
    return { role_inference: { prior_role: show(prior.record), implies: show(implied.record) }, ...selfOf(url) };
  }

  app.get('/v3/role_inferences', async (request) => {
    policy.authorize('identity:list_role_inference_rules', request.identity);
    const all = await Promise.all((await tables.roles.list()).map(impliedBy));
    return { role_inferences: all.filter(({ implies }) => implies.length > 0), ...selfOf(request.url) };
  });

  app.get<OfPrior>('/v3/roles/:prior/implies', async ({ identity, params, url }) => {
    const { record } = await getRole(context, identity, params.prior, 'identity:list_implied_roles');
    return { role_inference: await impliedBy(record), ...selfOf(url) };
  });

  app.head<OfPair>('/v3/roles/:prior/implies/:implied', async ({ identity, params, url }, reply) => {
    await rolePair(context, identity, 'identity:check_implied_role', params);
    await inference(params, url);
    return reply.status(204).send();
  });

  app.get<OfPair>('/v3/roles/:prior/implies/:implied', async ({ identity, params, url }) => {
    await rolePair(context, identity, 'identity:get_implied_role', params);
    return inference(params, url);
  });

  app.put<OfPair>('/v3/roles/:prior/implies/:implied', async ({ identity, params, url }, reply) => {
    await implyRole(context, identity, params);
    reply.status(201);
    return inference(params, url);
  });

  app.delete<OfPair>('/v3/roles/:prior/implies/:implied', async ({ identity, params }, reply) => {
    await unimplyRole(context, identity, params);
    return reply.status(204).send();
  });
}
