import type { FastifyInstance } from 'fastify';
import {
  createLimits,
  createRegisteredLimits,
  deleteLimit,
  deleteRegisteredLimit,
  getLimit,
  getRegisteredLimit,
  listLimits,
  type ShownLimit,
  updateLimit,
  updateRegisteredLimit,
} from '../actions/limits.ts';
import type { AuthContext } from '../context.ts';
import { parseBody } from '../parse.ts';
import { limitsBody, limitUpdateBody, registeredLimitsBody, registeredLimitUpdateBody } from '../schemas-catalog.ts';
import type { RegisteredLimitRecord } from '../store/limit-records.ts';
import { listRecords, renderList } from './list.ts';

type ById = { Params: { id: string } };
const FILTERS = ['service_id', 'region_id', 'resource_name'];
const MODEL = {
  name: 'flat',
  description: 'Limits of projects and domains are independent of each other: none bounds another.',
};

/** What projects may use, kept for the services that ask. Spec: Identity API v3, "Unified Limits". */
export function registerLimitRoutes(app: FastifyInstance, context: AuthContext): void {
  registerRegisteredLimits(app, context);
  registerLimits(app, context);
}

function registerRegisteredLimits(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl, policy, tables } = context;
  const path = '/v3/registered_limits';

  app.get(path, async (request) => {
    policy.authorize('identity:list_registered_limits', request.identity);
    const items = (await tables.registeredLimits.list()).map((each) => renderRegistered(publicUrl, each));
    return renderList(request, { publicUrl, collection: 'registered_limits', items, filters: FILTERS });
  });
  app.post(path, async ({ identity, body }, reply) => {
    const made = await createRegisteredLimits(
      context,
      identity,
      parseBody(registeredLimitsBody, body).registered_limits,
    );
    reply.status(201);
    return { registered_limits: made.map((each) => renderRegistered(publicUrl, each)) };
  });
  app.get<ById>(`${path}/:id`, async ({ identity, params }) => {
    policy.authorize('identity:get_registered_limit', identity);
    return { registered_limit: renderRegistered(publicUrl, (await getRegisteredLimit(context, params.id)).record) };
  });
  app.patch<ById>(`${path}/:id`, async ({ identity, params, body }) => {
    const { registered_limit: parsed } = parseBody(registeredLimitUpdateBody, body);
    return {
      registered_limit: renderRegistered(publicUrl, await updateRegisteredLimit(context, identity, params.id, parsed)),
    };
  });
  app.delete<ById>(`${path}/:id`, async ({ identity, params }, reply) => {
    await deleteRegisteredLimit(context, identity, params.id);
    return reply.status(204).send();
  });
}

function registerLimits(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl, policy } = context;
  const path = '/v3/limits';

  app.get(`${path}/model`, async (request) => {
    policy.authorize('identity:get_limit_model', request.identity);
    return { model: MODEL };
  });
  app.get(path, async (request) => {
    const found = await listLimits(context, request.identity);
    return listRecords(request, {
      publicUrl,
      collection: 'limits',
      filters: [...FILTERS, 'project_id', 'domain_id'],
      scan: (afterId) => [found.filter(({ record }) => afterId === undefined || record.id > afterId)],
      render: (each) => renderLimit(publicUrl, each),
      exists: async (id) => found.some(({ record }) => record.id === id),
    });
  });
  app.post(path, async ({ identity, body }, reply) => {
    const made = await createLimits(context, identity, parseBody(limitsBody, body).limits);
    reply.status(201);
    return { limits: made.map((each) => renderLimit(publicUrl, each)) };
  });
  app.get<ById>(`${path}/:id`, async ({ identity, params }) => ({
    limit: renderLimit(publicUrl, await getLimit(context, identity, params.id)),
  }));
  app.patch<ById>(`${path}/:id`, async ({ identity, params, body }) => {
    const { limit } = parseBody(limitUpdateBody, body);
    return { limit: renderLimit(publicUrl, await updateLimit(context, identity, params.id, limit)) };
  });
  app.delete<ById>(`${path}/:id`, async ({ identity, params }, reply) => {
    await deleteLimit(context, identity, params.id);
    return reply.status(204).send();
  });
}

function renderRegistered(publicUrl: string, limit: RegisteredLimitRecord) {
  return {
    id: limit.id,
    service_id: limit.serviceId,
    region_id: limit.regionId,
    resource_name: limit.resourceName,
    default_limit: limit.defaultLimit,
    description: limit.description,
    links: { self: `${publicUrl}/v3/registered_limits/${limit.id}` },
  };
}

function renderLimit(publicUrl: string, { record, registered }: ShownLimit) {
  return {
    id: record.id,
    project_id: record.projectId,
    domain_id: record.domainId,
    service_id: registered.serviceId,
    region_id: registered.regionId,
    resource_name: registered.resourceName,
    resource_limit: record.resourceLimit,
    description: record.description,
    links: { self: `${publicUrl}/v3/limits/${record.id}` },
  };
}
