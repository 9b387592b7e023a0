import type { FastifyInstance } from 'fastify';
import { ApiError } from '../../common/errors.ts';
import type { ComputeContext } from '../context.ts';
import { badRequest } from '../errors.ts';
import { MOST_METADATA_ITEMS } from '../limits.ts';
import { parseBody } from '../parse.ts';
import { updateServer } from '../store/servers.ts';
import { findServer, type Params } from './request.ts';
import { metadataBody, metadataItemBody } from './schemas.ts';

const READ = 'os_compute_api:servers:show';
const WRITE = 'os_compute_api:server-metadata';
const PATH = '/v2.1/servers/:id/metadata';

/** Spec: Compute API, "Server metadata". */
export function serverMetadataRoutes(app: FastifyInstance, context: ComputeContext): void {
  const change = async (id: string, decide: (metadata: Record<string, string>) => Record<string, string>) => {
    const changed = await updateServer(context, id, (server) => ({
      ...server,
      metadata: bounded(decide(server.metadata)),
    }));
    return changed?.metadata ?? {};
  };

  app.get(PATH, async (request) => ({ metadata: (await findServer(context, request, READ)).metadata }));

  app.post(PATH, async (request) => {
    const { id } = await findServer(context, request, WRITE);
    const { metadata } = parseBody(metadataBody, request.body);
    return { metadata: await change(id, (current) => ({ ...current, ...metadata })) };
  });

  app.put(PATH, async (request) => {
    const { id } = await findServer(context, request, WRITE);
    const { metadata } = parseBody(metadataBody, request.body);
    return { metadata: await change(id, () => metadata) };
  });

  app.get(`${PATH}/:sub`, async (request) => {
    const { metadata } = await findServer(context, request, READ);
    const { sub } = request.params as Params;
    return { meta: { [sub]: itemOf(metadata, sub) } };
  });

  app.put(`${PATH}/:sub`, async (request) => {
    const { id } = await findServer(context, request, WRITE);
    const { sub } = request.params as Params;
    const { meta } = parseBody(metadataItemBody, request.body);
    if (Object.keys(meta).length !== 1 || !Object.hasOwn(meta, sub))
      throw badRequest('Request body and URI mismatch: the body holds exactly the key of the path.');
    await change(id, (current) => ({ ...current, ...meta }));
    return { meta };
  });

  app.delete(`${PATH}/:sub`, async (request, reply) => {
    const { id, metadata } = await findServer(context, request, WRITE);
    const { sub } = request.params as Params;
    itemOf(metadata, sub);
    await change(id, (current) => Object.fromEntries(Object.entries(current).filter(([key]) => key !== sub)));
    return reply.status(204).send();
  });
}

function itemOf(metadata: Record<string, string>, key: string): string {
  const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
  if (value === undefined)
    throw new ApiError({ status: 404, code: 'MetadataNotFound', message: 'Metadata item was not found' });
  return value;
}

function bounded(metadata: Record<string, string>): Record<string, string> {
  if (Object.keys(metadata).length <= MOST_METADATA_ITEMS) return metadata;
  throw new ApiError({
    status: 403,
    code: 'QuotaError',
    message: `A server has at most ${MOST_METADATA_ITEMS} metadata items.`,
  });
}
