import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { allEndpoints, allServices } from '../actions/catalog-entries.ts';
import {
  createEndpoint,
  createRegion,
  createService,
  deleteEndpoint,
  deleteRegion,
  deleteService,
  updateEndpoint,
  updateRegion,
  updateService,
} from '../actions/catalog-records.ts';
import type { AuthContext } from '../context.ts';
import { notFound } from '../errors.ts';
import { parseBody } from '../parse.ts';
import { endpoint, region, service } from '../schemas.ts';
import { renderList } from './list.ts';
import { renderEndpoint, renderRegion, renderService } from './render.ts';

const regionBody = Type.Object({ region });
const serviceBody = Type.Object({ service });
const serviceUpdate = Type.Object({ service: Type.Partial(service) });
const endpointBody = Type.Object({ endpoint });
const endpointUpdate = Type.Object({ endpoint: Type.Partial(endpoint) });
type ById = { Params: { id: string } };

/** Spec: Identity API v3, "Service catalog and endpoints", "Regions". */
export function registerCatalogRecordRoutes(app: FastifyInstance, context: AuthContext): void {
  registerRegions(app, context);
  registerServices(app, context);
  registerEndpoints(app, context);
}

function registerRegions(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl, tables, policy } = context;

  app.get('/v3/regions', async (request) => {
    policy.authorize('identity:list_regions', request.identity);
    const items = (await tables.regions.list()).map((each) => renderRegion(publicUrl, each));
    return renderList(request, { publicUrl, collection: 'regions', items, filters: ['parent_region_id'] });
  });
  app.post('/v3/regions', async (request, reply) => {
    const created = await createRegion(context, request.identity, parseBody(regionBody, request.body).region);
    reply.status(201);
    return { region: renderRegion(publicUrl, created) };
  });
  app.put<ById>('/v3/regions/:id', async (request, reply) => {
    const body = { ...parseBody(regionBody, request.body).region, id: request.params.id };
    const created = await createRegion(context, request.identity, body);
    reply.status(201);
    return { region: renderRegion(publicUrl, created) };
  });
  app.get<ById>('/v3/regions/:id', async ({ identity, params }) => {
    policy.authorize('identity:get_region', identity);
    const found = await tables.regions.get(params.id);
    if (!found) throw notFound('region', params.id);
    return { region: renderRegion(publicUrl, found.record) };
  });
  app.patch<ById>('/v3/regions/:id', async ({ identity, params, body }) => {
    const updated = await updateRegion(context, identity, params.id, parseBody(regionBody, body).region);
    return { region: renderRegion(publicUrl, updated) };
  });
  app.delete<ById>('/v3/regions/:id', async ({ identity, params }, reply) => {
    await deleteRegion(context, identity, params.id);
    return reply.status(204).send();
  });
}

function registerServices(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl, policy } = context;

  app.get('/v3/services', async (request) => {
    policy.authorize('identity:list_services', request.identity);
    const items = (await allServices(context)).map((each) => renderService(publicUrl, each));
    return renderList(request, { publicUrl, collection: 'services', items, filters: ['type', 'name'] });
  });
  app.post('/v3/services', async (request, reply) => {
    const created = await createService(context, request.identity, parseBody(serviceBody, request.body).service);
    reply.status(201);
    return { service: renderService(publicUrl, created) };
  });
  app.get<ById>('/v3/services/:id', async ({ identity, params }) => {
    policy.authorize('identity:get_service', identity);
    const found = (await allServices(context)).find(({ id }) => id === params.id);
    if (!found) throw notFound('service', params.id);
    return { service: renderService(publicUrl, found) };
  });
  app.patch<ById>('/v3/services/:id', async ({ identity, params, body }) => {
    const updated = await updateService(context, identity, params.id, parseBody(serviceUpdate, body).service);
    return { service: renderService(publicUrl, updated) };
  });
  app.delete<ById>('/v3/services/:id', async ({ identity, params }, reply) => {
    await deleteService(context, identity, params.id);
    return reply.status(204).send();
  });
}

function registerEndpoints(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl, policy } = context;

  app.get('/v3/endpoints', async (request) => {
    policy.authorize('identity:list_endpoints', request.identity);
    const items = (await allEndpoints(context)).map((each) => renderEndpoint(publicUrl, each));
    const filters = ['interface', 'service_id', 'region_id', 'region'];
    return renderList(request, { publicUrl, collection: 'endpoints', items, filters });
  });
  app.post('/v3/endpoints', async (request, reply) => {
    const created = await createEndpoint(context, request.identity, parseBody(endpointBody, request.body).endpoint);
    reply.status(201);
    return { endpoint: renderEndpoint(publicUrl, created) };
  });
  app.get<ById>('/v3/endpoints/:id', async ({ identity, params }) => {
    policy.authorize('identity:get_endpoint', identity);
    const found = (await allEndpoints(context)).find(({ id }) => id === params.id);
    if (!found) throw notFound('endpoint', params.id);
    return { endpoint: renderEndpoint(publicUrl, found) };
  });
  app.patch<ById>('/v3/endpoints/:id', async ({ identity, params, body }) => {
    const updated = await updateEndpoint(context, identity, params.id, parseBody(endpointUpdate, body).endpoint);
    return { endpoint: renderEndpoint(publicUrl, updated) };
  });
  app.delete<ById>('/v3/endpoints/:id', async ({ identity, params }, reply) => {
    await deleteEndpoint(context, identity, params.id);
    return reply.status(204).send();
  });
}
