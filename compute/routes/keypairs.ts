import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ConflictError, commitChanges } from '../../common/kv/table.ts';
import type { ComputeContext } from '../context.ts';
import { badRequest, conflict, keypairNotFound, notImplemented } from '../errors.ts';
import { MOST_KEYPAIRS_PER_USER } from '../limits.ts';
import { gated } from '../microversions.ts';
import { parseBody } from '../parse.ts';
import type { KeypairRecord } from '../store/records.ts';
import { isoMicroTime } from '../views/links.ts';
import type { Params } from './request.ts';
import { newKeypairBody } from './schemas.ts';

/** The caller's own public keys. Spec: Compute API, "Keypairs". */
export function keypairRoutes(app: FastifyInstance, context: ComputeContext): void {
  const { tables } = context;
  const authorize = ({ identity }: FastifyRequest, action: 'index' | 'show' | 'create' | 'delete') =>
    context.policy.authorize(`os_compute_api:os-keypairs:${action}`, identity, { user_id: identity.user.id });
  const find = async (request: FastifyRequest) => {
    const { id: name } = request.params as Params;
    const stored = await tables.keypairs.get(`${request.identity.user.id}/${name}`);
    if (!stored) throw keypairNotFound(name);
    return stored;
  };

  app.get('/v2.1/os-keypairs', async (request) => {
    authorize(request, 'index');
    const keypairs = await tables.keypairs.list(undefined, `${request.identity.user.id}/`);
    return { keypairs: keypairs.map((keypair) => ({ keypair: render(keypair, request.computeMinor) })) };
  });

  app.get('/v2.1/os-keypairs/:id', async (request) => {
    authorize(request, 'show');
    const { record } = await find(request);
    const more = {
      id: 0,
      created_at: isoMicroTime(record.createdMs),
      updated_at: null,
      deleted: false,
      deleted_at: null,
    };
    return { keypair: { ...render(record, request.computeMinor), user_id: record.userId, ...more } };
  });

  app.post('/v2.1/os-keypairs', async (request, reply) => {
    authorize(request, 'create');
    const { name, public_key: publicKey } = parseBody(newKeypairBody, request.body).keypair;
    if (publicKey === undefined) throw notImplemented('Making a key pair: give a public key; it');
    const { id: userId } = request.identity.user;
    const own = await tables.keypairs.list(undefined, `${userId}/`);
    if (own.length >= MOST_KEYPAIRS_PER_USER)
      throw badRequest(`A user has at most ${MOST_KEYPAIRS_PER_USER} key pairs.`);
    const fingerprint = fingerprintOf(publicKey);
    const createdMs = context.clock.nowMs();
    const keypair: KeypairRecord = {
      id: `${userId}/${name}`,
      userId,
      name,
      publicKey,
      fingerprint,
      type: 'ssh',
      createdMs,
    };
    try {
      await commitChanges(tables.store, tables.keypairs.insert(keypair));
    } catch (error) {
      if (error instanceof ConflictError) throw conflict(`Key pair '${name}' already exists.`);
      throw error;
    }
    if (request.computeMinor >= 2) reply.status(201);
    return { keypair: { ...render(keypair, request.computeMinor), user_id: userId } };
  });

  app.delete('/v2.1/os-keypairs/:id', async (request, reply) => {
    authorize(request, 'delete');
    await commitChanges(tables.store, tables.keypairs.remove(await find(request)));
    return reply.status(request.computeMinor >= 2 ? 204 : 202).send();
  });
}

function render({ name, publicKey, fingerprint, type, userId }: KeypairRecord, minor: number): Record<string, unknown> {
  return gated('keypair', minor, { name, public_key: publicKey, fingerprint, type, user_id: userId });
}

/** MD5 of the key's bytes, as `ssh-keygen -E md5` shows it. */
function fingerprintOf(publicKey: string): string {
  const [type, body] = publicKey.trim().split(/\s+/);
  const isKey = /^(ssh|ecdsa|sk)-[a-z0-9@.-]+$/.test(type ?? '') && /^[A-Za-z0-9+/]+=*$/.test(body ?? '');
  if (!isKey) throw badRequest('Keypair data is invalid: failed to generate fingerprint');
  const digest = createHash('md5')
    .update(Buffer.from(body ?? '', 'base64'))
    .digest('hex');
  return digest.match(/../g)?.join(':') ?? digest;
}
