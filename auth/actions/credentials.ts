import { createHash, randomBytes } from 'node:crypto';
import { commitChanges, type Stored } from '../../common/kv/table.ts';
import { type AuthContext, commitAndRevoke, withRetries } from '../context.ts';
import { badRequest, conflict, notFound, refused } from '../errors.ts';
import type { Identity, PolicyTarget } from '../guard/contract.ts';
import { assertMayDelegate } from '../guard/delegation.ts';
import { LIST_PAGE_ENTRIES, MOST_OWNED_RECORDS } from '../limits.ts';
import { extraOf, mergedExtra } from '../parse.ts';
import { type CredentialBody, credential as credentialSchema } from '../schemas.ts';
import { ownedBy } from '../store/owned.ts';
import type { CredentialRecord } from '../store/records.ts';
import { decodeFernet, encodeFernet } from '../tokens/fernet.ts';
import { assertSame } from './access.ts';
import { authorizedOwner } from './application-credentials.ts';
import { sourceOf } from './delegation.ts';
import { newId } from './named.ts';

/** A credential with its secret in the clear. */
export interface OpenCredential {
  record: CredentialRecord;
  blob: string;
}

/** The two halves of an EC2 credential's blob. */
export interface Ec2Pair {
  access: string;
  secret: string;
}

function credentialTarget({ userId }: CredentialRecord): PolicyTarget {
  return { 'credential.user_id': userId };
}

/** Where an EC2 credential is found: its access key need not be searched for. Spec: Keystone, "Credentials". */
export function credentialIdOf(access: string): string {
  return createHash('sha256').update(access).digest('hex');
}

/** The pair in an EC2 credential's blob; undefined for another text. */
export function ec2PairOf(blob: string): Ec2Pair | undefined {
  try {
    const { access, secret } = JSON.parse(blob) as Partial<Ec2Pair>;
    return typeof access === 'string' && access !== '' && typeof secret === 'string' && secret !== ''
      ? { access, secret }
      : undefined;
  } catch {
    return undefined;
  }
}

/** @throws ApiError 400 for an EC2 blob that is none, 403 for another's or with a delegated token, 404, 409 for a known access key. */
export async function createCredential(
  context: AuthContext,
  identity: Identity,
  body: CredentialBody,
): Promise<OpenCredential> {
  const { tables, policy } = context;
  assertMayDelegate(identity, 'credentials');
  const userId = body.user_id ?? identity.user.id;
  const user = await tables.users.get(userId);
  policy.authorize('identity:create_credential', identity, user ? { 'credential.user_id': user.record.id } : {});
  const pair = body.type === 'ec2' ? ec2PairOf(body.blob) : undefined;
  if (body.type === 'ec2' && !pair) throw badRequest('The blob of an ec2 credential is JSON with access and secret.');
  if (body.type === 'ec2' && !body.project_id) throw badRequest('An ec2 credential needs a project_id.');
  return insertCredential(context, identity, {
    id: pair ? credentialIdOf(pair.access) : newId(),
    type: body.type,
    userId,
    projectId: body.project_id ?? null,
    blob: body.blob,
    extra: extraOf(credentialSchema, body),
  });
}

/** Makes a key pair of a user for a project. @throws ApiError 403, 404. */
export async function createEc2Credential(
  context: AuthContext,
  identity: Identity,
  userId: string,
  projectId: string,
): Promise<OpenCredential> {
  assertMayDelegate(identity, 'credentials');
  await authorizedOwner(context, identity, userId, 'identity:ec2_create_credential');
  const access = randomBytes(16).toString('hex');
  const secret = randomBytes(32).toString('base64url');
  return insertCredential(context, identity, {
    id: credentialIdOf(access),
    type: 'ec2',
    userId,
    projectId,
    blob: JSON.stringify({ access, secret }),
    extra: {},
  });
}

