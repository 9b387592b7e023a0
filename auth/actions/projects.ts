import { type AuthContext, withRetries } from '../context.ts';
import { badRequest, refused } from '../errors.ts';
import type { Identity } from '../guard/contract.ts';
import { MOST_PROJECT_DEPTH } from '../limits.ts';
import { extraOf } from '../parse.ts';
import { type ProjectBody, project as projectSchema } from '../schemas.ts';
import type { ProjectRecord } from '../store/records.ts';
import { assertMutable, assertSame, authorizedRecord, domainTarget, mergedOptions, projectTarget } from './access.ts';
import { createDomain, defaultDomainId, deleteDomain } from './domains.ts';
import { childAdded, noChildSince } from './guards.ts';
import { insertNamed, newId, replaceNamed } from './named.ts';
import { withProjectChanges } from './project-changes.ts';
import { removeWithReferences } from './removal.ts';

/** The project of an id, if the caller may do this with it. Throws as `authorizedRecord` does. */
export async function getProject(
  context: AuthContext,
  identity: Identity,
  id: string,
  action = 'identity:get_project',
) {
  const found = await context.tables.projects.get(id);
  return authorizedRecord(context, identity, found, { kind: 'project', id, action, targetOf: projectTarget });
}

/** @throws ApiError 400 for a parent that does not fit, 403, 409 for a name that is taken. */
export function createProject(context: AuthContext, identity: Identity, body: ProjectBody): Promise<ProjectRecord> {
  return withRetries(async () => {
    const { tables, policy } = context;
    if (body.is_domain) return createDomainAsProject(context, identity, body);
    const parentId = body.parent_id ?? body.domain_id ?? defaultDomainId(identity);
    const parent = await tables.projects.get(parentId);
    const domainId = parent && (parent.record.isDomain ? parent.record.id : parent.record.domainId);
    policy.authorize('identity:create_project', identity, { 'project.domain_id': domainId });
    if (!parent || !domainId) throw badRequest(`Could not find the parent or domain ${parentId}.`);
    if (body.domain_id && body.domain_id !== domainId)
      throw badRequest('The parent of a project must be in the same domain.');
    if (!parent.record.enabled) throw refused(`The parent ${parentId} is disabled.`);
    if ((await ancestorsOf(context, parent.record)).length + 1 > MOST_PROJECT_DEPTH)
      throw refused(`Projects may not nest deeper than ${MOST_PROJECT_DEPTH} levels.`);
    const record: ProjectRecord = {
      id: newId(),
      name: body.name,
      domainId,
      parentId,
      isDomain: false,
      enabled: body.enabled ?? true,
      description: body.description ?? '',
      tags: body.tags ?? [],
      options: mergedOptions({}, body.options),
      extra: extraOf(projectSchema, body),
      tokensNotBeforeMs: 0,
    };
    await insertNamed(
      context,
      tables.projects,
      'project',
      record,
      tables.projects.unchanged(parent),
      childAdded(parentId),
    );
    return record;
  });
}

/** @throws ApiError 400 for what cannot change, 403, 404, 409 for a name that is taken. */
export function updateProject(
  context: AuthContext,
  identity: Identity,
  id: string,
  body: Partial<ProjectBody>,
): Promise<ProjectRecord> {
  return withRetries(async () => {
    const current = await getProject(context, identity, id, 'identity:update_project');
    const { record } = current;
    if (record.isDomain) context.policy.authorize('identity:update_domain', identity, domainTarget(record));
    assertMutable('project', record, body.options);
    assertSame('parent_id', body.parent_id, record.parentId);
    assertSame('domain_id', body.domain_id, record.domainId);
    assertSame('is_domain', body.is_domain, record.isDomain);
    if (body.enabled === false) await assertNoEnabledChild(context, record);
    const next = withProjectChanges(context, record, body, extraOf(projectSchema, body));
    await replaceNamed(context, context.tables.projects, 'project', current, next);
    return next;
  });
}

/** A domain is a project that contains others: it can be made here too. */
function createDomainAsProject(context: AuthContext, identity: Identity, body: ProjectBody): Promise<ProjectRecord> {
  const { domain_id: domainId, parent_id: parentId, is_domain: _, ...domain } = body;
  if (domainId || parentId) throw badRequest('A domain lies in no other domain and below no project.');
  return createDomain(context, identity, domain);
}

export function setProjectTags(
  context: AuthContext,
  identity: Identity,
  id: string,
  decide: (tags: readonly string[]) => readonly string[],
): Promise<ProjectRecord> {
  return withRetries(async () => {
    const current = await getProject(context, identity, id, 'identity:update_project');
    const next = { ...current.record, tags: decide(current.record.tags) };
    await replaceNamed(context, context.tables.projects, 'project', current, next);
    return next;
  });
}

/** @throws ApiError 403 where it has children or is immutable, 404. */
export async function deleteProject(context: AuthContext, identity: Identity, id: string): Promise<void> {
  await withRetries(async () => {
    const { tables, store } = context;
    const current = await getProject(context, identity, id, 'identity:delete_project');
    if (current.record.isDomain) return deleteDomain(context, identity, id);
    assertMutable('project', current.record);
    const childless = await noChildSince(store, id);
    if ((await childrenOf(context, id)).length > 0)
      throw refused(`Cannot delete the project ${id} since it is not a leaf in the hierarchy.`);
    const removal = tables.projects.remove(current);
    removal.conditions.push(...childless.conditions);
    await removeWithReferences(context, 'project', { id, change: removal });
  });
}

function childrenOf({ tables }: AuthContext, parentId: string): Promise<ProjectRecord[]> {
  return tables.projects.list((project) => project.parentId === parentId);
}

/** The project itself, its parent, and so on up to below the domain. */
export async function ancestorsOf({ tables }: AuthContext, project: ProjectRecord): Promise<ProjectRecord[]> {
  const path: ProjectRecord[] = [];
  for (let current: ProjectRecord | undefined = project; current && !current.isDomain; ) {
    path.push(current);
    current = current.parentId === null ? undefined : (await tables.projects.get(current.parentId))?.record;
  }
  return path;
}

async function assertNoEnabledChild(context: AuthContext, { id }: ProjectRecord): Promise<void> {
  if ((await childrenOf(context, id)).some(({ enabled }) => enabled))
    throw refused(`Cannot disable the project ${id}: a project below it is enabled.`);
}
