import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { domainTarget, ownDomainTarget } from '../actions/access.ts';
import { createDomain, deleteDomain, getDomain, updateDomain } from '../actions/domains.ts';
import { allDomains } from '../actions/find-named.ts';
import type { AuthContext } from '../context.ts';
import { parseBody } from '../parse.ts';
import { domain } from '../schemas.ts';
import { renderList } from './list.ts';
import { renderDomain } from './render.ts';

const createBody = Type.Object({ domain });
const updateBody = Type.Object({ domain: Type.Partial(domain) });
type ById = { Params: { id: string } };

/** Spec: Identity API v3, "Domains". */
export function registerDomainRoutes(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl, policy } = context;

  app.get('/v3/domains', async (request) => {
    policy.authorize('identity:list_domains', request.identity, ownDomainTarget(request.identity));
    const domains = (await allDomains(context)).filter(({ record }) =>
      policy.allows('identity:get_domain', request.identity, domainTarget(record)),
    );
    const items = domains.map(({ record }) => renderDomain(publicUrl, record));
    return renderList(request, { publicUrl, collection: 'domains', items, filters: ['id', 'name', 'enabled'] });
  });

  app.post('/v3/domains', async (request, reply) => {
    const created = await createDomain(context, request.identity, parseBody(createBody, request.body).domain);
    reply.status(201);
    return { domain: renderDomain(publicUrl, created) };
  });

  app.get<ById>('/v3/domains/:id', async ({ identity, params }) => {
    const { record } = await getDomain(context, identity, params.id);
    return { domain: renderDomain(publicUrl, record) };
  });

  app.patch<ById>('/v3/domains/:id', async ({ identity, params, body }) => {
    const updated = await updateDomain(context, identity, params.id, parseBody(updateBody, body).domain);
    return { domain: renderDomain(publicUrl, updated) };
  });

  app.delete<ById>('/v3/domains/:id', async ({ identity, params }, reply) => {
    await deleteDomain(context, identity, params.id);
    return reply.status(204).send();
  });
}
