import { type AuthContext, withRetries } from '../context.ts';
import { refused } from '../errors.ts';
import type { Identity } from '../guard/contract.ts';
import { extraOf } from '../parse.ts';
import { type DomainBody, domain as domainSchema } from '../schemas.ts';
import type { ProjectRecord } from '../store/records.ts';
import { assertMutable, authorizedRecord, domainTarget, mergedOptions } from './access.ts';
import { insertNamed, newId, replaceNamed } from './named.ts';
import { withProjectChanges } from './project-changes.ts';
import { removeWithReferences } from './removal.ts';

/** The domain that bootstrap makes. Spec: Keystone, `[identity] default_domain_id`. */
export const DEFAULT_DOMAIN_ID = 'default';

/** The domain of a new resource whose request names none. */
export function defaultDomainId({ scope }: Identity): string {
  return scope.kind === 'domain' ? scope.domain.id : DEFAULT_DOMAIN_ID;
}

/** The domain of an id, if the caller may do this with it. Throws as `authorizedRecord` does. */
export async function getDomain(context: AuthContext, identity: Identity, id: string, action = 'identity:get_domain') {
  const found = await context.tables.projects.get(id);
  const domain = found?.record.isDomain ? found : undefined;
  return authorizedRecord(context, identity, domain, { kind: 'domain', id, action, targetOf: domainTarget });
}

/** @throws ApiError 403, 409 for a name or id that is taken. */
export async function createDomain(context: AuthContext, identity: Identity, body: DomainBody): Promise<ProjectRecord> {
  context.policy.authorize('identity:create_domain', identity);
  const record: ProjectRecord = {
    id: body.explicit_domain_id ?? newId(),
    name: body.name,
    domainId: null,
    parentId: null,
    isDomain: true,
    enabled: body.enabled ?? true,
    description: body.description ?? '',
    tags: body.tags ?? [],
    options: mergedOptions({}, body.options),
    extra: extraOf(domainSchema, body),
    tokensNotBeforeMs: 0,
  };
  if (body.explicit_domain_id && (await context.tables.projects.get(record.id)))
    throw refused(`The id ${record.id} is taken.`);
  await insertNamed(context, context.tables.projects, 'domain', record);
  return record;
}

/** @throws ApiError 403, 404, 409 for a name that is taken. */
export function updateDomain(
  context: AuthContext,
  identity: Identity,
  id: string,
  body: Partial<DomainBody>,
): Promise<ProjectRecord> {
  return withRetries(async () => {
    const current = await getDomain(context, identity, id, 'identity:update_domain');
    assertMutable('domain', current.record, body.options);
    const next = withProjectChanges(context, current.record, body, extraOf(domainSchema, body));
    await replaceNamed(context, context.tables.projects, 'domain', current, next);
    return next;
  });
}

/** Removes a domain and all it contains. @throws ApiError 403 while it is enabled, 404. */
export async function deleteDomain(context: AuthContext, identity: Identity, id: string): Promise<void> {
  await withRetries(async () => {
    const current = await getDomain(context, identity, id, 'identity:delete_domain');
    assertMutable('domain', current.record);
    if (current.record.enabled) throw refused('Cannot delete a domain that is enabled, please disable it first.');
    await removeWithReferences(context, 'domain', { id, change: context.tables.projects.remove(current) });
  });
}
