import type { FastifyInstance, FastifyRequest } from 'fastify';
import { cutPage, type PagingRules, parsePageQuery } from '../../openstack/paging.ts';
import { beginDeleteServer } from '../actions/delete-server.ts';
import type { ComputeContext } from '../context.ts';
import { badRequest } from '../errors.ts';
import { MOST_PAGE } from '../limits.ts';
import { parseBody } from '../parse.ts';
import type { ServerRecord } from '../store/records.ts';
import { devicesOf, updateServer } from '../store/servers.ts';
import { baseUrlOf, nextPageLink } from '../views/links.ts';
import { renderServer, renderServerSummary, type ServerView } from '../views/render-server.ts';
import { callerOf, findServer, type QueryValues } from './request.ts';
import { serverUpdateBody } from './schemas.ts';
import { serverFilterOf } from './server-filter.ts';

const PAGING: PagingRules = {
  defaultLimit: MOST_PAGE,
  mostLimit: MOST_PAGE,
  sortable: [
    'created_at',
    'updated_at',
    'display_name',
    'uuid',
    'vm_state',
    'task_state',
    'project_id',
    'user_id',
    'host',
  ],
  defaultSort: [
    { field: 'created_at', direction: 'desc' },
    { field: 'uuid', direction: 'desc' },
  ],
};

/** `/servers`, but for creation and actions. Spec: Compute API, "Servers". */
export function serverRoutes(app: FastifyInstance, context: ComputeContext): void {
  const show = async (request: FastifyRequest, server: ServerRecord) => ({
    server: renderServer(server, await devicesOf(context, server.id), viewOf(context, request)),
  });

  app.get('/v2.1/servers', async (request) => {
    const { page, links } = await listServers(context, request);
    return { servers: page.map((server) => renderServerSummary(server, { base: baseUrlOf(request) })), ...links };
  });

  app.get('/v2.1/servers/detail', async (request) => {
    const { page, links } = await listServers(context, request);
    const view = viewOf(context, request);
    const servers = [];
    for (const server of page) servers.push(renderServer(server, await devicesOf(context, server.id), view));
    return { servers, ...links };
  });

  app.get('/v2.1/servers/:id', async (request) =>
    show(request, await findServer(context, request, 'os_compute_api:servers:show')),
  );

  app.put('/v2.1/servers/:id', async (request) => {
    const server = await findServer(context, request, 'os_compute_api:servers:update');
    const { name, description } = parseBody(serverUpdateBody, request.body).server;
    const updated = await updateServer(context, server.id, (each) => ({
      ...each,
      ...(name !== undefined && { name: name.trim() }),
      ...(description !== undefined && request.computeMinor >= 19 && { description }),
    }));
    return show(request, updated ?? server);
  });

  app.delete('/v2.1/servers/:id', async (request, reply) => {
    const server = await findServer(context, request, 'os_compute_api:servers:delete');
    await beginDeleteServer(context, server.id, callerOf(request));
    return reply.status(204).send();
  });
}

function viewOf({ config, policy }: ComputeContext, request: FastifyRequest): ServerView {
  return {
    base: baseUrlOf(request),
    minor: request.computeMinor,
    availabilityZone: config.availability_zone,
    showsHost: policy.allows('os_compute_api:os-extended-server-attributes', request.identity),
  };
}

async function listServers(context: ComputeContext, request: FastifyRequest) {
  const query = request.query as QueryValues;
  const matches = serverFilterOf(query, projectsOf(context, request, query));
  const paging = parsePageQuery(query, PAGING);
  const cut = cutPage(await context.tables.servers.list(matches), paging, sortFieldOf);
  if (!cut) throw badRequest(`marker [${paging.marker?.slice(0, 64)}] not found`);
  const last = cut.page.at(-1);
  const links = cut.more && last ? { servers_links: [nextPageLink(request, last.id)] } : {};
  return { page: cut.page, links };
}

/** The project whose servers the caller may list; undefined = all projects, which only a policy allows. */
function projectsOf({ policy }: ComputeContext, request: FastifyRequest, query: QueryValues): string | undefined {
  const { identity } = request;
  const own = identity.scope.kind === 'project' ? identity.scope.project.id : null;
  policy.authorize('os_compute_api:servers:index', identity, { project_id: own });
  const asksAll = /^(1|true|yes|on|t|y)$/i.test(String(query['all_tenants'] ?? '0')) || query['all_tenants'] === '';
  const asked = [query['project_id'] ?? query['tenant_id'] ?? []].flat()[0];
  if (asksAll) {
    policy.authorize('os_compute_api:servers:index:get_all_tenants', identity);
    return asked;
  }
  return own ?? '';
}

function sortFieldOf(server: ServerRecord, field: string): string | number | null {
  const fields: Record<string, string | number | null> = {
    created_at: server.createdMs,
    updated_at: server.updatedMs,
    display_name: server.name,
    uuid: server.id,
    vm_state: server.vmState,
    task_state: server.taskState,
    project_id: server.projectId,
    user_id: server.userId,
    host: '',
  };
  return fields[field] ?? null;
}
