import { randomBytes } from 'node:crypto';
import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { commitChanges } from '../../common/kv/table.ts';
import { newId } from '../actions/named.ts';
import { type AuthContext, withRetries } from '../context.ts';
import { notFound } from '../errors.ts';
import { extraOf, mergedExtra, parseBody } from '../parse.ts';
import { consumer } from '../schemas-catalog.ts';
import type { ConsumerRecord } from '../store/records.ts';
import { encodeFernet } from '../tokens/fernet.ts';
import { renderList } from './list.ts';

const bodySchema = Type.Object({ consumer });
type ById = { Params: { id: string } };
const PATH = '/v3/OS-OAUTH1/consumers';

/** Programs that are to ask for delegations by OAuth 1: registered, while the asking itself is not built. Spec: Identity API v3, "OS-OAUTH1". */
export function registerConsumerRoutes(app: FastifyInstance, context: AuthContext): void {
  const { publicUrl, policy, tables, store, credentialKeys, clock } = context;
  const render = ({ id, description, extra }: ConsumerRecord) => ({
    ...extra,
    id,
    description,
    links: { self: `${publicUrl}${PATH}/${id}` },
  });
  const stored = async (id: string) => {
    const found = await tables.consumers.get(id);
    if (!found) throw notFound('consumer', id);
    return found;
  };

  app.get(PATH, async (request) => {
    policy.authorize('identity:list_consumers', request.identity);
    const items = (await tables.consumers.list()).map(render);
    return renderList(request, { publicUrl, collection: 'consumers', items, filters: [] });
  });
  app.post(PATH, async ({ identity, body }, reply) => {
    policy.authorize('identity:create_consumer', identity);
    const { consumer: parsed } = parseBody(bodySchema, body);
    const secret = randomBytes(32).toString('base64url');
    const issuedAtS = clock.nowMs() / 1000;
    const record: ConsumerRecord = {
      id: newId(),
      description: parsed.description ?? null,
      encryptedSecret: encodeFernet(Buffer.from(secret), credentialKeys.keys.primary, { issuedAtS }),
      extra: extraOf(consumer, parsed),
    };
    await commitChanges(store, tables.consumers.insert(record));
    reply.status(201);
    return { consumer: { ...render(record), secret } };
  });
  app.get<ById>(`${PATH}/:id`, async ({ identity, params }) => {
    policy.authorize('identity:get_consumer', identity);
    return { consumer: render((await stored(params.id)).record) };
  });
  app.patch<ById>(`${PATH}/:id`, async ({ identity, params, body }) => {
    policy.authorize('identity:update_consumer', identity);
    const { consumer: parsed } = parseBody(bodySchema, body);
    const updated = await tables.consumers.update(params.id, (record) => ({
      ...record,
      description: parsed.description === undefined ? record.description : parsed.description,
      extra: mergedExtra(record.extra, extraOf(consumer, parsed)),
    }));
    if (!updated) throw notFound('consumer', params.id);
    return { consumer: render(updated) };
  });
  app.delete<ById>(`${PATH}/:id`, async ({ identity, params }, reply) => {
    policy.authorize('identity:delete_consumer', identity);
    await withRetries(async () => commitChanges(store, tables.consumers.remove(await stored(params.id))));
    return reply.status(204).send();
  });
}
