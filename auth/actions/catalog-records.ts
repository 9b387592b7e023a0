import { type AuthContext, commitAndRevoke, withRetries } from '../context.ts';
import { badRequest, conflict, notFound, refused } from '../errors.ts';
import type { Identity } from '../guard/contract.ts';
import { extraOf, mergedExtra } from '../parse.ts';
import {
  type EndpointBody,
  endpoint as endpointSchema,
  type RegionBody,
  region as regionSchema,
  type ServiceBody,
  service as serviceSchema,
} from '../schemas.ts';
import type { EndpointRecord, RegionRecord, ServiceRecord } from '../store/records.ts';
import { builtInEndpoints, builtInServices } from './catalog-entries.ts';
import { newId } from './named.ts';

/** @throws ApiError 400 for a parent that does not exist, 403, 409 for an id that is taken. */
export async function createRegion(context: AuthContext, identity: Identity, body: RegionBody): Promise<RegionRecord> {
  const { tables, policy } = context;
  policy.authorize('identity:create_region', identity);
  const parentId = body.parent_region_id ?? null;
  if (parentId !== null && !(await tables.regions.get(parentId))) throw notFound('region', parentId);
  const record: RegionRecord = {
    id: body.id || newId(),
    description: body.description ?? '',
    parentId,
    extra: extraOf(regionSchema, body),
  };
  if (await tables.regions.get(record.id)) throw conflict('region', `Duplicate ID, ${record.id}`);
  await commitAndRevoke(context, tables.regions.insert(record));
  return record;
}

/** @throws ApiError 403, 404. */
export async function updateRegion(
  context: AuthContext,
  identity: Identity,
  id: string,
  body: RegionBody,
): Promise<RegionRecord> {
  const { tables, policy } = context;
  policy.authorize('identity:update_region', identity);
  const parentId = body.parent_region_id;
  if (parentId && (parentId === id || !(await tables.regions.get(parentId))))
    throw badRequest(`No parent region ${parentId}.`);
  const updated = await tables.regions.update(id, (record) => ({
    ...record,
    description: body.description === undefined ? record.description : (body.description ?? ''),
    parentId: parentId === undefined ? record.parentId : parentId,
    extra: mergedExtra(record.extra, extraOf(regionSchema, body)),
  }));
  if (!updated) throw notFound('region', id);
  return updated;
}

/** @throws ApiError 403 where regions lie in it or an endpoint of ours does, 404. */
export async function deleteRegion(context: AuthContext, identity: Identity, id: string): Promise<void> {
  const { tables, policy, config } = context;
  policy.authorize('identity:delete_region', identity);
  await withRetries(async () => {
    const current = await tables.regions.get(id);
    if (!current) throw notFound('region', id);
    const inUse = id === config.region || (await tables.endpoints.list(({ regionId }) => regionId === id)).length > 0;
    if (inUse || (await tables.regions.list(({ parentId }) => parentId === id)).length > 0)
      throw refused(`Unable to delete region ${id} because it or its child regions have associated endpoints.`);
    await commitAndRevoke(context, tables.regions.remove(current));
  });
}

/** @throws ApiError 403. */
export async function createService(
  context: AuthContext,
  identity: Identity,
  body: ServiceBody,
): Promise<ServiceRecord> {
  const { tables, policy } = context;
  policy.authorize('identity:create_service', identity);
  const record: ServiceRecord = {
    id: newId(),
    type: body.type,
    name: body.name ?? '',
    description: body.description ?? null,
    enabled: body.enabled ?? true,
    extra: extraOf(serviceSchema, body),
  };
  await commitAndRevoke(context, tables.services.insert(record));
  return record;
}

/** @throws ApiError 403, also for a service of our own; 404. */
export async function updateService(
  context: AuthContext,
  identity: Identity,
  id: string,
  body: Partial<ServiceBody>,
): Promise<ServiceRecord> {
  context.policy.authorize('identity:update_service', identity);
  assertNotBuiltIn(builtInServices(context), id);
  const updated = await context.tables.services.update(id, (record) => ({
    ...record,
    type: body.type ?? record.type,
    name: body.name ?? record.name,
    description: body.description === undefined ? record.description : body.description,
    enabled: body.enabled ?? record.enabled,
    extra: mergedExtra(record.extra, extraOf(serviceSchema, body)),
  }));
  context.epoch.bump();
  if (!updated) throw notFound('service', id);
  return updated;
}

