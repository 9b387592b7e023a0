import type { FastifyRequest } from 'fastify';
import { InvariantError } from '../../common/errors.ts';
import type { Caller, ComputeContext } from '../context.ts';
import { serverNotFound } from '../errors.ts';
import type { ServerRecord } from '../store/records.ts';
import { recordAction } from '../store/servers.ts';

/** Path parameters, all of which a route that names them has. */
export interface Params {
  id: string;
  sub: string;
}

export type QueryValues = Readonly<Record<string, string | string[] | undefined>>;

export function callerOf(request: FastifyRequest): Caller {
  const token = request.headers['x-auth-token'];
  if (typeof token !== 'string') throw new InvariantError('a verified request has a token');
  return { identity: request.identity, token, requestId: request.id };
}

/**
 * The server that the request's path names, if the caller may do this to it.
 *
 * @throws ApiError 404 for a server that is not there or that the caller may not see, 403 for one that they may only see.
 */
export async function findServer(
  context: ComputeContext,
  request: FastifyRequest,
  action: string,
): Promise<ServerRecord> {
  const { id } = request.params as Params;
  const server = (await context.tables.servers.get(id))?.record;
  const target = { project_id: server?.projectId, user_id: server?.userId };
  if (!server || !context.policy.allows('os_compute_api:servers:show', request.identity, target))
    throw serverNotFound(id);
  context.policy.authorize(action, request.identity, target);
  return server;
}

export async function noteAction(
  context: ComputeContext,
  request: FastifyRequest,
  server: ServerRecord,
  action: string,
): Promise<void> {
  const { id: serverId, projectId } = server;
  const userId = request.identity.user.id;
  await recordAction(context, { serverId, action, requestId: request.id, userId, projectId });
}
