import { commitChanges } from '../../common/kv/table.ts';
import { type AuthContext, commitAndRevoke, withRetries } from '../context.ts';
import { badRequest, notFound } from '../errors.ts';
import type { Identity } from '../guard/contract.ts';
import type { EndpointGroupBody } from '../schemas-catalog.ts';
import type { EndpointAssociationRecord, EndpointGroupRecord } from '../store/catalog-filter-records.ts';
import { ownedBy } from '../store/owned.ts';
import type { EndpointRecord, ProjectRecord } from '../store/records.ts';
import { allEndpoints, allServices } from './catalog-entries.ts';
import { newId } from './named.ts';

type Kind = EndpointAssociationRecord['kind'];

/** A project and what of the catalog it is to see. */
export interface Association {
  projectId: string;
  kind: Kind;
  memberId: string;
}

/** @throws ApiError 400 for an unknown service or region, 403. */
export async function createEndpointGroup(
  context: AuthContext,
  identity: Identity,
  body: EndpointGroupBody,
): Promise<EndpointGroupRecord> {
  const { tables, store, policy } = context;
  policy.authorize('identity:create_endpoint_group', identity);
  await assertFilters(context, body.filters);
  const record = { id: newId(), name: body.name, description: body.description ?? null, filters: body.filters };
  await commitChanges(store, tables.endpointGroups.insert(record));
  return record;
}

/** @throws ApiError 403, 404. */
export async function getEndpointGroup(
  { tables, policy }: AuthContext,
  identity: Identity,
  id: string,
  action = 'identity:get_endpoint_group',
) {
  policy.authorize(action, identity);
  const found = await tables.endpointGroups.get(id);
  if (!found) throw notFound('endpoint group', id);
  return found;
}

/** @throws ApiError 400, 403, 404. */
export function updateEndpointGroup(
  context: AuthContext,
  identity: Identity,
  id: string,
  body: Partial<EndpointGroupBody>,
): Promise<EndpointGroupRecord> {
  return withRetries(async () => {
    const current = await getEndpointGroup(context, identity, id, 'identity:update_endpoint_group');
    if (body.filters) await assertFilters(context, body.filters);
    const next: EndpointGroupRecord = {
      ...current.record,
      name: body.name ?? current.record.name,
      description: body.description === undefined ? current.record.description : body.description,
      filters: body.filters ?? current.record.filters,
    };
    await commitAndRevoke(context, context.tables.endpointGroups.replace(current, next));
    return next;
  });
}

/** @throws ApiError 403, 404. */
export function deleteEndpointGroup(context: AuthContext, identity: Identity, id: string): Promise<void> {
  return withRetries(async () => {
    const { tables, store } = context;
    const current = await getEndpointGroup(context, identity, id, 'identity:delete_endpoint_group');
    // Associations first: one whose group is gone shows nothing, but should not lie about.
    for (const stored of await ownedBy(store, tables.endpointAssociations, 'member', `group/${id}`))
      await commitAndRevoke(context, tables.endpointAssociations.remove(stored));
    await commitAndRevoke(context, tables.endpointGroups.remove(current));
  });
}

/** Doing it twice changes nothing. @throws ApiError 403, 404. */
export function associate(context: AuthContext, identity: Identity, association: Association): Promise<void> {
  return withRetries(async () => {
    const { tables } = context;
    const { projectId, kind, memberId } = association;
    context.policy.authorize(ACTIONS[kind].add, identity);
    const { project } = await partsOf(context, association);
    const id = `${projectId}/${kind}/${memberId}`;
    if (await tables.endpointAssociations.get(id)) return;
    await commitAndRevoke(
      context,
      tables.endpointAssociations.insert({ id, projectId, kind, memberId }),
      tables.projects.unchanged(project),
    );
  });
}

/** @throws ApiError 403, 404. */
export async function checkAssociation(context: AuthContext, identity: Identity, association: Association) {
  context.policy.authorize(ACTIONS[association.kind].check, identity);
  return storedAssociation(context, association);
}

