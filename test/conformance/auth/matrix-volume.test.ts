import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPolicy } from '../../../auth/guard/policy.ts';
import { DEFAULT_POLICIES } from '../../../volume/policies.ts';
import { type Asking, Supply, wrongAnswers } from '../../support/auth/matrix.ts';
import { type Persona, PersonaCloud, type Place, projectOf } from '../../support/auth/personas.ts';
import { type CallOptions, FakeCloud } from '../../support/volume/fake-cloud.ts';

const MINOR = 67;
const CONNECTOR = { initiator: 'iqn.2026-11.test:host', host: 'host', ip: '127.0.0.1' };
/** The attachment's host asks for itself: no server has to let go of it. */
const BY_HOST = { host_name: 'host', mountpoint: '/dev/vdb' };

let people: PersonaCloud;
let volumes: FakeCloud;
const supply = new Supply();
const policy = createPolicy(DEFAULT_POLICIES);

beforeAll(async () => {
  people = await PersonaCloud.start();
  const { verifier } = people.cloud.service;
  const quota = {
    volumes: -1,
    gigabytes: -1,
    per_volume_gigabytes: -1,
    snapshots: -1,
    backups: -1,
    backup_gigabytes: -1,
    groups: -1,
  };
  volumes = await FakeCloud.start({ verifier, config: { quota } });
});
afterAll(async () => {
  await volumes.close();
  await people.stop();
});

async function prepare(id: string, token: string, ...actions: object[]): Promise<void> {
  for (const body of actions) {
    const { status } = await volumes.call('POST', `/volumes/${id}/action`, { token, minor: MINOR, body });
    if (status >= 300) throw new Error(`${JSON.stringify(body)} answered ${status}`);
  }
}

/** A volume's id, in a state that some actions need. */
type State = 'available' | 'reserved' | 'in use' | 'detaching' | 'with metadata' | 'with image metadata';

async function newVolume(place: Place, state: State): Promise<string> {
  const token = await people.ownerOf(place);
  const id = await volumes.volume(state === 'with metadata' ? { metadata: { key: 'x' } } : {}, token);
  if (state === 'reserved') await prepare(id, token, { 'os-reserve': {} });
  if (state === 'in use' || state === 'detaching') await prepare(id, token, { 'os-attach': BY_HOST });
  if (state === 'detaching') await prepare(id, token, { 'os-begin_detaching': {} });
  if (state === 'with image metadata')
    await prepare(id, token, { 'os-set_image_metadata': { metadata: { key: 'x' } } });
  return id;
}

const targetOf = ({ projectId, userId }: Place) => ({ project_id: projectId, user_id: userId });
const hasProject = (persona: Persona) => projectOf(persona) !== undefined;
const isService = ({ identity }: Persona) => identity.roles.some(({ name }) => name === 'service');
const isAdmin = ({ identity }: Persona) => identity.roles.some(({ name }) => name === 'admin');

interface Request {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  body?: unknown;
}

/** On a volume of the place; who is allowed has used it up, unless it only looks. */
function onVolume(
  state: State,
  request: (id: string) => Request,
  also: (persona: Persona) => boolean = () => true,
): Asking {
  return async (persona, place) => {
    const name = `${state} ${place.projectId}`;
    const id = await supply.get(name, () => newVolume(place, state));
    const { method, path, body } = request(id);
    const answer = await volumes.call(method, path, { token: persona.token, minor: MINOR, body });
    if (answer.status < 400 && method !== 'GET') {
      supply.drop(name);
      await volumes.service.operationsEnded();
    }
    return { status: answer.status, target: targetOf(place), besides: hasProject(persona) && also(persona) };
  };
}

const act = (state: State, action: string, value: unknown = {}, also?: (persona: Persona) => boolean): Asking =>
  onVolume(state, (id) => ({ method: 'POST', path: `/volumes/${id}/action`, body: { [action]: value } }), also);
const metadata = (state: State, method: Request['method'], end = '', body?: unknown): Asking =>
  onVolume(state, (id) => ({ method, path: `/volumes/${id}/metadata${end}`, body }));

async function newAttachment(place: Place, connected: boolean): Promise<string> {
  const token = await people.ownerOf(place);
  const attachment = { volume_uuid: await newVolume(place, 'available'), ...(connected && { connector: CONNECTOR }) };
  return (await volumes.call('POST', '/attachments', { token, minor: MINOR, body: { attachment } })).body.attachment.id;
}

function onAttachment(connected: boolean, request: (path: string) => Request): Asking {
  return async (persona, place) => {
    const name = `attachment ${connected} ${place.projectId}`;
    const id = await supply.get(name, () => newAttachment(place, connected));
    const { method, path, body } = request(`/attachments/${id}`);
    const answer = await volumes.call(method, path, { token: persona.token, minor: MINOR, body });
    if (answer.status < 400) supply.drop(name);
    return { status: answer.status, target: targetOf(place), besides: hasProject(persona) };
  };
}

