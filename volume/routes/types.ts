import { Type } from '@sinclair/typebox';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { cutPage, parsePageQuery } from '../../openstack/paging.ts';
import {
  createType,
  deleteType,
  findType,
  listTypes,
  removeExtraSpec,
  setExtraSpecs,
  setTypeAccess,
  updateType,
} from '../actions/volume-types.ts';
import { invalidInput, notBuilt, notFound } from '../errors.ts';
import type { Caller, VolumeParts } from '../parts.ts';
import type { VolumeTypeRecord } from '../store/records.ts';
import { accepted, callerOf, isTrue, param, queryOf, queryText } from './context.ts';
import { parseBody } from './parse-body.ts';
import { booleanLike, metadata, orNull, text, toBoolean } from './schemas.ts';
import { PAGING } from './volume-query.ts';

const READ_SPECS = 'volume_extension:access_types_extra_specs';

const typeName = Type.String({ minLength: 1, maxLength: 255, pattern: '\\S' });
const createBody = Type.Object({
  volume_type: Type.Object(
    {
      name: typeName,
      description: orNull(text),
      extra_specs: orNull(metadata),
      'os-volume-type-access:is_public': Type.Optional(booleanLike),
    },
    { additionalProperties: false },
  ),
});
const updateBody = Type.Object({
  volume_type: Type.Object(
    { name: orNull(typeName), description: orNull(text), is_public: Type.Optional(booleanLike) },
    { additionalProperties: false },
  ),
});
const specsBody = Type.Object({ extra_specs: metadata });
const accessBody = Type.Record(Type.String(), Type.Object({ project: text }), { minProperties: 1, maxProperties: 1 });

/** Spec: Block Storage API v3, "Volume types". */
export function typeRoutes(app: FastifyInstance, parts: VolumeParts): void {
  app.get('/types', async (request) => {
    const caller = callerOf(request, parts);
    const query = queryOf(request);
    const isPublic = queryText(query, 'is_public');
    const anyKind = !caller.isAdmin || isPublic?.toLowerCase() === 'none';
    const types = (await listTypes(parts, caller)).filter(
      (type) => anyKind || type.isPublic === (isPublic === undefined || isTrue(isPublic)),
    );
    const rules = {
      ...PAGING,
      sortable: ['id', 'name', 'created_at'],
      defaultSort: [{ field: 'created_at', direction: 'desc' as const }],
    };
    const cut = cutPage(types, parsePageQuery(query, rules), (type, field) =>
      field === 'name' ? type.name : field === 'created_at' ? type.createdAtMs : type.id,
    );
    if (!cut) throw invalidInput('marker not found');
    return { volume_types: cut.page.map((type) => renderShownType(parts, type, caller)) };
  });

  app.get('/types/:type_id', async (request) => {
    const caller = callerOf(request, parts);
    const id = param(request, 'type_id');
    const type = id === 'default' ? await parts.types.default() : await findType(parts, caller, id);
    return { volume_type: renderShownType(parts, type, caller) };
  });

  app.post('/types', async (request) => {
    const body = parseBody(createBody, request.body).volume_type;
    const caller = callerOf(request, parts);
    const type = await createType(parts, caller, {
      name: body.name.trim(),
      description: body.description ?? null,
      extraSpecs: body.extra_specs ?? {},
      isPublic: toBoolean(body['os-volume-type-access:is_public'] ?? true),
    });
    return { volume_type: renderCreatedType(parts, type, caller) };
  });

  app.put('/types/:type_id', async (request) => {
    const body = parseBody(updateBody, request.body).volume_type;
    const caller = callerOf(request, parts);
    const type = await updateType(parts, caller, param(request, 'type_id'), {
      ...(body.name && { name: body.name.trim() }),
      ...(body.description !== undefined && { description: body.description }),
      ...(body.is_public !== undefined && { isPublic: toBoolean(body.is_public) }),
    });
    return { volume_type: renderType(parts, type, caller) };
  });

  app.delete('/types/:type_id', async (request, reply) => {
    await deleteType(parts, callerOf(request, parts), param(request, 'type_id'));
    return accepted(reply);
  });

  extraSpecRoutes(app, parts);
  accessRoutes(app, parts);

  // No type encrypts. Spec: Block Storage API v3, "Show an encryption type": an empty object where there is none.
  app.get('/types/:type_id/encryption', async (request) => {
    await findType(parts, callerOf(request, parts), param(request, 'type_id'));
    return {};
  });
}

