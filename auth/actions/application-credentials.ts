import { type Change, ConflictError, commitChanges } from '../../common/kv/table.ts';
import { type AuthContext, commitAndRevoke, withRetries } from '../context.ts';
import { badRequest, conflict, notFound, refused } from '../errors.ts';
import type { Identity } from '../guard/contract.ts';
import { assertMayDelegate } from '../guard/delegation.ts';
import { projectIdOf } from '../guard/scope.ts';
import { MOST_OWNED_RECORDS } from '../limits.ts';
import { hashApplicationSecret, newApplicationSecret } from '../passwords/application-secret.ts';
import type { AccessRuleBody, ApplicationCredentialBody } from '../schemas.ts';
import { ownedBy } from '../store/owned.ts';
import type { AccessRuleRecord, ApplicationCredentialRecord } from '../store/records.ts';
import { parseExpiry } from '../times.ts';
import { userTarget } from './access.ts';
import { delegableRoles } from './delegable-roles.ts';
import { sourceOf } from './delegation.ts';
import { newId } from './named.ts';

/** A user's application credential, and the access rules it names. */
export interface ShownCredential {
  record: ApplicationCredentialRecord;
  /** Undefined where it has none: every request is allowed. */
  accessRules: AccessRuleRecord[] | undefined;
}

/**
 * Makes an application credential of the caller for the project of the caller's token.
 *
 * @returns it with its secret, which is shown this once.
 * @throws ApiError 400 for roles that the token does not carry, 403 for a token that was delegated, 409 for a name that is taken.
 */
export async function createApplicationCredential(
  context: AuthContext,
  identity: Identity,
  userId: string,
  body: ApplicationCredentialBody,
): Promise<ShownCredential & { secret: string }> {
  await authorizedOwner(context, identity, userId, 'identity:create_application_credential');
  assertMayDelegate(identity, 'application credentials');
  const projectId = projectIdOf(identity);
  const roleIds = delegableRoles(identity, body.roles);
  if (!roleIds || roleIds.length === 0)
    throw badRequest('Invalid application credential: it needs roles that your token carries on the project.');
  const secret = body.secret ?? newApplicationSecret();
  const origin = typeof body.secret === 'string' ? 'chosen' : 'made';
  const record: Omit<ApplicationCredentialRecord, 'accessRuleIds'> = {
    id: newId(),
    name: body.name,
    userId,
    projectId,
    description: body.description ?? null,
    secretHash: await hashApplicationSecret(secret, origin, context.passwords),
    roleIds,
    expiresAtMs: parseExpiry(body.expires_at, context.clock.nowMs()),
    unrestricted: body.unrestricted ?? false,
    source: await sourceOf(context, identity),
  };
  const { record: stored, rules } = await withRetries(() => insert(context, record, body.access_rules));
  return { record: stored, accessRules: rules, secret };
}

async function insert(
  context: AuthContext,
  parts: Omit<ApplicationCredentialRecord, 'accessRuleIds'>,
  ruleBodies: readonly AccessRuleBody[] | undefined,
) {
  const { tables, store } = context;
  const { userId, projectId, name } = parts;
  const [user, project] = await Promise.all([tables.users.get(userId), tables.projects.get(projectId)]);
  if (!user) throw notFound('user', userId);
  if (!project) throw notFound('project', projectId);
  if ((await ownedBy(store, tables.applicationCredentials, 'user', userId)).length >= MOST_OWNED_RECORDS)
    throw refused(`A user has at most ${MOST_OWNED_RECORDS} application credentials.`);
  const { rules, changes } = ruleBodies
    ? await accessRulesOf(context, userId, ruleBodies)
    : { rules: undefined, changes: [] };
  const record: ApplicationCredentialRecord = { ...parts, accessRuleIds: rules ? rules.map(({ id }) => id) : null };
  try {
    await commitChanges(
      store,
      tables.applicationCredentials.insert(record),
      tables.users.unchanged(user),
      tables.projects.unchanged(project),
      ...changes,
    );
  } catch (error) {
    const taken = tables.applicationCredentials.uniqueKeyOf('name', `${userId}/${name}`);
    if (error instanceof ConflictError && error.key === taken)
      throw conflict('application credential', `Duplicate entry found with name ${name} for the user`);
    throw error;
  }
  return { record, rules };
}

