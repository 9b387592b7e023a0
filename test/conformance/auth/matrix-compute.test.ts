import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPolicy } from '../../../auth/guard/policy.ts';
import { DEFAULT_POLICIES } from '../../../compute/policies.ts';
import { type Asking, Supply, wrongAnswers } from '../../support/auth/matrix.ts';
import { type Persona, PersonaCloud, type Place, projectOf } from '../../support/auth/personas.ts';
import { ComputeWorld } from '../../support/compute/world.ts';

const MINOR = 89;
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFEcTmAAGHAh1fmZ2ZyhvJtYpZ6GmGTXNpCOsu5PCmUC x';

let people: PersonaCloud;
let compute: ComputeWorld;
let imageId: string;
const supply = new Supply();
const policy = createPolicy(DEFAULT_POLICIES);

beforeAll(async () => {
  people = await PersonaCloud.start();
  const quota = { quota_servers: 100_000, quota_cores: 100_000, quota_ram_mib: 1_000_000_000 };
  compute = await ComputeWorld.start(quota, { verifier: people.cloud.service.verifier });
  imageId = compute.addImage().id;
});
afterAll(async () => {
  await compute.remove();
  await people.stop();
});

/** A server that runs, one that is stopped, and ones with a volume or something noted on them. */
type State = 'running' | 'stopped' | 'with volume' | 'with metadata';

const newServerBody = () => ({ server: { name: 'one', flavorRef: '1', imageRef: imageId, networks: 'none' } });

async function newServer(place: Place, state: State): Promise<string> {
  const token = await people.ownerOf(place);
  const { body } = await compute.call('POST', 'servers', { as: token, minor: MINOR, body: newServerBody() });
  const { id } = body.server;
  await settled(id);
  if (state === 'stopped') await compute.call('POST', `servers/${id}/action`, { as: token, body: { 'os-stop': null } });
  if (state === 'with metadata') {
    const metadata = { metadata: { key: 'x' } };
    await compute.call('POST', `servers/${id}/metadata`, { as: token, body: metadata });
  }
  if (state === 'with volume') {
    const volumeAttachment = { volumeId: compute.volumes.add().id };
    await compute.call('POST', `servers/${id}/os-volume_attachments`, { as: token, body: { volumeAttachment } });
  }
  await settled(id);
  return id;
}

