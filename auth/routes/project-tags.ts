import type { FastifyInstance } from 'fastify';
import { getProject, setProjectTags } from '../actions/projects.ts';
import type { AuthContext } from '../context.ts';
import { notFound } from '../errors.ts';
import { parseBody } from '../parse.ts';
import { tagsBody, tags as tagsSchema } from '../schemas.ts';

type OfProject = { Params: { id: string } };
type OfTag = { Params: { id: string; tag: string } };

/** Spec: Identity API v3, "Project tags". */
export function registerProjectTagRoutes(app: FastifyInstance, context: AuthContext): void {
  const linksOf = (id: string) => ({ links: { self: `${context.publicUrl}/v3/projects/${id}/tags` } });

  app.get<OfProject>('/v3/projects/:id/tags', async ({ identity, params }) => {
    const { record } = await getProject(context, identity, params.id);
    return { tags: record.tags, ...linksOf(params.id) };
  });

  app.put<OfProject>('/v3/projects/:id/tags', async ({ identity, params, body }) => {
    const { tags } = parseBody(tagsBody, body);
    await setProjectTags(context, identity, params.id, () => tags);
    return { tags, ...linksOf(params.id) };
  });

  app.delete<OfProject>('/v3/projects/:id/tags', async ({ identity, params }, reply) => {
    await setProjectTags(context, identity, params.id, () => []);
    return reply.status(204).send();
  });

  app.get<OfTag>('/v3/projects/:id/tags/:tag', async ({ identity, params }, reply) => {
    const { record } = await getProject(context, identity, params.id);
    if (!record.tags.includes(params.tag)) throw notFound('project tag', params.tag);
    return reply.status(204).send();
  });

  app.put<OfTag>('/v3/projects/:id/tags/:tag', async ({ identity, params }, reply) => {
    await setProjectTags(context, identity, params.id, (tags) =>
      parseBody(tagsSchema, [...new Set([...tags, params.tag])]),
    );
    return reply.status(201).send();
  });

  app.delete<OfTag>('/v3/projects/:id/tags/:tag', async ({ identity, params }, reply) => {
    await setProjectTags(context, identity, params.id, (tags) => {
      if (!tags.includes(params.tag)) throw notFound('project tag', params.tag);
      return tags.filter((tag) => tag !== params.tag);
    });
    return reply.status(204).send();
  });
}
