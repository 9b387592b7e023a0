import type { FastifyInstance } from 'fastify';
import { changeStatus } from '../actions/change-status.ts';
import { addTag, removeTag } from '../actions/change-tags.ts';
import type { ImageContext } from '../context.ts';

/** Deactivation and tags. Spec: Image API v2, "Image actions", "Image tags". */
export function registerImageActions(app: FastifyInstance, context: ImageContext): void {
  for (const event of ['deactivate', 'reactivate'] as const) {
    app.post<{ Params: { id: string } }>(`/v2/images/:id/actions/${event}`, async (request, reply) => {
      await changeStatus(context, request.identity, { id: request.params.id, event });
      return reply.status(204).send();
    });
  }

  app.put<{ Params: { id: string; tag: string } }>('/v2/images/:id/tags/:tag', async (request, reply) => {
    await addTag(context, request.identity, request.params);
    return reply.status(204).send();
  });

  app.delete<{ Params: { id: string; tag: string } }>('/v2/images/:id/tags/:tag', async (request, reply) => {
    await removeTag(context, request.identity, request.params);
    return reply.status(204).send();
  });
}
