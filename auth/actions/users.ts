import { type AuthContext, withRetries } from '../context.ts';
import { badRequest, notFound, refused } from '../errors.ts';
import type { Identity } from '../guard/contract.ts';
import { extraOf, mergedExtra } from '../parse.ts';
import { type UserBody, user as userSchema } from '../schemas.ts';
import type { UserRecord } from '../store/records.ts';
import { dayOf } from '../times.ts';
import { assertSame, authorizedRecord, mergedOptions, userTarget } from './access.ts';
import { authenticateByPassword } from './authenticate.ts';
import { defaultDomainId } from './domains.ts';
import { factorsSuffice } from './factor-rules.ts';
import { forgetFailures } from './login-failures.ts';
import { insertNamed, newId, replaceNamed } from './named.ts';
import { removeWithReferences } from './removal.ts';

/** The user of an id, if the caller may do this with it. Throws as `authorizedRecord` does. */
export async function getUser(context: AuthContext, identity: Identity, id: string, action = 'identity:get_user') {
  const found = await context.tables.users.get(id);
  return authorizedRecord(context, identity, found, { kind: 'user', id, action, targetOf: userTarget });
}

/** @throws ApiError 404 for a domain that does not exist, 403, 409 for a name that is taken. */
export function createUser(context: AuthContext, identity: Identity, body: UserBody): Promise<UserRecord> {
  return withRetries(async () => {
    const { tables, policy } = context;
    const domainId = body.domain_id ?? defaultDomainId(identity);
    const domain = await tables.projects.get(domainId);
    const isDomain = domain?.record.isDomain;
    policy.authorize('identity:create_user', identity, isDomain ? { 'user.domain_id': domainId } : {});
    if (!domain || !isDomain) throw notFound('domain', domainId);
    await assertUsableDefault(context, body.default_project_id);
    const options = mergedOptions({}, body.options);
    const record: UserRecord = {
      id: newId(),
      name: body.name,
      domainId,
      enabled: body.enabled ?? true,
      description: body.description ?? null,
      defaultProjectId: body.default_project_id ?? null,
      ...(await newPassword(context, { passwordHash: null, options }, body.password ?? null)),
      options,
      extra: extraOf(userSchema, body),
      tokensNotBeforeMs: 0,
      activeDay: dayOf(context.clock.nowMs()),
    };
    await insertNamed(context, tables.users, 'user', record, tables.projects.unchanged(domain));
    return record;
  });
}

/**
 * Changes a user; a new password or `enabled: false` ends all tokens of the user.
 *
 * @throws ApiError 400 for what cannot change, 403, 404, 409 for a name that is taken.
 */
export function updateUser(
  context: AuthContext,
  identity: Identity,
  id: string,
  body: Partial<UserBody>,
): Promise<UserRecord> {
  return withRetries(async () => {
    const current = await getUser(context, identity, id, 'identity:update_user');
    const { record } = current;
    assertSame('domain_id', body.domain_id, record.domainId);
    if (body.default_project_id !== record.defaultProjectId)
      await assertUsableDefault(context, body.default_project_id);
    const enabled = body.enabled ?? record.enabled;
    const options = mergedOptions(record.options, body.options);
    const next: UserRecord = {
      ...record,
      name: body.name ?? record.name,
      enabled,
      description: body.description === undefined ? record.description : body.description,
      defaultProjectId: body.default_project_id === undefined ? record.defaultProjectId : body.default_project_id,
      options,
      extra: mergedExtra(record.extra, extraOf(userSchema, body)),
      ...(body.password === undefined ? {} : await newPassword(context, { ...record, options }, body.password)),
      ...(body.enabled === true ? { activeDay: dayOf(context.clock.nowMs()) } : {}),
    };
    if (!enabled) next.tokensNotBeforeMs = Math.floor(context.clock.nowMs());
    await replaceNamed(context, context.tables.users, 'user', current, next);
    return next;
  });
}

/**
 * Users change their own password by knowing the old one; it ends their tokens. No token is needed, so that one whose password
 * has expired can do it.
 *
 * @returns false when the old password is wrong or there is no such enabled user: which of them is not told.
 * @throws ApiError 403 where an administrator has locked the password, 400 for a new one that the rules refuse.
 */
export async function changeOwnPassword(
  context: AuthContext,
  id: string,
  { original, password }: { original: string; password: string },
): Promise<boolean> {
  const user = await authenticateByPassword(context, { id }, original);
  if (!user) return false;
  if (factorsSuffice(user, ['password'])) await forgetFailures(context, user);
  if (user.options['lock_password'] === true) throw refused('The password of this user is locked.');
  if (original === password) throw badRequest('The new password must differ from the old one.');
  context.passwordRules.assertOldEnough(user, context.clock.nowMs());
  await context.passwordRules.assertNew(user, password);
  const changes = await newPassword(context, user, password, { isOwn: true });
  return withRetries(async () => {
    const current = await context.tables.users.get(id);
    // Changed by somebody else while this one was checked and hashed: the old password that was proved is no proof any longer.
    if (!current?.record.enabled || current.record.passwordChangedMs !== user.passwordChangedMs) return false;
    await replaceNamed(context, context.tables.users, 'user', current, { ...current.record, ...changes });
    return true;
  });
}

/** @throws ApiError 403, 404. */
export async function deleteUser(context: AuthContext, identity: Identity, id: string): Promise<void> {
  await withRetries(async () => {
    const current = await getUser(context, identity, id, 'identity:delete_user');
    await removeWithReferences(context, 'user', { id, change: context.tables.users.remove(current) });
  });
}

/** The fields of a new password. @throws ApiError 400 for one that the rules refuse. */
async function newPassword(
  { passwordRules, passwords, clock }: AuthContext,
  user: Pick<UserRecord, 'passwordHash' | 'passwordHistory' | 'options'>,
  password: string | null,
  { isOwn = false } = {},
) {
  if (password !== null) passwordRules.assertStrong(password);
  const changes = await passwordRules.changesOf(user, { password, isOwn }, passwords);
  // Read after the hash was made: what was logged in with the old password meanwhile ends with it.
  const now = Math.floor(clock.nowMs());
  return { ...changes, passwordChangedMs: password === null ? null : now, tokensNotBeforeMs: now };
}

async function assertUsableDefault({ tables }: AuthContext, projectId: string | null | undefined): Promise<void> {
  if (projectId === null || projectId === undefined) return;
  if ((await tables.projects.get(projectId))?.record.isDomain)
    throw badRequest("A user's default project cannot be a domain.");
}
