import { commitChanges } from '../../common/kv/table.ts';
import { type AuthContext, commitAndRevoke, withRetries } from '../context.ts';
import { badRequest, notFound, refused } from '../errors.ts';
import type { Identity } from '../guard/contract.ts';
import { extraOf, mergedExtra } from '../parse.ts';
import { type RoleBody, role as roleSchema } from '../schemas.ts';
import type { RoleRecord } from '../store/records.ts';
import { assertMutable, assertSame, authorizedRecord, mergedOptions, roleTarget } from './access.ts';
import { insertNamed, newId, replaceNamed } from './named.ts';
import { removeWithReferences } from './removal.ts';

/** The role of an id, if the caller may do this with it. Throws as `authorizedRecord` does. */
export async function getRole(context: AuthContext, identity: Identity, id: string, action = 'identity:get_role') {
  const found = await context.tables.roles.get(id);
  return authorizedRecord(context, identity, found, { kind: 'role', id, action, targetOf: roleTarget });
}

/** @throws ApiError 400 for a domain that does not exist, 403, 409 for a name that is taken. */
export function createRole(context: AuthContext, identity: Identity, body: RoleBody): Promise<RoleRecord> {
  return withRetries(async () => {
    const { tables, policy } = context;
    policy.authorize('identity:create_role', identity);
    const domainId = body.domain_id ?? null;
    const domain = domainId === null ? undefined : await tables.projects.get(domainId);
    if (domainId !== null && !domain?.record.isDomain) throw badRequest(`Could not find domain: ${domainId}.`);
    const record: RoleRecord = {
      id: newId(),
      name: body.name,
      domainId,
      description: body.description ?? null,
      options: mergedOptions({}, body.options),
      extra: extraOf(roleSchema, body),
    };
    await insertNamed(context, tables.roles, 'role', record, ...(domain ? [tables.projects.unchanged(domain)] : []));
    return record;
  });
}

/** @throws ApiError 400 for what cannot change, 403, 404, 409 for a name that is taken. */
export function updateRole(
  context: AuthContext,
  identity: Identity,
  id: string,
  body: Partial<RoleBody>,
): Promise<RoleRecord> {
  return withRetries(async () => {
    const current = await getRole(context, identity, id, 'identity:update_role');
    const { record } = current;
    assertMutable('role', record, body.options);
    assertSame('domain_id', body.domain_id, record.domainId);
    const next: RoleRecord = {
      ...record,
      name: body.name ?? record.name,
      description: body.description === undefined ? record.description : body.description,
      options: mergedOptions(record.options, body.options),
      extra: mergedExtra(record.extra, extraOf(roleSchema, body)),
    };
    await replaceNamed(context, context.tables.roles, 'role', current, next);
    return next;
  });
}

/** @throws ApiError 403 where it is immutable, 404. */
export async function deleteRole(context: AuthContext, identity: Identity, id: string): Promise<void> {
  await withRetries(async () => {
    const current = await getRole(context, identity, id, 'identity:delete_role');
    assertMutable('role', current.record);
    await removeWithReferences(context, 'role', { id, change: context.tables.roles.remove(current) });
  });
}

/** Both roles of an implication. @throws ApiError 403, 404. */
export async function rolePair(
  context: AuthContext,
  identity: Identity,
  action: string,
  ids: { prior: string; implied: string },
) {
  const { tables, policy } = context;
  policy.authorize(action, identity);
  const [prior, implied] = await Promise.all([tables.roles.get(ids.prior), tables.roles.get(ids.implied)]);
  if (!prior) throw notFound('role', ids.prior);
  if (!implied) throw notFound('role', ids.implied);
  return { prior, implied };
}

/** Who holds `prior` holds `implied` too; saying so twice changes nothing. @throws ApiError 403, 404. */
export function implyRole(
  context: AuthContext,
  identity: Identity,
  ids: { prior: string; implied: string },
): Promise<void> {
  return withRetries(async () => {
    const { tables, store, epoch } = context;
    const { prior, implied } = await rolePair(context, identity, 'identity:create_implied_role', ids);
    if (implied.record.domainId === null && implied.record.name === 'admin') throw refused('No role implies admin.');
    if (prior.record.domainId === null && implied.record.domainId !== null)
      throw refused('A role of the cloud cannot imply the role of a domain.');
    const record = { id: `${ids.prior}/${ids.implied}`, priorId: ids.prior, impliedId: ids.implied };
    if (await tables.impliedRoles.get(record.id)) return;
    await commitChanges(
      store,
      tables.impliedRoles.insert(record),
      ...[...new Set([prior, implied])].map((role) => tables.roles.unchanged(role)),
    );
    epoch.bump();
  });
}

/** @throws ApiError 403, 404. */
export function unimplyRole(
  context: AuthContext,
  identity: Identity,
  ids: { prior: string; implied: string },
): Promise<void> {
  return withRetries(async () => {
    await rolePair(context, identity, 'identity:delete_implied_role', ids);
    const stored = await context.tables.impliedRoles.get(`${ids.prior}/${ids.implied}`);
    if (!stored) throw notFound('implied role', `${ids.prior} implies ${ids.implied}`);
    await commitAndRevoke(context, context.tables.impliedRoles.remove(stored));
  });
}
