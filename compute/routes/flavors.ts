import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from '../../common/errors.ts';
import { cutPage, type PagingRules, parsePageQuery } from '../../openstack/paging.ts';
import type { ComputeContext } from '../context.ts';
import { badRequest, flavorNotFound } from '../errors.ts';
import { MOST_FLAVORS, MOST_PAGE } from '../limits.ts';
import { parseBody } from '../parse.ts';
import { findFlavor, insertFlavor, removeFlavor } from '../store/flavors.ts';
import type { FlavorRecord } from '../store/records.ts';
import { baseUrlOf, nextPageLink } from '../views/links.ts';
import { renderFlavor, renderFlavorSummary } from '../views/render-flavor.ts';
import type { Params, QueryValues } from './request.ts';
import { extraSpecsBody, newFlavorBody } from './schemas.ts';

const MANAGE = 'os_compute_api:os-flavor-manage';
const MANAGE_SPECS = 'os_compute_api:os-flavor-extra-specs:manage';
const SORT_FIELDS: Readonly<Record<string, (flavor: FlavorRecord) => string | number>> = {
  flavorid: ({ id }) => id,
  id: ({ id }) => id,
  name: ({ name }) => name,
  memory_mb: ({ ramMib }) => ramMib,
  vcpus: ({ vcpus }) => vcpus,
  root_gb: ({ diskGib }) => diskGib,
};
const PAGING: PagingRules = {
  defaultLimit: MOST_PAGE,
  mostLimit: MOST_PAGE,
  sortable: Object.keys(SORT_FIELDS),
  defaultSort: [{ field: 'flavorid', direction: 'asc' }],
};

/** Spec: Compute API, "Flavors" and "Flavors extra-specs". */
export function flavorRoutes(app: FastifyInstance, context: ComputeContext): void {
  const list = async (request: FastifyRequest, render: typeof renderFlavor) => {
    const query = request.query as QueryValues;
    const flavors = await context.tables.flavors.list(filterOf(context, request, query));
    const paging = parsePageQuery(query, PAGING);
    // flavors sort upwards unless told, unlike everything else
    const sort = query['sort_dir']
      ? paging.sort
      : paging.sort.map(({ field }) => ({ field, direction: 'asc' as const }));
    const cut = cutPage(flavors, { ...paging, sort }, (flavor, field) => SORT_FIELDS[field]?.(flavor));
    if (!cut) throw badRequest(`marker [${paging.marker?.slice(0, 64)}] not found`);
    const last = cut.page.at(-1);
    const links = cut.more && last ? { flavors_links: [nextPageLink(request, last.id)] } : {};
    const base = baseUrlOf(request);
    return { flavors: cut.page.map((flavor) => render(flavor, base, request.computeMinor)), ...links };
  };
  const find = async (request: FastifyRequest): Promise<FlavorRecord> => {
    const { id } = request.params as Params;
    const flavor = await findFlavor(context, id);
    if (!flavor || !(flavor.isPublic || context.policy.allows(MANAGE, request.identity))) throw flavorNotFound(id);
    return flavor;
  };
  const changeSpecs = async (id: string, decide: (specs: Record<string, string>) => Record<string, string>) => {
    const changed = await context.tables.flavors.update(id, (flavor) => ({
      ...flavor,
      extraSpecs: decide(flavor.extraSpecs),
    }));
    return changed?.extraSpecs ?? {};
  };

  app.get('/v2.1/flavors', async (request) => list(request, renderFlavorSummary));
  app.get('/v2.1/flavors/detail', async (request) => list(request, renderFlavor));
  app.get('/v2.1/flavors/:id', async (request) => ({
    flavor: renderFlavor(await find(request), baseUrlOf(request), request.computeMinor),
  }));

  app.post('/v2.1/flavors', async (request) => {
    context.policy.authorize(MANAGE, request.identity);
    const body = parseBody(newFlavorBody, request.body).flavor;
    const all = await context.tables.flavors.list();
    if (all.length >= MOST_FLAVORS) throw badRequest(`There are ${MOST_FLAVORS} flavors already.`);
    const flavor: FlavorRecord = {
      id: body.id && body.id !== 'auto' ? body.id : randomUUID(),
      name: body.name.trim(),
      ramMib: body.ram,
      vcpus: body.vcpus,
      diskGib: body.disk,
      description: body.description ?? null,
      isPublic: body['os-flavor-access:is_public'] ?? true,
      extraSpecs: {},
    };
    await insertFlavor(context, flavor);
    return { flavor: renderFlavor(flavor, baseUrlOf(request), request.computeMinor) };
  });

  app.delete('/v2.1/flavors/:id', async (request, reply) => {
    context.policy.authorize(MANAGE, request.identity);
    const { id } = request.params as Params;
    if (!(await removeFlavor(context, id))) throw flavorNotFound(id);
    return reply.status(202).send();
  });

  app.get('/v2.1/flavors/:id/os-extra_specs', async (request) => ({ extra_specs: (await find(request)).extraSpecs }));

  app.post('/v2.1/flavors/:id/os-extra_specs', async (request) => {
    context.policy.authorize(MANAGE_SPECS, request.identity);
    const { id } = await find(request);
    const { extra_specs: added } = parseBody(extraSpecsBody, request.body);
    await changeSpecs(id, (specs) => ({ ...specs, ...added }));
    return { extra_specs: added };
  });

  app.get('/v2.1/flavors/:id/os-extra_specs/:sub', async (request) => {
    const { extraSpecs } = await find(request);
    const { sub } = request.params as Params;
    return { [sub]: specOf(extraSpecs, sub) };
  });

  app.delete('/v2.1/flavors/:id/os-extra_specs/:sub', async (request, reply) => {
    context.policy.authorize(MANAGE_SPECS, request.identity);
    const { id, extraSpecs } = await find(request);
    const { sub } = request.params as Params;
    specOf(extraSpecs, sub);
    await changeSpecs(id, (specs) => Object.fromEntries(Object.entries(specs).filter(([key]) => key !== sub)));
    return reply.status(200).send();
  });
}

function filterOf(
  { policy }: ComputeContext,
  request: FastifyRequest,
  query: QueryValues,
): (flavor: FlavorRecord) => boolean {
  const mayManage = policy.allows(MANAGE, request.identity);
  const asked = String(query['is_public'] ?? 'true').toLowerCase();
  const leastRamMib = leastOf(query, 'minRam');
  const leastDiskGib = leastOf(query, 'minDisk');
  return ({ isPublic, ramMib, diskGib }) => {
    const visible = mayManage && asked === 'none' ? true : mayManage ? isPublic === (asked === 'true') : isPublic;
    return visible && ramMib >= leastRamMib && diskGib >= leastDiskGib;
  };
}

function leastOf(query: QueryValues, name: string): number {
  const value = String(query[name] ?? '0');
  if (!/^\d{1,9}$/.test(value)) throw badRequest(`Invalid ${name} filter [${value.slice(0, 64)}]`);
  return Number(value);
}

function specOf(specs: Record<string, string>, key: string): string {
  const value = Object.hasOwn(specs, key) ? specs[key] : undefined;
  if (value === undefined)
    throw new ApiError({
      status: 404,
      code: 'FlavorExtraSpecNotFound',
      message: `The flavor has no extra spec ${key.slice(0, 64)}.`,
    });
  return value;
}
