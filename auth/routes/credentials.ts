import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import {
  createCredential,
  createEc2Credential,
  deleteCredential,
  deleteEc2Credential,
  ec2PairOf,
  getCredential,
  getEc2Credential,
  listCredentials,
  listEc2Credentials,
  type OpenCredential,
  updateCredential,
} from '../actions/credentials.ts';
import type { AuthContext } from '../context.ts';
import { parseBody } from '../parse.ts';
import { credential, ec2CredentialBody } from '../schemas.ts';
import { listRecords, parameterOf, renderList } from './list.ts';

const createBody = Type.Object({ credential });
const updateBody = Type.Object({ credential: Type.Partial(credential) });
type ById = { Params: { id: string } };
type OfUser = { Params: { userId: string } };
type OfAccess = { Params: { userId: string; access: string } };

/** Spec: Identity API v3, "Credentials", "OS-EC2". */
export function registerCredentialRoutes(app: FastifyInstance, context: AuthContext): void {
  registerCredentials(app, context);
  registerEc2Credentials(app, context);
}

function registerCredentials(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl, tables } = context;

  app.get('/v3/credentials', async (request) => {
    const credentials = listCredentials(context, request.identity, {
      userId: parameterOf(request, 'user_id'),
      type: parameterOf(request, 'type'),
    });
    return listRecords(request, {
      publicUrl,
      collection: 'credentials',
      filters: ['user_id', 'type'],
      scan: (afterId) => credentials.scan(afterId),
      render(record) {
        const opened = credentials.open(record);
        return opened && renderCredential(publicUrl, opened);
      },
      exists: async (id) => (await tables.credentials.get(id)) !== undefined,
    });
  });

  app.post('/v3/credentials', async (request, reply) => {
    const made = await createCredential(context, request.identity, parseBody(createBody, request.body).credential);
    reply.status(201);
    return { credential: renderCredential(publicUrl, made) };
  });

  app.get<ById>('/v3/credentials/:id', async ({ identity, params }) => ({
    credential: renderCredential(publicUrl, await getCredential(context, identity, params.id)),
  }));

  app.patch<ById>('/v3/credentials/:id', async ({ identity, params, body }) => {
    const parsed = parseBody(updateBody, body).credential;
    return { credential: renderCredential(publicUrl, await updateCredential(context, identity, params.id, parsed)) };
  });

  app.delete<ById>('/v3/credentials/:id', async ({ identity, params }, reply) => {
    await deleteCredential(context, identity, params.id);
    return reply.status(204).send();
  });
}

function registerEc2Credentials(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl } = context;
  const path = '/v3/users/:userId/credentials/OS-EC2';

  app.get<OfUser>(path, async (request) => {
    const found = await listEc2Credentials(context, request.identity, request.params.userId);
    const items = found.map((each) => ({ ...renderEc2(publicUrl, each), id: each.record.id }));
    const list = renderList(request, { publicUrl, collection: 'credentials', items, filters: ['access', 'tenant_id'] });
    return list;
  });

  app.post<OfUser>(path, async ({ identity, params, body }, reply) => {
    const { tenant_id: projectId } = parseBody(ec2CredentialBody, body);
    const made = await createEc2Credential(context, identity, params.userId, projectId);
    reply.status(201);
    return { credential: renderEc2(publicUrl, made) };
  });

  app.get<OfAccess>(`${path}/:access`, async ({ identity, params }) => ({
    credential: renderEc2(publicUrl, await getEc2Credential(context, identity, params.userId, params.access)),
  }));

  app.delete<OfAccess>(`${path}/:access`, async ({ identity, params }, reply) => {
    await deleteEc2Credential(context, identity, params.userId, params.access);
    return reply.status(204).send();
  });
}

function renderCredential(publicUrl: string, { record, blob }: OpenCredential) {
  return {
    ...record.extra,
    id: record.id,
    type: record.type,
    user_id: record.userId,
    project_id: record.projectId,
    blob,
    links: { self: `${publicUrl}/v3/credentials/${record.id}` },
  };
}

function renderEc2(publicUrl: string, { record, blob }: OpenCredential) {
  const pair = ec2PairOf(blob);
  const access = pair?.access ?? '';
  return {
    access,
    secret: pair?.secret ?? '',
    user_id: record.userId,
    tenant_id: record.projectId,
    trust_id: null,
    links: { self: `${publicUrl}/v3/users/${record.userId}/credentials/OS-EC2/${encodeURIComponent(access)}` },
  };
}
