import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { createTrust, deleteTrust, getTrust, listTrusts, trustRoles } from '../actions/trusts.ts';
import type { AuthContext } from '../context.ts';
import { notFound } from '../errors.ts';
import { parseBody } from '../parse.ts';
import { trust } from '../schemas.ts';
import type { TrustRecord } from '../store/records.ts';
import { isoMicroseconds } from '../times.ts';
import { parameterOf, renderList } from './list.ts';
import { renderRole } from './render.ts';

const createBody = Type.Object({ trust });
type ById = { Params: { id: string } };
type OfRole = { Params: { id: string; roleId: string } };

/** Spec: Identity API v3, "OS-TRUST API". */
export function registerTrustRoutes(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl } = context;

  app.get('/v3/OS-TRUST/trusts', async (request) => {
    const trusts = await listTrusts(context, request.identity, {
      trustorId: parameterOf(request, 'trustor_user_id'),
      trusteeId: parameterOf(request, 'trustee_user_id'),
    });
    const items = trusts.map((each) => renderTrust(publicUrl, each));
    return renderList(request, { publicUrl, collection: 'trusts', items, filters: ['project_id', 'impersonation'] });
  });

  app.post('/v3/OS-TRUST/trusts', async (request, reply) => {
    const made = await createTrust(context, request.identity, parseBody(createBody, request.body).trust);
    reply.status(201);
    return { trust: await withRoles(context, made) };
  });

  app.get<ById>('/v3/OS-TRUST/trusts/:id', async ({ identity, params }) => {
    const { record } = await getTrust(context, identity, params.id);
    return { trust: await withRoles(context, record) };
  });

  app.delete<ById>('/v3/OS-TRUST/trusts/:id', async ({ identity, params }, reply) => {
    await deleteTrust(context, identity, params.id);
    return reply.status(204).send();
  });

  app.get<ById>('/v3/OS-TRUST/trusts/:id/roles', async (request) => {
    const roles = await trustRoles(context, request.identity, request.params.id, 'identity:list_roles_for_trust');
    const items = roles.map((role) => renderRole(publicUrl, role));
    return renderList(request, { publicUrl, collection: 'roles', items, filters: ['name'] });
  });

  app.get<OfRole>('/v3/OS-TRUST/trusts/:id/roles/:roleId', async ({ identity, params }) => {
    const roles = await trustRoles(context, identity, params.id, 'identity:get_role_for_trust');
    const role = roles.find(({ id }) => id === params.roleId);
    if (!role) throw notFound('role', params.roleId);
    return { role: renderRole(publicUrl, role) };
  });
}

function renderTrust(publicUrl: string, trust: TrustRecord) {
  return {
    ...trust.extra,
    id: trust.id,
    trustor_user_id: trust.trustorId,
    trustee_user_id: trust.trusteeId,
    project_id: trust.projectId,
    impersonation: trust.impersonation,
    expires_at: trust.expiresAtMs === null ? null : isoMicroseconds(trust.expiresAtMs),
    deleted_at: null,
    remaining_uses: trust.remainingUses,
    redelegation_count: trust.redelegationCount,
    redelegated_trust_id: trust.redelegatedTrustId,
    links: { self: `${publicUrl}/v3/OS-TRUST/trusts/${trust.id}` },
  };
}

async function withRoles({ publicUrl, tables }: AuthContext, trust: TrustRecord) {
  const roles = await Promise.all(trust.roleIds.map((id) => tables.roles.get(id)));
  const self = `${publicUrl}/v3/OS-TRUST/trusts/${trust.id}/roles`;
  return {
    ...renderTrust(publicUrl, trust),
    roles: roles.flatMap((role) => (role ? [renderRole(publicUrl, role.record)] : [])),
    roles_links: { self, previous: null, next: null },
  };
}