function extraSpecRoutes(app: FastifyInstance, parts: VolumeParts): void {
  const path = '/types/:type_id/extra_specs';

  app.get(path, async (request) => {
    const caller = callerOf(request, parts);
    parts.policy.authorize(READ_SPECS, caller.identity);
    const type = await findType(parts, caller, param(request, 'type_id'));
    return { extra_specs: visibleSpecs(parts, type, caller) };
  });

  app.post(path, async (request) => {
    const { extra_specs: specs } = parseBody(specsBody, request.body);
    await setExtraSpecs(parts, callerOf(request, parts), param(request, 'type_id'), specs);
    return { extra_specs: specs };
  });

  app.get(`${path}/:key`, async (request) => {
    const caller = callerOf(request, parts);
    parts.policy.authorize(READ_SPECS, caller.identity);
    const key = param(request, 'key');
    const value = visibleSpecs(parts, await findType(parts, caller, param(request, 'type_id')), caller)[key];
    if (value === undefined) throw notFound(`Extra spec ${key.slice(0, 64)}`);
    return { [key]: value };
  });

  app.put(`${path}/:key`, async (request) => {
    const specs = parseBody(metadata, request.body);
    const key = param(request, 'key');
    if (specs[key] === undefined || Object.keys(specs).length !== 1)
      throw invalidInput('Request body and URI mismatch or too many items');
    await setExtraSpecs(parts, callerOf(request, parts), param(request, 'type_id'), specs);
    return specs;
  });

  app.delete(`${path}/:key`, async (request, reply) => {
    await removeExtraSpec(parts, callerOf(request, parts), param(request, 'type_id'), param(request, 'key'));
    return accepted(reply);
  });
}

function accessRoutes(app: FastifyInstance, parts: VolumeParts): void {
  app.get('/types/:type_id/os-volume-type-access', async (request) => {
    const caller = callerOf(request, parts);
    parts.policy.authorize('volume_extension:volume_type_access', caller.identity);
    const type = await findType(parts, caller, param(request, 'type_id'));
    if (type.isPublic) throw notFound('Access list not available for public volume types; it');
    const rows = type.projectIds.map((projectId) => ({ volume_type_id: type.id, project_id: projectId }));
    return { volume_type_access: rows };
  });

  app.post('/types/:type_id/action', async (request: FastifyRequest, reply: FastifyReply) => {
    const [[name, value] = ['', undefined]] = Object.entries(parseBody(accessBody, request.body));
    if (name !== 'addProjectAccess' && name !== 'removeProjectAccess')
      throw notBuilt(`The action ${name.slice(0, 64)}`);
    const access = { projectId: value?.project ?? '', allowed: name === 'addProjectAccess' };
    await setTypeAccess(parts, callerOf(request, parts), param(request, 'type_id'), access);
    return accepted(reply);
  });
}

/** Extra specs that tell users what they get; the others tell of the cloud's insides. Spec: Cinder, "User visible extra specs". */
const USER_VISIBLE: ReadonlySet<string> = new Set(['RESKEY:availability_zones', 'multiattach', 'replication_enabled']);

function visibleSpecs(
  { policy }: Pick<VolumeParts, 'policy'>,
  type: VolumeTypeRecord,
  caller: Caller,
): Record<string, string> {
  if (policy.allows('volume_extension:types_extra_specs:read_sensitive', caller.identity)) return type.extraSpecs;
  return Object.fromEntries(Object.entries(type.extraSpecs).filter(([key]) => USER_VISIBLE.has(key)));
}

/** The body of every answer about a type. Creating and updating show less than reading does. */
function renderType(parts: VolumeParts, type: VolumeTypeRecord, caller: Caller): Record<string, unknown> {
  return {
    id: type.id,
    name: type.name,
    description: type.description,
    is_public: type.isPublic,
    extra_specs: visibleSpecs(parts, type, caller),
  };
}

function renderCreatedType(parts: VolumeParts, type: VolumeTypeRecord, caller: Caller): Record<string, unknown> {
  return { ...renderType(parts, type, caller), 'os-volume-type-access:is_public': type.isPublic };
}

function renderShownType(parts: VolumeParts, type: VolumeTypeRecord, caller: Caller): Record<string, unknown> {
  return { ...renderCreatedType(parts, type, caller), ...(caller.isAdmin && { qos_specs_id: null }) };
}