type NewCredential = Pick<CredentialRecord, 'id' | 'type' | 'userId' | 'projectId' | 'extra'> & { blob: string };

async function insertCredential(
  context: AuthContext,
  identity: Identity,
  { blob, ...parts }: NewCredential,
): Promise<OpenCredential> {
  const { tables, store } = context;
  const { id, userId, projectId } = parts;
  const { delegation, scope } = identity;
  const isElsewhere = scope.kind !== 'project' || scope.project.id !== projectId || identity.user.id !== userId;
  if (delegation && isElsewhere)
    throw refused('A delegated token makes credentials for its own user and project only.');
  const record: CredentialRecord = {
    ...parts,
    encryptedBlob: encrypt(context, blob),
    source: await sourceOf(context, identity),
  };
  await withRetries(async () => {
    const user = await tables.users.get(userId);
    const project = projectId === null ? undefined : await tables.projects.get(projectId);
    if (!user) throw notFound('user', userId);
    if (projectId !== null && !project) throw notFound('project', projectId);
    if (await tables.credentials.get(id)) throw conflict('credential', 'The access key is taken');
    if ((await ownedBy(store, tables.credentials, 'user', userId)).length >= MOST_OWNED_RECORDS)
      throw refused(`A user has at most ${MOST_OWNED_RECORDS} credentials.`);
    await commitChanges(
      store,
      tables.credentials.insert(record),
      tables.users.unchanged(user),
      ...(project ? [tables.projects.unchanged(project)] : []),
    );
  });
  return { record, blob };
}

/** @throws ApiError 403, also with a delegated token: it would show a secret; 404 also to who may not see it. */
export async function getCredential(
  context: AuthContext,
  identity: Identity,
  id: string,
  action = 'identity:get_credential',
): Promise<OpenCredential & { stored: Stored<CredentialRecord> }> {
  const { tables, policy } = context;
  assertMayDelegate(identity, 'credentials');
  const stored = await tables.credentials.get(id);
  if (!stored || !policy.allows('identity:get_credential', identity, credentialTarget(stored.record)))
    throw notFound('credential', id);
  policy.authorize(action, identity, credentialTarget(stored.record));
  return { stored, ...open(context, stored.record) };
}

/** A list of credentials that is read, and decrypted, as it is sent. */
export interface CredentialList {
  /** In the order of ids, behind one of them. */
  scan(afterId: string | undefined): AsyncIterable<CredentialRecord[]>;
  /** Undefined for one that the caller may not see, or that was not asked for. */
  open(record: CredentialRecord): OpenCredential | undefined;
}

/** Credentials that the caller may see: of one user, or all of them. @throws ApiError 403. */
export function listCredentials(
  context: AuthContext,
  identity: Identity,
  query: { userId: string | undefined; type: string | undefined },
): CredentialList {
  const { policy } = context;
  assertMayDelegate(identity, 'credentials');
  policy.authorize('identity:list_credentials', identity, {});
  const seesAll = policy.allows('identity:get_credential', identity);
  const userId = query.userId ?? (seesAll ? undefined : identity.user.id);
  return {
    scan: (afterId) => scanCredentials(context, userId, afterId),
    open(record) {
      if (query.type !== undefined && record.type !== query.type) return undefined;
      return policy.allows('identity:get_credential', identity, credentialTarget(record))
        ? open(context, record)
        : undefined;
    },
  };
}

async function* scanCredentials(
  { tables, store }: AuthContext,
  userId: string | undefined,
  afterId: string | undefined,
): AsyncGenerator<CredentialRecord[], void, void> {
  if (userId === undefined) {
    const scan = tables.credentials.scanPages('', { afterId, pageEntries: LIST_PAGE_ENTRIES });
    for await (const page of scan) yield page.map(({ record }) => record);
    return;
  }
  const owned = (await ownedBy(store, tables.credentials, 'user', userId)).map(({ record }) => record);
  yield owned
    .filter(({ id }) => afterId === undefined || id > afterId)
    .sort((left, right) => (left.id < right.id ? -1 : 1));
}

