import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { allEndpoints } from '../actions/catalog-entries.ts';
import {
  type Association,
  associate,
  checkAssociation,
  createEndpointGroup,
  deleteEndpointGroup,
  dissociate,
  endpointGroupsOf,
  filteredEndpoints,
  getEndpointGroup,
  isIn,
  projectsWith,
  updateEndpointGroup,
} from '../actions/endpoint-filter.ts';
import type { AuthContext } from '../context.ts';
import { notFound } from '../errors.ts';
import { parseBody } from '../parse.ts';
import { endpointGroup } from '../schemas-catalog.ts';
import type { EndpointGroupRecord } from '../store/catalog-filter-records.ts';
import { renderList } from './list.ts';
import { renderEndpoint, renderProject } from './render.ts';

const createBody = Type.Object({ endpoint_group: endpointGroup });
const updateBody = Type.Object({ endpoint_group: Type.Partial(endpointGroup) });
type ById = { Params: { id: string } };
type OfProject = { Params: { projectId: string } };
const BASE = '/v3/OS-EP-FILTER';

/** Which part of the catalog a project sees. Spec: Identity API v3, "OS-EP-FILTER". */
export function registerEndpointFilterRoutes(app: FastifyInstance, context: AuthContext): void {
  registerGroups(app, context);
  registerGroupMembers(app, context);
  registerAssociations(app, context);
  registerProjectLists(app, context);
}

function registerGroups(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl, policy, tables } = context;
  const path = `${BASE}/endpoint_groups`;

  app.get(path, async (request) => {
    policy.authorize('identity:list_endpoint_groups', request.identity);
    const items = (await tables.endpointGroups.list()).map((each) => renderGroup(publicUrl, each));
    return renderList(request, { publicUrl, collection: 'endpoint_groups', items, filters: ['name'] });
  });
  app.post(path, async ({ identity, body }, reply) => {
    const made = await createEndpointGroup(context, identity, parseBody(createBody, body).endpoint_group);
    reply.status(201);
    return { endpoint_group: renderGroup(publicUrl, made) };
  });
  app.get<ById>(`${path}/:id`, async ({ identity, params }) => {
    const { record } = await getEndpointGroup(context, identity, params.id);
    return { endpoint_group: renderGroup(publicUrl, record) };
  });
  app.patch<ById>(`${path}/:id`, async ({ identity, params, body }) => {
    const { endpoint_group: parsed } = parseBody(updateBody, body);
    return { endpoint_group: renderGroup(publicUrl, await updateEndpointGroup(context, identity, params.id, parsed)) };
  });
  app.delete<ById>(`${path}/:id`, async ({ identity, params }, reply) => {
    await deleteEndpointGroup(context, identity, params.id);
    return reply.status(204).send();
  });
}

function registerGroupMembers(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl } = context;

  app.get<ById>(`${BASE}/endpoint_groups/:id/endpoints`, async (request) => {
    const action = 'identity:list_endpoints_associated_with_endpoint_group';
    const { record } = await getEndpointGroup(context, request.identity, request.params.id, action);
    const found = (await allEndpoints(context)).filter((endpoint) => isIn(record, endpoint));
    const items = found.map((each) => renderEndpoint(publicUrl, each));
    return renderList(request, { publicUrl, collection: 'endpoints', items, filters: [] });
  });
  app.get<ById>(`${BASE}/endpoint_groups/:id/projects`, async (request) => {
    const action = 'identity:list_projects_associated_with_endpoint_group';
    const { record } = await getEndpointGroup(context, request.identity, request.params.id, action);
    const items = (await projectsWith(context, 'group', record.id)).map((each) => renderProject(publicUrl, each));
    return renderList(request, { publicUrl, collection: 'projects', items, filters: [] });
  });
  app.get<ById>(`${BASE}/endpoints/:id/projects`, async (request) => {
    context.policy.authorize('identity:list_projects_for_endpoint', request.identity);
    const { id } = request.params;
    if (!(await allEndpoints(context)).some((each) => each.id === id)) throw notFound('endpoint', id);
    const items = (await projectsWith(context, 'endpoint', id)).map((each) => renderProject(publicUrl, each));
    return renderList(request, { publicUrl, collection: 'projects', items, filters: [] });
  });
}

/** Both kinds of association, each under its own path. */
function registerAssociations(app: FastifyInstance, context: AuthContext): void {
  type OfPair = { Params: { projectId: string; memberId: string } };
  const kinds = [
    ['endpoint', `${BASE}/projects/:projectId/endpoints/:memberId`],
    ['group', `${BASE}/endpoint_groups/:memberId/projects/:projectId`],
  ] as const;
  for (const [kind, path] of kinds) {
    const of = (params: OfPair['Params']): Association => ({ ...params, kind });
    app.put<OfPair>(path, async ({ identity, params }, reply) => {
      await associate(context, identity, of(params));
      return reply.status(204).send();
    });
    app.get<OfPair>(path, async ({ identity, params }, reply) => {
      const { record } = await checkAssociation(context, identity, of(params));
      if (kind === 'endpoint') return reply.status(204).send();
      const { projectId, memberId } = record;
      return { endpoint_group_project: { endpoint_group_id: memberId, project_id: projectId } };
    });
    app.delete<OfPair>(path, async ({ identity, params }, reply) => {
      await dissociate(context, identity, of(params));
      return reply.status(204).send();
    });
  }
}

function registerProjectLists(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl, policy, tables } = context;

  app.get<OfProject>(`${BASE}/projects/:projectId/endpoints`, async (request) => {
    policy.authorize('identity:list_endpoints_for_project', request.identity);
    const { projectId } = request.params;
    if (!(await tables.projects.get(projectId))) throw notFound('project', projectId);
    const found = (await filteredEndpoints(context, projectId, await allEndpoints(context))) ?? [];
    const items = found.map((each) => renderEndpoint(publicUrl, each));
    return renderList(request, { publicUrl, collection: 'endpoints', items, filters: [] });
  });
  app.get<OfProject>(`${BASE}/projects/:projectId/endpoint_groups`, async (request) => {
    policy.authorize('identity:list_endpoint_groups_for_project', request.identity);
    const { projectId } = request.params;
    if (!(await tables.projects.get(projectId))) throw notFound('project', projectId);
    const items = (await endpointGroupsOf(context, projectId)).map((each) => renderGroup(publicUrl, each));
    return renderList(request, { publicUrl, collection: 'endpoint_groups', items, filters: [] });
  });
}

function renderGroup(publicUrl: string, { id, name, description, filters }: EndpointGroupRecord) {
  return { id, name, description, filters, links: { self: `${publicUrl}${BASE}/endpoint_groups/${id}` } };
}
