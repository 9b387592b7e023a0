import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { commitChanges } from '../../common/kv/table.ts';
import { newId } from '../actions/named.ts';
import { type AuthContext, withRetries } from '../context.ts';
import { notFound } from '../errors.ts';
import { extraOf, mergedExtra, parseBody } from '../parse.ts';
import { storedPolicy } from '../schemas-catalog.ts';
import type { StoredPolicyRecord } from '../store/records.ts';
import { renderList } from './list.ts';

const createBody = Type.Object({ policy: storedPolicy });
const updateBody = Type.Object({ policy: Type.Partial(storedPolicy) });
type ById = { Params: { id: string } };

/** Texts kept for other programs; our own rules come from the policy file. Spec: Identity API v3, "Policies". */
export function registerStoredPolicyRoutes(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl, policy, tables, store } = context;
  const render = ({ id, type, blob, extra }: StoredPolicyRecord) => ({
    ...extra,
    id,
    type,
    blob,
    links: { self: `${publicUrl}/v3/policies/${id}` },
  });
  const textOf = (blob: string | Record<string, unknown>) => (typeof blob === 'string' ? blob : JSON.stringify(blob));
  const stored = async (id: string) => {
    const found = await tables.storedPolicies.get(id);
    if (!found) throw notFound('policy', id);
    return found;
  };

  app.get('/v3/policies', async (request) => {
    policy.authorize('identity:list_policies', request.identity);
    const items = (await tables.storedPolicies.list()).map(render);
    return renderList(request, { publicUrl, collection: 'policies', items, filters: ['type'] });
  });
  app.post('/v3/policies', async ({ identity, body }, reply) => {
    policy.authorize('identity:create_policy', identity);
    const { policy: parsed } = parseBody(createBody, body);
    const extra = extraOf(storedPolicy, parsed);
    const record: StoredPolicyRecord = { id: newId(), type: parsed.type, blob: textOf(parsed.blob), extra };
    await commitChanges(store, tables.storedPolicies.insert(record));
    reply.status(201);
    return { policy: render(record) };
  });
  app.get<ById>('/v3/policies/:id', async ({ identity, params }) => {
    policy.authorize('identity:get_policy', identity);
    return { policy: render((await stored(params.id)).record) };
  });
  app.patch<ById>('/v3/policies/:id', async ({ identity, params, body }) => {
    policy.authorize('identity:update_policy', identity);
    const { policy: parsed } = parseBody(updateBody, body);
    const updated = await tables.storedPolicies.update(params.id, (record) => ({
      ...record,
      type: parsed.type ?? record.type,
      blob: parsed.blob === undefined ? record.blob : textOf(parsed.blob),
      extra: mergedExtra(record.extra, extraOf(storedPolicy, parsed)),
    }));
    if (!updated) throw notFound('policy', params.id);
    return { policy: render(updated) };
  });
  app.delete<ById>('/v3/policies/:id', async ({ identity, params }, reply) => {
    policy.authorize('identity:delete_policy', identity);
    await withRetries(async () => commitChanges(store, tables.storedPolicies.remove(await stored(params.id))));
    return reply.status(204).send();
  });
}
