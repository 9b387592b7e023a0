import { type Change, ConflictError, commitChanges, type Stored } from '../../common/kv/table.ts';
import { type AuthContext, withRetries } from '../context.ts';
import { badRequest, conflict, notFound, refused } from '../errors.ts';
import type { Identity, PolicyTarget } from '../guard/contract.ts';
import type { LimitBody, LimitUpdate, RegisteredLimitBody, RegisteredLimitUpdate } from '../schemas-catalog.ts';
import type { LimitRecord, RegisteredLimitRecord } from '../store/limit-records.ts';
import { ownedBy } from '../store/owned.ts';
import { allServices } from './catalog-entries.ts';
import { newId } from './named.ts';

/** Makes all of them or none. @throws ApiError 400 for an unknown service or region, 403, 409 for a resource that has one. */
export async function createRegisteredLimits(
  context: AuthContext,
  identity: Identity,
  bodies: readonly RegisteredLimitBody[],
): Promise<RegisteredLimitRecord[]> {
  const { tables, store, policy } = context;
  policy.authorize('identity:create_registered_limits', identity);
  const services = new Set((await allServices(context)).map(({ id }) => id));
  const records: RegisteredLimitRecord[] = [];
  for (const body of bodies) {
    const record: RegisteredLimitRecord = {
      id: newId(),
      serviceId: body.service_id,
      regionId: body.region_id ?? null,
      resourceName: body.resource_name,
      defaultLimit: body.default_limit,
      description: body.description ?? null,
    };
    await assertPlace(context, services, record);
    records.push(record);
  }
  assertDistinct(
    'registered limit',
    records.map(({ serviceId, regionId, resourceName }) => `${serviceId}/${regionId}/${resourceName}`),
  );
  await unlessTaken('registered limit', () =>
    commitChanges(store, ...records.map((record) => tables.registeredLimits.insert(record))),
  );
  return records;
}

/** @throws ApiError 400, 403 while projects or domains have limits of their own, 404, 409. */
export function updateRegisteredLimit(
  context: AuthContext,
  identity: Identity,
  id: string,
  body: RegisteredLimitUpdate,
): Promise<RegisteredLimitRecord> {
  return withRetries(async () => {
    const { tables, store, policy } = context;
    policy.authorize('identity:update_registered_limit', identity);
    const current = await getRegisteredLimit(context, id);
    const next: RegisteredLimitRecord = {
      ...current.record,
      serviceId: body.service_id ?? current.record.serviceId,
      regionId: body.region_id === undefined ? current.record.regionId : body.region_id,
      resourceName: body.resource_name ?? current.record.resourceName,
      defaultLimit: body.default_limit ?? current.record.defaultLimit,
      description: body.description === undefined ? current.record.description : body.description,
    };
    const { serviceId, regionId, resourceName } = current.record;
    const moves = next.serviceId !== serviceId || next.regionId !== regionId || next.resourceName !== resourceName;
    if (moves) {
      await assertPlace(context, new Set((await allServices(context)).map((each) => each.id)), next);
      await assertUnused(context, id);
    }
    await unlessTaken('registered limit', () => commitChanges(store, tables.registeredLimits.replace(current, next)));
    return next;
  });
}

/** @throws ApiError 403 while projects or domains have limits of their own, 404. */
export function deleteRegisteredLimit(context: AuthContext, identity: Identity, id: string): Promise<void> {
  return withRetries(async () => {
    const { tables, store, policy } = context;
    policy.authorize('identity:delete_registered_limit', identity);
    const current = await getRegisteredLimit(context, id);
    await assertUnused(context, id);
    await commitChanges(store, tables.registeredLimits.remove(current));
  });
}

/** @throws ApiError 404. */
export async function getRegisteredLimit({ tables }: AuthContext, id: string): Promise<Stored<RegisteredLimitRecord>> {
  const found = await tables.registeredLimits.get(id);
  if (!found) throw notFound('registered limit', id);
  return found;
}

/** A limit with the registered one it stands for. */
export interface ShownLimit {
  record: LimitRecord;
  registered: RegisteredLimitRecord;
}