/** Waits until nothing is under way on the server, or it is gone. */
async function settled(id: string): Promise<void> {
  for (;;) {
    const { status, body } = await compute.call('GET', `servers/${id}`, { as: people.admin });
    if (status === 404) return;
    const devices = await compute.devices(id);
    const isBusy = body.server['OS-EXT-STS:task_state'] !== null || body.server.status === 'BUILD';
    if (!isBusy && devices.every(({ state }) => state === 'attached')) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const targetOf = ({ projectId, userId }: Place) => ({ project_id: projectId, user_id: userId });

interface Request {
  method: string;
  path: string;
  body?: unknown;
}

/** On a server of the place; who is allowed has used it up, unless it only looks. */
function onServer(state: State, request: (id: string) => Request | Promise<Request>): Asking {
  return async (persona, place) => {
    const name = `${state} ${place.projectId}`;
    const id = await supply.get(name, () => newServer(place, state));
    const { method, path, body } = await request(id);
    const { status } = await compute.call(method, path, { as: persona.token, minor: MINOR, body });
    if (status < 400 && method !== 'GET') supply.drop(name);
    await settled(id);
    const target = targetOf(place);
    // What cannot be seen is not there.
    return { status, target, besides: policy.allows('os_compute_api:servers:show', persona.identity, target) };
  };
}

const act = (state: State, body: object) =>
  onServer(state, (id) => ({ method: 'POST', path: `servers/${id}/action`, body }));
const volumeOf = async (id: string) => (await compute.devices(id)).find(({ volumeId }) => volumeId)?.volumeId ?? 'none';
const onVolume = (method: string, body?: (volumeId: string) => unknown): Asking =>
  onServer('with volume', async (id) => {
    const volumeId = await volumeOf(id);
    return { method, path: `servers/${id}/os-volume_attachments/${volumeId}`, body: body?.(volumeId) };
  });

/** Of the cloud as a whole. */
const plain =
  (method: string, path: string | (() => string), body?: () => unknown): Asking =>
  async ({ token }) => {
    const at = typeof path === 'string' ? path : path();
    return { status: (await compute.call(method, at, { as: token, body: body?.() })).status };
  };

/** A list of servers, and whether this place's are in it. */
async function lists(path: string, { token }: Persona, place: Place): Promise<number> {
  const id = await supply.get(`running ${place.projectId}`, () => newServer(place, 'running'));
  const { status, body } = await compute.call('GET', path, { as: token });
  if (status >= 400) return status;
  return body.servers.some((server: { id: string }) => server.id === id) ? 200 : 404;
}

const keypair = () => ({ keypair: { name: people.unique(), public_key: KEY } });
/** A key pair is asked for by name among one's own: another's of the same name is not found. */
const onKeypair =
  (method: string): Asking =>
  async (persona, place) => {
    const body = keypair();
    const owner = place === people.places.own ? persona.token : await people.ownerOf(place);
    await compute.call('POST', 'os-keypairs', { as: owner, body });
    const { status } = await compute.call(method, `os-keypairs/${body.keypair.name}`, { as: persona.token });
    const { id } = persona.identity.user;
    return { status, target: { user_id: id }, besides: place === people.places.own };
  };
const ownKeypairs =
  (method: string, body?: () => unknown): Asking =>
  async ({ token, identity }) => {
    const { status } = await compute.call(method, 'os-keypairs', { as: token, body: body?.() });
    return { status, target: { user_id: identity.user.id } };
  };

let flavors = 0;
const flavor = () => {
  flavors += 1;
  return { flavor: { name: `flavor-${flavors}`, ram: 64, vcpus: 1, disk: 1, id: `flavor-${flavors}` } };
};

const ASKINGS: Readonly<Record<string, Asking>> = {
  'os_compute_api:servers:index': async (persona, place) => ({
    status: await lists('servers', persona, place),
    target: { project_id: projectOf(persona) },
    besides: projectOf(persona) === place.projectId,
  }),
  'os_compute_api:servers:index:get_all_tenants': async (persona, place) => ({
    status: await lists('servers?all_tenants=1', persona, place),
  }),
  'os_compute_api:servers:show': onServer('running', (id) => ({ method: 'GET', path: `servers/${id}` })),
  'os_compute_api:servers:create': async (persona) => {
    const call = { as: persona.token, minor: MINOR, body: newServerBody() };
    const { status, body } = await compute.call('POST', 'servers', call);
    if (status < 400) await settled(body.server.id);
    return { status, target: { project_id: projectOf(persona) }, besides: projectOf(persona) !== undefined };
  },
  'os_compute_api:servers:update': onServer('running', (id) => ({
    method: 'PUT',
    path: `servers/${id}`,
    body: { server: { name: 'two' } },
  })),
  'os_compute_api:servers:delete': onServer('running', (id) => ({ method: 'DELETE', path: `servers/${id}` })),
  'os_compute_api:servers:start': act('stopped', { 'os-start': null }),
  'os_compute_api:servers:stop': act('running', { 'os-stop': null }),
  'os_compute_api:servers:reboot': act('running', { reboot: { type: 'HARD' } }),
  'os_compute_api:server-metadata': onServer('with metadata', (id) => ({
    method: 'DELETE',
    path: `servers/${id}/metadata/key`,
  })),
  'os_compute_api:os-admin-actions:reset_state': act('running', { 'os-resetState': { state: 'error' } }),
  'os_compute_api:os-console-output': act('running', { 'os-getConsoleOutput': {} }),
  'os_compute_api:os-extended-server-attributes': async (persona, place) => {
    const id = await supply.get(`running ${place.projectId}`, () => newServer(place, 'running'));
    const { status, body } = await compute.call('GET', `servers/${id}`, { as: persona.token });
    const shown = status < 400 && body.server['OS-EXT-SRV-ATTR:host'] !== undefined;
    return { status: shown ? 200 : 403, target: targetOf(place) };
  },
  'os_compute_api:os-volumes-attachments:index': onServer('with volume', (id) => ({
    method: 'GET',
    path: `servers/${id}/os-volume_attachments`,
  })),
  'os_compute_api:os-volumes-attachments:show': onVolume('GET'),
  'os_compute_api:os-volumes-attachments:create': onServer('running', (id) => ({
    method: 'POST',
    path: `servers/${id}/os-volume_attachments`,
    body: { volumeAttachment: { volumeId: compute.volumes.add().id } },
  })),
  'os_compute_api:os-volumes-attachments:update': onVolume('PUT', (volumeId) => ({
    volumeAttachment: { volumeId, delete_on_termination: true },
  })),
  'os_compute_api:os-volumes-attachments:delete': onVolume('DELETE'),
  'os_compute_api:os-instance-actions:list': onServer('running', (id) => ({
    method: 'GET',
    path: `servers/${id}/os-instance-actions`,
  })),
  'os_compute_api:os-flavor-manage': plain('POST', 'flavors', flavor),
  'os_compute_api:os-flavor-extra-specs:manage': plain('POST', 'flavors/1/os-extra_specs', () => ({
    extra_specs: { 'hw:x': '1' },
  })),
  'os_compute_api:os-services:list': plain('GET', 'os-services'),
  'os_compute_api:os-hypervisors:list': plain('GET', 'os-hypervisors/detail'),
  'os_compute_api:limits': async (persona) => ({
    ...(await plain('GET', 'limits')(persona, people.places.own)),
    target: { project_id: projectOf(persona) },
    besides: projectOf(persona) !== undefined,
  }),
  'os_compute_api:os-keypairs:index': ownKeypairs('GET'),
  'os_compute_api:os-keypairs:create': ownKeypairs('POST', keypair),
  'os_compute_api:os-keypairs:show': onKeypair('GET'),
  'os_compute_api:os-keypairs:delete': onKeypair('DELETE'),
};

const actions = Object.keys(DEFAULT_POLICIES).filter((name) => name.includes(':'));

describe('every action of compute, by every persona, on their own and on others’', () => {
  it('is asked for here: none is missing, none is too many', () => {
    expect(Object.keys(ASKINGS).sort()).toEqual(actions.toSorted());
  });

  it.each(Object.entries(ASKINGS))('%s is allowed to whom the rules allow it', async (action, ask) => {
    expect(await wrongAnswers(people, policy, action, ask)).toEqual([]);
  });
});