/** The user's rules of this content; those that are new are made with the credential, those of old must still be there. */
async function accessRulesOf({ tables }: AuthContext, userId: string, bodies: readonly AccessRuleBody[]) {
  const rules: AccessRuleRecord[] = [];
  const changes: Change[] = [];
  for (const body of bodies) {
    if ('id' in body) {
      const found = await tables.accessRules.get(body.id);
      if (found?.record.userId !== userId) throw badRequest(`Could not find access rule: ${body.id.slice(0, 64)}.`);
      if (rules.some(({ id }) => id === body.id)) continue;
      rules.push(found.record);
      changes.push(tables.accessRules.unchanged(found));
      continue;
    }
    const { service, method, path } = body;
    if (rules.some((rule) => rule.service === service && rule.method === method && rule.path === path)) continue;
    const known = await tables.accessRules.findBy('content', `${userId}/${service}/${method}/${path}`);
    const rule = known?.record ?? { id: newId(), userId, service, method, path };
    rules.push(rule);
    changes.push(known ? tables.accessRules.unchanged(known) : tables.accessRules.insert(rule));
  }
  return { rules, changes };
}

/** @throws ApiError 403, 404. */
export async function getApplicationCredential(
  context: AuthContext,
  identity: Identity,
  userId: string,
  id: string,
): Promise<ShownCredential> {
  await authorizedOwner(context, identity, userId, 'identity:get_application_credential');
  const { record } = await ownCredential(context, userId, id);
  return withRules(context, record);
}

/** @throws ApiError 403, 404. */
export async function listApplicationCredentials(
  context: AuthContext,
  identity: Identity,
  userId: string,
): Promise<ShownCredential[]> {
  await authorizedOwner(context, identity, userId, 'identity:list_application_credentials');
  const owned = await ownedBy(context.store, context.tables.applicationCredentials, 'user', userId);
  return Promise.all(owned.map(({ record }) => withRules(context, record)));
}

/** Removes it; tokens made from it end. @throws ApiError 403, also for a token that was delegated; 404. */
export async function deleteApplicationCredential(
  context: AuthContext,
  identity: Identity,
  userId: string,
  id: string,
): Promise<void> {
  await authorizedOwner(context, identity, userId, 'identity:delete_application_credential');
  assertMayDelegate(identity, 'application credentials');
  await withRetries(async () => {
    await commitAndRevoke(
      context,
      context.tables.applicationCredentials.remove(await ownCredential(context, userId, id)),
    );
  });
}

/** The application credentials that end when a user loses a role on a project. Spec: Identity API v3, "Application Credentials". */
export async function removeCredentialsOn(context: AuthContext, userId: string, projectId: string): Promise<void> {
  const { tables, store } = context;
  for (const stored of await ownedBy(store, tables.applicationCredentials, 'user', userId))
    if (stored.record.projectId === projectId)
      await commitAndRevoke(context, tables.applicationCredentials.remove(stored));
}

async function ownCredential({ tables }: AuthContext, userId: string, id: string) {
  const found = await tables.applicationCredentials.get(id);
  if (found?.record.userId !== userId) throw notFound('application credential', id);
  return found;
}

async function withRules({ tables }: AuthContext, record: ApplicationCredentialRecord): Promise<ShownCredential> {
  if (record.accessRuleIds === null) return { record, accessRules: undefined };
  const rules = await Promise.all(record.accessRuleIds.map((id) => tables.accessRules.get(id)));
  return { record, accessRules: rules.flatMap((rule) => (rule ? [rule.record] : [])) };
}

/** The user whose things these are, if the caller may. @throws ApiError 403, 404. */
export async function authorizedOwner(context: AuthContext, identity: Identity, userId: string, action: string) {
  const user = await context.tables.users.get(userId);
  context.policy.authorize(action, identity, user ? userTarget(user.record) : {});
  if (!user) throw notFound('user', userId);
  return user;
}
