import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { deleteAccessRule, getAccessRule, listAccessRules } from '../actions/access-rules.ts';
import {
  createApplicationCredential,
  deleteApplicationCredential,
  getApplicationCredential,
  listApplicationCredentials,
  type ShownCredential,
} from '../actions/application-credentials.ts';
import type { AuthContext } from '../context.ts';
import { parseBody } from '../parse.ts';
import { applicationCredential } from '../schemas.ts';
import type { AccessRuleRecord, RoleRecord } from '../store/records.ts';
import { naiveMicroseconds } from '../times.ts';
import { renderList } from './list.ts';

const createBody = Type.Object({ application_credential: applicationCredential });
type OfUser = { Params: { userId: string } };
type OfOne = { Params: { userId: string; id: string } };

/** Spec: Identity API v3, "Application Credentials". */
export function registerApplicationCredentialRoutes(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl } = context;
  const credentials = '/v3/users/:userId/application_credentials';
  const rules = '/v3/users/:userId/access_rules';

  app.get<OfUser>(credentials, async (request) => {
    const found = await listApplicationCredentials(context, request.identity, request.params.userId);
    const items = await Promise.all(found.map((each) => renderCredential(context, each)));
    return renderList(request, { publicUrl, collection: 'application_credentials', items, filters: ['name'] });
  });

  app.post<OfUser>(credentials, async ({ identity, params, body }, reply) => {
    const { application_credential: parsed } = parseBody(createBody, body);
    const { secret, ...made } = await createApplicationCredential(context, identity, params.userId, parsed);
    reply.status(201);
    return { application_credential: { ...(await renderCredential(context, made)), secret } };
  });

  app.get<OfOne>(`${credentials}/:id`, async ({ identity, params }) => {
    const found = await getApplicationCredential(context, identity, params.userId, params.id);
    return { application_credential: await renderCredential(context, found) };
  });

  app.delete<OfOne>(`${credentials}/:id`, async ({ identity, params }, reply) => {
    await deleteApplicationCredential(context, identity, params.userId, params.id);
    return reply.status(204).send();
  });

  app.get<OfUser>(rules, async (request) => {
    const found = await listAccessRules(context, request.identity, request.params.userId);
    const items = found.map((each) => renderRule(publicUrl, each));
    return renderList(request, {
      publicUrl,
      collection: 'access_rules',
      items,
      filters: ['service', 'method', 'path'],
    });
  });

  app.get<OfOne>(`${rules}/:id`, async ({ identity, params }) => {
    const rule = await getAccessRule(context, identity, params.userId, params.id);
    return { access_rule: renderRule(publicUrl, rule) };
  });

  app.delete<OfOne>(`${rules}/:id`, async ({ identity, params }, reply) => {
    await deleteAccessRule(context, identity, params.userId, params.id);
    return reply.status(204).send();
  });
}

/** Never with its secret, nor what is stored of it. */
async function renderCredential({ publicUrl, tables }: AuthContext, { record, accessRules }: ShownCredential) {
  const roles = await Promise.all(record.roleIds.map((id) => tables.roles.get(id)));
  const { id, name, userId, projectId, description, expiresAtMs, unrestricted } = record;
  return {
    id,
    name,
    description,
    user_id: userId,
    project_id: projectId,
    system: null,
    roles: roles.flatMap((role) => (role ? [renderWholeRole(role.record)] : [])),
    expires_at: expiresAtMs === null ? null : naiveMicroseconds(expiresAtMs),
    unrestricted,
    ...(accessRules
      ? {
          access_rules: accessRules.map((rule) => ({
            id: rule.id,
            path: rule.path,
            method: rule.method,
            service: rule.service,
          })),
        }
      : {}),
    links: { self: `${publicUrl}/v3/users/${userId}/application_credentials/${id}` },
  };
}

/** A role as it goes with an application credential: as by itself, without its link. */
function renderWholeRole({ id, name, domainId, description, options }: RoleRecord) {
  return { id, name, domain_id: domainId, description, options };
}

function renderRule(publicUrl: string, { id, userId, service, method, path }: AccessRuleRecord) {
  return { id, service, method, path, links: { self: `${publicUrl}/v3/users/${userId}/access_rules/${id}` } };
}