/** @throws ApiError 403, 404. */
export function dissociate(context: AuthContext, identity: Identity, association: Association): Promise<void> {
  return withRetries(async () => {
    context.policy.authorize(ACTIONS[association.kind].remove, identity);
    const stored = await storedAssociation(context, association);
    await commitAndRevoke(context, context.tables.endpointAssociations.remove(stored));
  });
}

const ACTIONS: Readonly<Record<Kind, { add: string; check: string; remove: string }>> = {
  endpoint: {
    add: 'identity:add_endpoint_to_project',
    check: 'identity:check_endpoint_in_project',
    remove: 'identity:remove_endpoint_from_project',
  },
  group: {
    add: 'identity:add_endpoint_group_to_project',
    check: 'identity:get_endpoint_group_in_project',
    remove: 'identity:remove_endpoint_group_from_project',
  },
};

async function storedAssociation(context: AuthContext, association: Association) {
  await partsOf(context, association);
  const { projectId, kind, memberId } = association;
  const stored = await context.tables.endpointAssociations.get(`${projectId}/${kind}/${memberId}`);
  if (!stored) throw notFound('endpoint association', `${kind} ${memberId} in project ${projectId}`);
  return stored;
}

async function partsOf(context: AuthContext, { projectId, kind, memberId }: Association) {
  const { tables } = context;
  const project = await tables.projects.get(projectId);
  if (!project) throw notFound('project', projectId);
  const isThere =
    kind === 'group'
      ? (await tables.endpointGroups.get(memberId)) !== undefined
      : (await allEndpoints(context)).some(({ id }) => id === memberId);
  if (!isThere) throw notFound(kind === 'group' ? 'endpoint group' : 'endpoint', memberId);
  return { project };
}

/** Groups that a project has been given. */
export async function endpointGroupsOf({ tables }: AuthContext, projectId: string): Promise<EndpointGroupRecord[]> {
  const given = await tables.endpointAssociations.list(({ kind }) => kind === 'group', `${projectId}/`);
  const groups = await Promise.all(given.map(({ memberId }) => tables.endpointGroups.get(memberId)));
  return groups.flatMap((group) => (group ? [group.record] : []));
}

/** Projects that have been given an endpoint or a group. */
export async function projectsWith(
  { tables, store }: AuthContext,
  kind: Kind,
  memberId: string,
): Promise<ProjectRecord[]> {
  const given = await ownedBy(store, tables.endpointAssociations, 'member', `${kind}/${memberId}`);
  const projects = await Promise.all(given.map(({ record }) => tables.projects.get(record.projectId)));
  return projects.flatMap((project) => (project ? [project.record] : []));
}

/** The endpoints that a project has been given, by themselves or in groups; undefined for a project that has none: it sees all. */
export async function filteredEndpoints(
  context: AuthContext,
  projectId: string,
  endpoints: readonly EndpointRecord[],
): Promise<EndpointRecord[] | undefined> {
  const given = await context.tables.endpointAssociations.list(undefined, `${projectId}/`);
  if (given.length === 0) return undefined;
  const ids = new Set(given.filter(({ kind }) => kind === 'endpoint').map(({ memberId }) => memberId));
  const groups = await endpointGroupsOf(context, projectId);
  return endpoints.filter((endpoint) => ids.has(endpoint.id) || groups.some((group) => isIn(group, endpoint)));
}

export function isIn({ filters }: EndpointGroupRecord, endpoint: EndpointRecord): boolean {
  const values: Record<string, unknown> = {
    service_id: endpoint.serviceId,
    region_id: endpoint.regionId,
    interface: endpoint.interface,
    enabled: endpoint.enabled,
  };
  return Object.entries(filters).every(([name, wanted]) => values[name] === wanted);
}

async function assertFilters(context: AuthContext, filters: EndpointGroupBody['filters']): Promise<void> {
  const { service_id: serviceId, region_id: regionId } = filters;
  if (serviceId !== undefined && !(await allServices(context)).some(({ id }) => id === serviceId))
    throw badRequest(`Could not find service: ${serviceId}.`);
  if (regionId !== undefined && !(await context.tables.regions.get(regionId)))
    throw badRequest(`Could not find region: ${regionId}.`);
}
