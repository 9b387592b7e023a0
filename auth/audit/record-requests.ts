import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AuthContext } from '../context.ts';
import { isoMicroseconds } from '../times.ts';
import type { AuditLog } from './audit-log.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who a login is of, or is said to be of: the token route sets it. */
    auditTarget: { id?: string; name?: string } | undefined;
  }
}

const LOGINS = new Set(['/v3/auth/tokens', '/v3/ec2tokens', '/v3/s3tokens']);
const ACTIONS: Readonly<Record<string, string | undefined>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'update',
  DELETE: 'delete',
};

/**
 * Writes one event for every login and every change that was asked for, refused ones too: who, what, from where, with what outcome.
 * The event is written before the answer goes out: what was acknowledged is in the log, whatever happens then.
 * Bodies, queries and headers are not looked at, so no secret can get in.
 *
 * Spec: DMTF DSP0262, "Cloud Auditing Data Federation": activity events, in JSON.
 */
export function recordRequests(app: FastifyInstance, { clock }: AuthContext, log: AuditLog): void {
  app.decorateRequest('auditTarget', undefined);
  app.addHook('onSend', async (request, reply) => {
    const action = actionOf(request);
    if (action === undefined) return;
    const durable = action !== 'authenticate' && reply.statusCode < 400;
    await log.append(JSON.stringify(eventOf(request, reply, action, clock.nowMs())), { durable });
  });
}

function actionOf({ method, routeOptions }: FastifyRequest): string | undefined {
  if (method === 'POST' && LOGINS.has(routeOptions.url ?? '')) return 'authenticate';
  return Object.hasOwn(ACTIONS, method) ? ACTIONS[method] : undefined;
}

function eventOf(request: FastifyRequest, reply: FastifyReply, action: string, nowMs: number) {
  const caller = request.verifiedCaller?.identity;
  const isLogin = action === 'authenticate';
  const user = isLogin ? request.auditTarget : caller?.user;
  const scope = caller?.scope;
  return {
    typeURI: 'http://schemas.dmtf.org/cloud/audit/1.0/event',
    id: randomUUID(),
    eventType: 'activity',
    eventTime: isoMicroseconds(nowMs),
    action,
    outcome: reply.statusCode < 400 ? 'success' : 'failure',
    reason: { reasonType: 'HTTP', reasonCode: String(reply.statusCode) },
    initiator: {
      typeURI: 'service/security/account/user',
      id: user?.id ?? 'unknown',
      ...(user?.name === undefined ? {} : { name: user.name.slice(0, 255) }),
      ...(scope?.kind === 'project' ? { project_id: scope.project.id } : {}),
      ...(scope?.kind === 'domain' ? { domain_id: scope.domain.id } : {}),
      ...(caller?.delegation ? { delegation: { kind: caller.delegation.kind, id: caller.delegation.id } } : {}),
      host: { address: request.ip, agent: String(request.headers['user-agent'] ?? '').slice(0, 255) },
    },
    target: { typeURI: typeUriOf(request), id: targetIdOf(request) },
    observer: { typeURI: 'service/security', id: 'identity' },
    requestPath: (request.url.split('?', 1)[0] ?? '').slice(0, 1024),
    requestId: request.id,
  };
}

/** `data/security/users/application_credentials` for `/v3/users/:userId/application_credentials/:id`. */
function typeUriOf({ routeOptions }: FastifyRequest): string {
  const parts = (routeOptions.url ?? '')
    .split('/')
    .filter((part) => part !== '' && part !== 'v3' && !part.startsWith(':'));
  return ['data/security', ...parts].join('/');
}

function targetIdOf({ params }: FastifyRequest): string {
  return (
    Object.values((params ?? {}) as Record<string, string>)
      .join('/')
      .slice(0, 1024) || 'unknown'
  );
}