/** Of the cloud as a whole: everybody asks the same. */
function plain(method: Request['method'], path: string, body?: () => unknown): Asking {
  return async (persona) => {
    const options: CallOptions = { token: persona.token, minor: MINOR, body: body?.() };
    return { status: (await volumes.call(method, path, options)).status, besides: hasProject(persona) };
  };
}

const ofQuota =
  (method: Request['method'], body?: unknown): Asking =>
  async (persona, { projectId }) => {
    const path = `/os-quota-sets/${projectId}`;
    const { status } = await volumes.call(method, path, { token: persona.token, minor: MINOR, body });
    return { status, target: { project_id: projectId }, besides: hasProject(persona) };
  };

/** As much of answers as is looked at. */
interface ShownBody {
  volume: Record<string, unknown>;
  volume_type: { extra_specs: Record<string, string> };
}

/** Whether an answer shows a field: who may not see it is answered without it. */
function shows(path: (place: Place) => Promise<string>, find: (body: ShownBody) => unknown): Asking {
  return async (persona, place) => {
    const { status, body } = await volumes.call('GET', await path(place), { token: persona.token, minor: MINOR });
    const shown = status < 400 && find(body) !== undefined;
    return { status: shown ? 200 : 403, target: targetOf(place), besides: hasProject(persona) };
  };
}
const volumePath = async (place: Place) =>
  `/volumes/${await supply.get(`available ${place.projectId}`, () => newVolume(place, 'available'))}`;
/** What a volume shows, to those who see it. */
const showsField = (name: string) => shows(volumePath, ({ volume }) => volume[name]);

/** In a list of the token's own project: a project in the URL is the token's, or nobody's. */
const ofOwnProject =
  (ask: (path: string, persona: Persona, place: Place) => Promise<number>): Asking =>
  async (persona, place) => ({
    status: await ask(`/v3/${place.projectId}`, persona, place),
    target: targetOf(place),
    besides: projectOf(persona) === place.projectId,
  });

let numbers = 0;
function nextNumber(): number {
  numbers += 1;
  return numbers;
}
async function typeWithSpecs(): Promise<string> {
  const extra_specs = { multiattach: '<is> False', volume_backend_name: 'file' };
  const body = { volume_type: { name: `specs-${nextNumber()}`, extra_specs } };
  const { body: made } = await volumes.call('POST', '/types', { token: people.admin, body });
  return `/types/${made.volume_type.id}`;
}
async function hiddenType(): Promise<string> {
  const body = { volume_type: { name: `hidden-${nextNumber()}`, 'os-volume-type-access:is_public': false } };
  return `/types/${(await volumes.call('POST', '/types', { token: people.admin, body })).body.volume_type.id}`;
}