/**
 * Changes a credential's blob, and nothing of what it is: whose, for which project, of which type, under which access key.
 * CVE-2020-12691, CVE-2026-90460.
 *
 * @throws ApiError 400 for what cannot change, 403, 404.
 */
export function updateCredential(
  context: AuthContext,
  identity: Identity,
  id: string,
  body: Partial<CredentialBody>,
): Promise<OpenCredential> {
  return withRetries(async () => {
    const { stored, record, blob } = await getCredential(context, identity, id, 'identity:update_credential');
    assertSame('type', body.type, record.type);
    assertSame('user_id', body.user_id, record.userId);
    assertSame('project_id', body.project_id, record.projectId);
    const nextBlob = body.blob ?? blob;
    if (record.type === 'ec2') {
      const pair = ec2PairOf(nextBlob);
      if (!pair) throw badRequest('The blob of an ec2 credential is JSON with access and secret.');
      assertSame('the access key', credentialIdOf(pair.access), record.id);
    }
    const next: CredentialRecord = {
      ...record,
      encryptedBlob: encrypt(context, nextBlob),
      extra: mergedExtra(record.extra, extraOf(credentialSchema, body)),
    };
    await commitAndRevoke(context, context.tables.credentials.replace(stored, next));
    return { record: next, blob: nextBlob };
  });
}

/** Removes it; tokens made from it end. @throws ApiError 403, 404. */
export function deleteCredential(context: AuthContext, identity: Identity, id: string): Promise<void> {
  return withRetries(async () => {
    const { stored } = await getCredential(context, identity, id, 'identity:delete_credential');
    await commitAndRevoke(context, context.tables.credentials.remove(stored));
  });
}

/** A user's EC2 credential by its access key. @throws ApiError 403, 404. */
export async function getEc2Credential(
  context: AuthContext,
  identity: Identity,
  userId: string,
  access: string,
  action = 'identity:ec2_get_credential',
): Promise<OpenCredential & { stored: Stored<CredentialRecord> }> {
  assertMayDelegate(identity, 'credentials');
  await authorizedOwner(context, identity, userId, action);
  const stored = await context.tables.credentials.get(credentialIdOf(access));
  if (stored?.record.userId !== userId || stored.record.type !== 'ec2') throw notFound('credential', access);
  return { stored, ...open(context, stored.record) };
}

/** @throws ApiError 403, 404. */
export async function listEc2Credentials(
  context: AuthContext,
  identity: Identity,
  userId: string,
): Promise<OpenCredential[]> {
  assertMayDelegate(identity, 'credentials');
  await authorizedOwner(context, identity, userId, 'identity:ec2_list_credentials');
  const owned = await ownedBy(context.store, context.tables.credentials, 'user', userId);
  return owned.filter(({ record }) => record.type === 'ec2').map(({ record }) => open(context, record));
}

/** @throws ApiError 403, 404. */
export function deleteEc2Credential(
  context: AuthContext,
  identity: Identity,
  userId: string,
  access: string,
): Promise<void> {
  return withRetries(async () => {
    const action = 'identity:ec2_delete_credential';
    const { stored } = await getEc2Credential(context, identity, userId, access, action);
    await commitAndRevoke(context, context.tables.credentials.remove(stored));
  });
}

export function open({ credentialKeys }: AuthContext, record: CredentialRecord): OpenCredential {
  const blob = decodeFernet(record.encryptedBlob, credentialKeys.keys.all);
  if (!blob) throw refused('The credential was encrypted with a key that is not here any longer.');
  return { record, blob: blob.toString('utf8') };
}

function encrypt({ credentialKeys, clock }: AuthContext, blob: string): string {
  return encodeFernet(Buffer.from(blob, 'utf8'), credentialKeys.keys.primary, { issuedAtS: clock.nowMs() / 1000 });
}
