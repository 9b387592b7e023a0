import type { FastifyInstance } from 'fastify';
import { requireVisible } from '../actions/access.ts';
import { createImage } from '../actions/create-image.ts';
import { deleteImage } from '../actions/delete-image.ts';
import { listImages } from '../actions/list-images.ts';
import { updateImage } from '../actions/update-image.ts';
import type { ImageContext } from '../context.ts';
import { parseObject } from './parse-body.ts';
import { type ListQuery, parseListQuery } from './parse-list.ts';
import { parsePatch } from './parse-patch.ts';
import { renderImage } from './render-image.ts';

/** `/v2/images`: the records of images. Spec: Image API v2, "Images". */
export function registerImages(app: FastifyInstance, context: ImageContext): void {
  app.post('/v2/images', async (request, reply) => {
    const image = await createImage(context, request.identity, parseObject(request));
    const stores = await context.stores.available();
    return reply
      .status(201)
      .headers({
        location: `${request.protocol}://${request.host}/v2/images/${image.id}`,
        'openstack-image-store-ids': stores.map(({ id }) => id).join(','),
      })
      .send(renderImage(image));
  });

  app.get<{ Querystring: ListQuery }>('/v2/images', async (request) => {
    const { page, more } = await listImages(context, request.identity, parseListQuery(request.query));
    const last = page.at(-1);
    return {
      images: page.map(renderImage),
      first: `/v2/images${queryOf(request.query, undefined)}`,
      ...(more && last ? { next: `/v2/images${queryOf(request.query, last.id)}` } : {}),
      schema: '/v2/schemas/images',
    };
  });

  app.get<{ Params: { id: string } }>('/v2/images/:id', async (request) =>
    renderImage(await requireVisible(context, request.identity, request.params.id)),
  );

  app.patch<{ Params: { id: string } }>('/v2/images/:id', async (request) => {
    const operations = parsePatch(request);
    return renderImage(await updateImage(context, request.identity, { id: request.params.id, operations }));
  });

  app.delete<{ Params: { id: string } }>('/v2/images/:id', async (request, reply) => {
    await deleteImage(context, request.identity, request.params.id);
    return reply.status(204).send();
  });
}

/** The list's own query, from another marker on. */
function queryOf(query: ListQuery, marker: string | undefined): string {
  const params = new URLSearchParams();
  for (const [name, values] of Object.entries(query))
    if (name !== 'marker') for (const value of [values ?? []].flat()) params.append(name, value);
  if (marker !== undefined) params.set('marker', marker);
  return params.size === 0 ? '' : `?${params}`;
}