const ASKINGS: Readonly<Record<string, Asking>> = {
  'volume:create': ofOwnProject(async (base, { token }) => {
    const { status } = await volumes.call('POST', `${base}/volumes`, { token, body: { volume: { size: 1 } } });
    return status;
  }),
  'volume:get_all': ofOwnProject(async (base, { token }, place) => {
    const id = (await volumePath(place)).split('/').at(-1);
    const { status, body } = await volumes.call('GET', `${base}/volumes?limit=1000`, { token });
    if (status >= 400) return status;
    return body.volumes.some((volume: { id: string }) => volume.id === id) ? 200 : 404;
  }),
  'message:get_all': async (persona) => ({
    ...(await plain('GET', '/messages')(persona, people.places.own)),
    target: { project_id: projectOf(persona) },
  }),
  'volume:get': onVolume('available', (id) => ({ method: 'GET', path: `/volumes/${id}` })),
  'volume:update': onVolume('available', (id) => ({
    method: 'PUT',
    path: `/volumes/${id}`,
    body: { volume: { name: 'x' } },
  })),
  'volume:delete': onVolume('available', (id) => ({ method: 'DELETE', path: `/volumes/${id}` })),
  'volume:force_delete': onVolume('available', (id) => ({ method: 'DELETE', path: `/volumes/${id}?force=true` })),
  'volume:extend': act('available', 'os-extend', { new_size: 2 }),
  'volume:extend_attached_volume': act('in use', 'os-extend', { new_size: 2 }),
  'volume:get_volume_metadata': metadata('available', 'GET'),
  'volume:create_volume_metadata': metadata('available', 'POST', '', { metadata: { a: 'b' } }),
  'volume:update_volume_metadata': metadata('available', 'PUT', '', { metadata: { a: 'b' } }),
  'volume:delete_volume_metadata': metadata('with metadata', 'DELETE', '/key'),
  'volume:update_readonly_flag': act('available', 'os-update_readonly_flag', { readonly: true }),
  'volume_extension:volume_host_attribute': showsField('os-vol-host-attr:host'),
  'volume_extension:volume_tenant_attribute': showsField('os-vol-tenant-attr:tenant_id'),
  'volume_extension:volume_mig_status_attribute': showsField('os-vol-mig-status-attr:migstat'),
  'volume_extension:volume_image_metadata:set': act('available', 'os-set_image_metadata', { metadata: { a: 'b' } }),
  'volume_extension:volume_image_metadata:remove': act('with image metadata', 'os-unset_image_metadata', {
    key: 'key',
  }),
  'volume_extension:volume_admin_actions:reset_status': act('available', 'os-reset_status', { status: 'error' }),
  'volume_extension:volume_admin_actions:force_delete': act('available', 'os-force_delete'),
  'volume_extension:volume_actions:attach': act('available', 'os-attach', BY_HOST),
  'volume_extension:volume_actions:detach': act('in use', 'os-detach'),
  'volume_extension:volume_actions:reserve': act('available', 'os-reserve'),
  'volume_extension:volume_actions:unreserve': act('reserved', 'os-unreserve'),
  'volume_extension:volume_actions:begin_detaching': act('in use', 'os-begin_detaching'),
  'volume_extension:volume_actions:roll_detaching': act('detaching', 'os-roll_detaching'),
  // Of a connection with a secret in it: a service, or an administrator, has to ask.
  'volume_extension:volume_actions:initialize_connection': act(
    'available',
    'os-initialize_connection',
    { connector: CONNECTOR },
    (persona) => isService(persona) || isAdmin(persona),
  ),
  'volume_extension:volume_actions:terminate_connection': act(
    'in use',
    'os-terminate_connection',
    { connector: CONNECTOR },
    (persona) => isService(persona) || isAdmin(persona),
  ),
  'volume_extension:volume_actions:upload_image': async (persona, place) => {
    const answer = await act('available', 'os-volume_upload_image', { image_name: 'x' })(persona, place);
    // There is no image service: who is let in meets that.
    return { ...answer, status: answer.status === 503 ? 202 : answer.status };
  },
  'volume_extension:volume_actions:set_bootable': act('available', 'os-set_bootable', { bootable: true }),
  'volume:attachment_create': onVolume('available', (id) => ({
    method: 'POST',
    path: '/attachments',
    body: { attachment: { volume_uuid: id } },
  })),
  'volume:attachment_update': onAttachment(false, (path) => ({
    method: 'PUT',
    path,
    body: { attachment: { connector: CONNECTOR } },
  })),
  'volume:attachment_delete': onAttachment(true, (path) => ({ method: 'DELETE', path })),
  'volume:attachment_complete': onAttachment(true, (path) => ({
    method: 'POST',
    path: `${path}/action`,
    body: { 'os-complete': null },
  })),
  'volume_extension:type_get': plain('GET', '/types'),
  'volume_extension:type_manage': plain('POST', '/types', () => ({ volume_type: { name: `type-${nextNumber()}` } })),
  'volume_extension:volume_type_access': async (persona) => {
    const path = `${await supply.get('hidden type', hiddenType)}/os-volume-type-access`;
    const { status } = await volumes.call('GET', path, { token: persona.token });
    return { status, besides: hasProject(persona) };
  },
  'volume_extension:access_types_extra_specs': async (persona) => {
    const path = `${await supply.get('type', typeWithSpecs)}/extra_specs`;
    const { status } = await volumes.call('GET', path, { token: persona.token });
    return { status, besides: hasProject(persona) };
  },
  'volume_extension:types_extra_specs:read_sensitive': shows(
    () => supply.get('type', typeWithSpecs),
    ({ volume_type: type }) => type.extra_specs['volume_backend_name'],
  ),
  'volume_extension:quotas:show': ofQuota('GET'),
  'volume_extension:quotas:update': ofQuota('PUT', { quota_set: { volumes: -1 } }),
  'volume_extension:quotas:delete': ofQuota('DELETE'),
  'volume_extension:services:index': plain('GET', '/os-services'),
  'scheduler_extension:scheduler_stats:get_pools': plain('GET', '/scheduler-stats/get_pools'),
  'limits_extension:used_limits': async (persona) => {
    const { status, body } = await volumes.call('GET', '/limits', { token: persona.token });
    const shown = status < 400 && body.limits.absolute.totalVolumesUsed !== undefined;
    const target = { project_id: projectOf(persona) };
    return { status: shown ? 200 : 403, target, besides: hasProject(persona) };
  },
};

const actions = Object.keys(DEFAULT_POLICIES).filter((name) => name.includes(':'));

describe('every action of block storage, by every persona, on their own and on others’', () => {
  it('is asked for here: none is missing, none is too many', () => {
    expect(Object.keys(ASKINGS).sort()).toEqual(actions.toSorted());
  });

  it.each(Object.entries(ASKINGS))('%s is allowed to whom the rules allow it', async (action, ask) => {
    expect(await wrongAnswers(people, policy, action, ask)).toEqual([]);
  });
});
