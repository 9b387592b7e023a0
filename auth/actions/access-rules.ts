import { type AuthContext, commitAndRevoke, withRetries } from '../context.ts';
import { notFound, refused } from '../errors.ts';
import type { Identity } from '../guard/contract.ts';
import { assertMayDelegate } from '../guard/delegation.ts';
import { ownedBy } from '../store/owned.ts';
import type { AccessRuleRecord } from '../store/records.ts';
import { authorizedOwner } from './application-credentials.ts';

/** @throws ApiError 403, 404. */
export async function listAccessRules(
  context: AuthContext,
  identity: Identity,
  userId: string,
): Promise<AccessRuleRecord[]> {
  await authorizedOwner(context, identity, userId, 'identity:list_access_rules');
  return (await ownedBy(context.store, context.tables.accessRules, 'user', userId)).map(({ record }) => record);
}

/** @throws ApiError 403, 404. */
export async function getAccessRule(
  context: AuthContext,
  identity: Identity,
  userId: string,
  id: string,
): Promise<AccessRuleRecord> {
  await authorizedOwner(context, identity, userId, 'identity:get_access_rule');
  return (await ownRule(context, userId, id)).record;
}

/** @throws ApiError 403, also while an application credential uses it; 404. */
export async function deleteAccessRule(
  context: AuthContext,
  identity: Identity,
  userId: string,
  id: string,
): Promise<void> {
  await authorizedOwner(context, identity, userId, 'identity:delete_access_rule');
  assertMayDelegate(identity, 'access rules');
  await withRetries(async () => {
    const { tables, store } = context;
    const rule = await ownRule(context, userId, id);
    const users = await ownedBy(store, tables.applicationCredentials, 'user', userId);
    if (users.some(({ record }) => record.accessRuleIds?.includes(id)))
      throw refused(`The access rule ${id} is in use by an application credential.`);
    // A credential that is made meanwhile demands that the rule is unchanged: one of the two fails.
    await commitAndRevoke(context, tables.accessRules.remove(rule));
  });
}

async function ownRule({ tables }: AuthContext, userId: string, id: string) {
  const found = await tables.accessRules.get(id);
  if (found?.record.userId !== userId) throw notFound('access rule', id);
  return found;
}
