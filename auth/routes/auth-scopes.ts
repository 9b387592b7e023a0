import type { FastifyInstance } from 'fastify';
import { catalogFor } from '../actions/catalog.ts';
import { canUseSystem, usableContainers } from '../actions/reachable-scopes.ts';
import { resolveToken } from '../actions/resolve-token.ts';
import type { AuthContext } from '../context.ts';
import { refused } from '../errors.ts';
import { renderList } from './list.ts';
import { renderDomain, renderProject } from './render.ts';

/** What the caller's token may become. Spec: Identity API v3, "Get service catalog", "Get available project scopes". */
export function registerAuthScopeRoutes(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl } = context;

  app.get('/v3/auth/catalog', async (request) => {
    const state = await resolveToken(context, String(request.headers['x-auth-token']));
    if (!state || state.scope.kind === 'unscoped') throw refused('An unscoped token has no catalog.');
    return { catalog: await catalogFor(context, state), links: { self: `${publicUrl}${request.url}` } };
  });

  app.get('/v3/auth/projects', async (request) => {
    const projects = await usableContainers(context, request.identity.user.id, 'project');
    const items = projects.map((project) => renderProject(publicUrl, project));
    return renderList(request, { publicUrl, collection: 'projects', items, filters: ['name', 'domain_id'] });
  });

  app.get('/v3/auth/domains', async (request) => {
    const domains = await usableContainers(context, request.identity.user.id, 'domain');
    const items = domains.map((domain) => renderDomain(publicUrl, domain));
    return renderList(request, { publicUrl, collection: 'domains', items, filters: ['name'] });
  });

  app.get('/v3/auth/system', async (request) => ({
    system: (await canUseSystem(context, request.identity.user.id)) ? [{ all: true }] : [],
    links: { self: `${publicUrl}${request.url}` },
  }));
}