/** Removes a service and its endpoints. @throws ApiError 403, also for a service of our own; 404. */
export async function deleteService(context: AuthContext, identity: Identity, id: string): Promise<void> {
  const { tables, policy } = context;
  policy.authorize('identity:delete_service', identity);
  assertNotBuiltIn(builtInServices(context), id);
  await withRetries(async () => {
    const current = await tables.services.get(id);
    if (!current) throw notFound('service', id);
    // Endpoints first: one whose service is gone is shown nowhere, but should not lie about.
    for await (const stored of tables.endpoints.scan())
      if (stored.record.serviceId === id) await commitAndRevoke(context, tables.endpoints.remove(stored));
    await commitAndRevoke(context, tables.services.remove(current));
  });
}

/** A region that is named as `region` and does not exist yet is made, as Keystone does. @throws ApiError 400 for an unknown service or `region_id`, 403. */
export function createEndpoint(context: AuthContext, identity: Identity, body: EndpointBody): Promise<EndpointRecord> {
  return withRetries(async () => {
    const { tables, policy } = context;
    policy.authorize('identity:create_endpoint', identity);
    const service = await tables.services.get(body.service_id);
    if (!service && !builtInServices(context).some(({ id }) => id === body.service_id))
      throw badRequest(`Could not find service: ${body.service_id}.`);
    await assertRegion(context, body.region_id);
    const record: EndpointRecord = {
      id: newId(),
      serviceId: body.service_id,
      interface: body.interface,
      regionId: body.region_id ?? body.region ?? null,
      url: body.url,
      enabled: body.enabled ?? true,
      name: body.name ?? null,
      extra: extraOf(endpointSchema, body),
    };
    await commitAndRevoke(
      context,
      tables.endpoints.insert(record),
      ...(service ? [tables.services.unchanged(service)] : []),
      ...(await missingRegion(context, record.regionId)),
    );
    return record;
  });
}

/** @throws ApiError 400 for an unknown service or `region_id`, 403, also for an endpoint of our own; 404. */
export async function updateEndpoint(
  context: AuthContext,
  identity: Identity,
  id: string,
  body: Partial<EndpointBody>,
): Promise<EndpointRecord> {
  const { tables, policy } = context;
  policy.authorize('identity:update_endpoint', identity);
  assertNotBuiltIn(builtInEndpoints(context), id);
  if (body.service_id !== undefined && !(await tables.services.get(body.service_id)))
    throw badRequest(`Could not find service: ${body.service_id}.`);
  await assertRegion(context, body.region_id);
  const regionId = body.region_id ?? body.region;
  const [region] = await missingRegion(context, regionId ?? null);
  if (region) await commitAndRevoke(context, region);
  const updated = await tables.endpoints.update(id, (record) => ({
    ...record,
    serviceId: body.service_id ?? record.serviceId,
    interface: body.interface ?? record.interface,
    regionId: regionId === undefined ? record.regionId : regionId,
    url: body.url ?? record.url,
    enabled: body.enabled ?? record.enabled,
    name: body.name === undefined ? record.name : body.name,
    extra: mergedExtra(record.extra, extraOf(endpointSchema, body)),
  }));
  context.epoch.bump();
  if (!updated) throw notFound('endpoint', id);
  return updated;
}

/** @throws ApiError 403, also for an endpoint of our own; 404. */
export async function deleteEndpoint(context: AuthContext, identity: Identity, id: string): Promise<void> {
  const { tables, policy } = context;
  policy.authorize('identity:delete_endpoint', identity);
  assertNotBuiltIn(builtInEndpoints(context), id);
  await withRetries(async () => {
    const current = await tables.endpoints.get(id);
    if (!current) throw notFound('endpoint', id);
    await commitAndRevoke(context, tables.endpoints.remove(current));
  });
}

async function assertRegion({ tables }: AuthContext, id: string | null | undefined): Promise<void> {
  if (typeof id === 'string' && !(await tables.regions.get(id))) throw badRequest(`Could not find region: ${id}.`);
}

async function missingRegion({ tables }: AuthContext, id: string | null) {
  if (id === null || (await tables.regions.get(id))) return [];
  return [tables.regions.insert({ id, description: '', parentId: null, extra: {} })];
}

function assertNotBuiltIn(builtIn: readonly { id: string }[], id: string): void {
  if (builtIn.some((each) => each.id === id))
    throw refused('This entry of the catalog is computed from how the server was started and cannot be changed.');
}