/** Makes all of them or none. @throws ApiError 400 for a resource without a registered limit, 403, 404, 409. */
export async function createLimits(
  context: AuthContext,
  identity: Identity,
  bodies: readonly LimitBody[],
): Promise<ShownLimit[]> {
  const { tables, store, policy } = context;
  policy.authorize('identity:create_limits', identity);
  const made: ShownLimit[] = [];
  const held = new Map<string, Change>();
  for (const body of bodies) {
    const { project_id: projectId = null, domain_id: domainId = null } = body;
    if ((projectId === null) === (domainId === null)) throw badRequest('A limit is of one project or of one domain.');
    const owner = await tables.projects.get(projectId ?? domainId ?? '');
    if (!owner || (domainId !== null && !owner.record.isDomain))
      throw notFound(projectId === null ? 'domain' : 'project', projectId ?? domainId ?? '');
    const text = `${body.service_id}/${body.region_id ?? ''}/${body.resource_name}`;
    const registered = await tables.registeredLimits.findBy('resource', text);
    if (!registered) throw refused(`No registered limit of ${body.resource_name} in that service and region.`);
    const record: LimitRecord = {
      id: newId(),
      registeredLimitId: registered.record.id,
      projectId,
      domainId,
      resourceLimit: body.resource_limit,
      description: body.description ?? null,
    };
    made.push({ record, registered: registered.record });
    held.set(owner.record.id, tables.projects.unchanged(owner));
    // Replaced by itself: who deletes it meanwhile finds it changed.
    held.set(registered.record.id, tables.registeredLimits.replace(registered, registered.record));
  }
  assertDistinct(
    'limit',
    made.map(({ record }) => `${record.projectId}/${record.domainId}/${record.registeredLimitId}`),
  );
  await unlessTaken('limit', () =>
    commitChanges(store, ...made.map(({ record }) => tables.limits.insert(record)), ...held.values()),
  );
  return made;
}

/** Limits that the caller may see. @throws ApiError 403. */
export async function listLimits(context: AuthContext, identity: Identity): Promise<ShownLimit[]> {
  const { tables, policy } = context;
  policy.authorize('identity:list_limits', identity);
  const shown: ShownLimit[] = [];
  for await (const { record } of tables.limits.scan()) {
    if (!policy.allows('identity:get_limit', identity, await limitTarget(context, record))) continue;
    const registered = await tables.registeredLimits.get(record.registeredLimitId);
    if (registered) shown.push({ record, registered: registered.record });
  }
  return shown;
}

/** @throws ApiError 403, 404. */
export async function getLimit(
  context: AuthContext,
  identity: Identity,
  id: string,
  action = 'identity:get_limit',
): Promise<ShownLimit & { stored: Stored<LimitRecord> }> {
  const { tables, policy } = context;
  const stored = await tables.limits.get(id);
  policy.authorize(action, identity, stored ? await limitTarget(context, stored.record) : {});
  const registered = stored && (await tables.registeredLimits.get(stored.record.registeredLimitId));
  if (!stored || !registered) throw notFound('limit', id);
  return { stored, record: stored.record, registered: registered.record };
}

/** @throws ApiError 403, 404. */
export function updateLimit(
  context: AuthContext,
  identity: Identity,
  id: string,
  body: LimitUpdate,
): Promise<ShownLimit> {
  return withRetries(async () => {
    const { tables, store } = context;
    const { stored, record, registered } = await getLimit(context, identity, id, 'identity:update_limit');
    const next: LimitRecord = {
      ...record,
      resourceLimit: body.resource_limit ?? record.resourceLimit,
      description: body.description === undefined ? record.description : body.description,
    };
    await commitChanges(store, tables.limits.replace(stored, next));
    return { record: next, registered };
  });
}

/** @throws ApiError 403, 404. */
export function deleteLimit(context: AuthContext, identity: Identity, id: string): Promise<void> {
  return withRetries(async () => {
    const { stored } = await getLimit(context, identity, id, 'identity:delete_limit');
    await commitChanges(context.store, context.tables.limits.remove(stored));
  });
}

async function limitTarget({ tables }: AuthContext, { projectId, domainId }: LimitRecord): Promise<PolicyTarget> {
  const project = projectId === null ? undefined : (await tables.projects.get(projectId))?.record;
  return { 'limit.project_id': projectId, 'limit.domain_id': domainId ?? project?.domainId ?? null };
}

async function assertPlace(
  { tables }: AuthContext,
  services: ReadonlySet<string>,
  { serviceId, regionId }: RegisteredLimitRecord,
): Promise<void> {
  if (!services.has(serviceId)) throw badRequest(`Could not find service: ${serviceId}.`);
  if (regionId !== null && !(await tables.regions.get(regionId)))
    throw badRequest(`Could not find region: ${regionId}.`);
}

async function assertUnused({ tables, store }: AuthContext, id: string): Promise<void> {
  if ((await ownedBy(store, tables.limits, 'registered', id)).length > 0)
    throw refused(`The registered limit ${id} has limits of projects or domains.`);
}

function assertDistinct(kind: 'registered limit' | 'limit', keys: readonly string[]): void {
  if (new Set(keys).size < keys.length) throw conflict(kind, 'Duplicate entry of the resource');
}

async function unlessTaken(kind: 'registered limit' | 'limit', commit: () => Promise<void>): Promise<void> {
  try {
    await commit();
  } catch (error) {
    if (!(error instanceof ConflictError) || !/\.by-(resource|owner)\//.test(error.key)) throw error;
    throw conflict(kind, 'Duplicate entry of the resource');
  }
}
