import { Type } from '@sinclair/typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ownDomainTarget, projectTarget } from '../actions/access.ts';
import { candidatesByName } from '../actions/find-named.ts';
import { projectFamily } from '../actions/project-family.ts';
import { createProject, deleteProject, getProject, updateProject } from '../actions/projects.ts';
import type { AuthContext } from '../context.ts';
import { badRequest } from '../errors.ts';
import { parseBody } from '../parse.ts';
import { project } from '../schemas.ts';
import type { ProjectRecord } from '../store/records.ts';
import { flagOf, listRecords, parameterOf } from './list.ts';
import { renderProject } from './render.ts';

const createBody = Type.Object({ project });
const updateBody = Type.Object({ project: Type.Partial(project) });
type ById = { Params: { id: string } };

/** Spec: Identity API v3, "Projects". */
export function registerProjectRoutes(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl, policy, tables } = context;

  app.get('/v3/projects', async (request) => {
    policy.authorize('identity:list_projects', request.identity, ownDomainTarget(request.identity));
    const wantsDomains = flagOf(request, 'is_domain');
    const hasTags = tagFilterOf(request);
    const named = { name: parameterOf(request, 'name'), domainId: parameterOf(request, 'domain_id') };
    return listRecords(request, {
      publicUrl,
      collection: 'projects',
      filters: ['id', 'name', 'domain_id', 'parent_id', 'enabled'],
      scan: (afterId) => candidatesByName(context, tables.projects, named, afterId),
      render: (each) =>
        each.isDomain === wantsDomains &&
        hasTags(each) &&
        policy.allows('identity:get_project', request.identity, projectTarget(each))
          ? renderProject(publicUrl, each)
          : undefined,
      exists: async (id) => (await tables.projects.get(id)) !== undefined,
    });
  });

  app.post('/v3/projects', async (request, reply) => {
    const created = await createProject(context, request.identity, parseBody(createBody, request.body).project);
    reply.status(201);
    return { project: renderProject(publicUrl, created) };
  });

  app.get<ById>('/v3/projects/:id', async (request) => {
    const { record } = await getProject(context, request.identity, request.params.id);
    for (const side of ['parents', 'subtree'])
      if (flagOf(request, `${side}_as_list`) && flagOf(request, `${side}_as_ids`))
        throw badRequest(`One of ${side}_as_list and ${side}_as_ids can be asked for, not both.`);
    const family = await projectFamily(context, request.identity, record, {
      parentsAsList: flagOf(request, 'parents_as_list'),
      parentsAsIds: flagOf(request, 'parents_as_ids'),
      subtreeAsList: flagOf(request, 'subtree_as_list'),
      subtreeAsIds: flagOf(request, 'subtree_as_ids'),
    });
    const rendered = Object.entries(family).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.map((each: ProjectRecord) => ({ project: renderProject(publicUrl, each) })) : value,
    ]);
    return { project: { ...renderProject(publicUrl, record), ...Object.fromEntries(rendered) } };
  });

  app.patch<ById>('/v3/projects/:id', async ({ identity, params, body }) => {
    const updated = await updateProject(context, identity, params.id, parseBody(updateBody, body).project);
    return { project: renderProject(publicUrl, updated) };
  });

  app.delete<ById>('/v3/projects/:id', async ({ identity, params }, reply) => {
    await deleteProject(context, identity, params.id);
    return reply.status(204).send();
  });
}

/** Spec: Identity API v3, "List projects": `tags`, `tags-any`, `not-tags`, `not-tags-any`. */
function tagFilterOf(request: FastifyRequest): (project: ProjectRecord) => boolean {
  const listOf = (name: string) => parameterOf(request, name)?.split(',');
  const [all, any, notAll, notAny] = [listOf('tags'), listOf('tags-any'), listOf('not-tags'), listOf('not-tags-any')];
  return ({ tags }) => {
    const has = (tag: string) => tags.includes(tag);
    if (all && !all.every(has)) return false;
    if (any && !any.some(has)) return false;
    return !notAll?.every(has) && !notAny?.some(has);
  };
}
