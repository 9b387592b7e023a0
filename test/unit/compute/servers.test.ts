import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../common/log.ts';
import { QemuHypervisor } from '../../../compute/hypervisor/qemu/driver.ts';
import { ComputeWorld } from '../../support/compute/world.ts';

let world: ComputeWorld;

beforeEach(async () => {
  world = await ComputeWorld.start({ quota_servers: 5 });
});

afterEach(() => world.remove());

describe('the versions', () => {
  it('are told without a token, as Nova tells them', async () => {
    const root = await world.call('GET', '/', { as: '' });
    expect(root.body.versions).toMatchObject([{ id: 'v2.1', status: 'CURRENT', version: '2.93', min_version: '2.1' }]);
    const one = await world.call('GET', '/v2.1/', { as: '' });
    expect([one.status, one.body.version.id]).toEqual([200, 'v2.1']);
    expect((await world.call('GET', 'servers', { as: '' })).status).toBe(401);
  });

  it('are refused beyond 2.93, and echoed', async () => {
    expect((await world.call('GET', 'flavors', { minor: 94 })).status).toBe(406);
    const { headers } = await world.call('GET', 'flavors', { minor: 90 });
    expect(headers['openstack-api-version']).toBe('compute 2.90');
    expect(headers['x-openstack-nova-api-version']).toBe('2.90');
  });
});

describe('a new server', () => {
  it('is answered 202 with its id and password, and becomes ACTIVE', async () => {
    const image = world.addImage();
    const answer = await world.call('POST', 'servers', {
      body: { server: { name: 'one', flavorRef: '1', imageRef: image.id } },
    });
    expect(answer.status).toBe(202);
    expect(Object.keys(answer.body.server).sort()).toEqual(
      ['OS-DCF:diskConfig', 'adminPass', 'id', 'links', 'security_groups'].sort(),
    );
    const { id } = answer.body.server;
    expect(await world.settled(id)).toBe('ACTIVE');
    const { server } = (await world.call('GET', `servers/${id}`)).body;
    expect(server).toMatchObject({
      name: 'one',
      tenant_id: 'red',
      user_id: 'alice',
      image: { id: image.id },
      flavor: { id: '1' },
      addresses: {},
      security_groups: [{ name: 'default' }],
      'OS-EXT-STS:vm_state': 'active',
      'OS-EXT-STS:power_state': 1,
      'os-extended-volumes:volumes_attached': [],
    });
    expect(world.hypervisor.isRunning(id)).toBe(true);
  });

  it('has the fields of the microversion, no more', async () => {
    const id = await world.server({ name: 'gated', tags: ['a'] });
    const at = async (minor: number) => (await world.call('GET', `servers/${id}`, { minor })).body.server;
    expect(await at(1)).not.toHaveProperty('locked');
    expect(await at(1)).not.toHaveProperty('tags');
    expect(await at(9)).toHaveProperty('locked', false);
    expect(await at(26)).toHaveProperty('tags', ['a']);
    expect((await at(46)).flavor).toHaveProperty('id', '1');
    expect((await at(47)).flavor).toMatchObject({ original_name: 'm1.nano', vcpus: 1, ram: 128 });
    expect((await at(47)).flavor).not.toHaveProperty('id');
    expect(await at(89)).not.toHaveProperty('OS-EXT-SRV-ATTR:hostname');
    expect(await at(90)).toHaveProperty('OS-EXT-SRV-ATTR:hostname', 'gated');
    expect(await at(1)).not.toHaveProperty('OS-EXT-SRV-ATTR:host');
    const forAdmin = await world.call('GET', `servers/${id}`, { as: 'root' });
    expect(forAdmin.body.server).toHaveProperty('OS-EXT-SRV-ATTR:host');
  });

  it('needs networks from 2.37 on, and can ask for none only', async () => {
    const image = world.addImage();
    const create = (networks: unknown, minor: number) =>
      world.call('POST', 'servers', {
        minor,
        body: { server: { name: 'n', flavorRef: '1', imageRef: image.id, ...(networks ? { networks } : {}) } },
      });
    expect((await create(undefined, 37)).status).toBe(400);
    expect((await create('none', 37)).status).toBe(202);
    expect((await create([], 1)).status).toBe(202);
    expect((await create([{ uuid: image.id }], 1)).status).toBe(400);
  });

  it.each([
    ['without a name', { name: '' }],
    ['with a name that is too long', { name: 'x'.repeat(256) }],
    ['with an unknown flavor', { flavorRef: '99' }],
    ['with an unknown image', { imageRef: '11111111-1111-4111-8111-111111111111' }],
    ['with neither image nor volume', { imageRef: '' }],
    ['with files to inject', { personality: [] }],
    ['with an unknown key', { key_name: 'nobody' }],
    ['with more servers at least than at most', { min_count: 2, max_count: 1 }],
    ['in another zone', { availability_zone: 'mars' }],
  ])('%s is answered 400 and leaves nothing', async (_what, fields) => {
    const image = world.addImage();
    const body = { server: { name: 'bad', flavorRef: '1', imageRef: image.id, ...fields } };
    expect((await world.call('POST', 'servers', { body })).status).toBe(400);
    expect((await world.call('GET', 'servers')).body.servers).toEqual([]);
  });

  it('of an image that is not active, or of a format that no guest boots, is answered 400', async () => {
    for (const fields of [
      { status: 'queued' },
      { disk_format: 'vmdk' },
      { min_ram: 4096 },
      { min_disk: 40 },
    ] as const) {
      const image = world.addImage(fields);
      const body = { server: { name: 'bad', flavorRef: '1', imageRef: image.id } };
      expect([fields, (await world.call('POST', 'servers', { body })).status]).toEqual([fields, 400]);
    }
  });

  it('of an image whose bytes cannot be booted ends in ERROR with a fault that says so', async () => {
    const image = world.addImage({ disk_format: 'qcow2' }, Buffer.alloc(1024, 'not a qcow2'));
    const body = { server: { name: 'bad', flavorRef: '1', imageRef: image.id } };
    const { id } = (await world.call('POST', 'servers', { body })).body.server;
    expect(await world.settled(id)).toBe('ERROR');
    const { server } = (await world.call('GET', `servers/${id}`)).body;
    expect(server.fault).toMatchObject({ code: 400, message: expect.stringContaining('it says qcow2 and is raw') });
  });

  it('beyond the quota is answered 403; as many as fit are made where fewer will do', async () => {
    const image = world.addImage();
    const create = (least: number, most: number) =>
      world.call('POST', 'servers', {
        body: { server: { name: 'many', flavorRef: '1', imageRef: image.id, min_count: least, max_count: most } },
      });
    expect((await create(6, 6)).status).toBe(403);
    expect((await create(1, 9)).status).toBe(202);
    const names = (await world.call('GET', 'servers')).body.servers.map(({ name }: { name: string }) => name);
    expect(names.sort()).toEqual(['many-1', 'many-2', 'many-3', 'many-4', 'many-5']);
    const { absolute } = (await world.call('GET', 'limits')).body.limits;
    expect(absolute).toMatchObject({ maxTotalInstances: 5, totalInstancesUsed: 5, totalRAMUsed: 5 * 128 });
  });

  it('without QEMU installed is answered 503 with what to install', async () => {
    await world.remove();
    const config = {
      qemu_path: '/nonexistent/qemu-system-x86_64',
      sandbox: true,
      network: 'none',
      initiator_prefix: 'iqn.test',
    } as const;
    const root = await mkdtemp(join(tmpdir(), 'martlet-no-qemu-'));
    const hypervisor = new QemuHypervisor({ config, root, logger: createLogger('silent') });
    world = await ComputeWorld.start({}, { hypervisor });
    const image = world.addImage();
    const answer = await world.call('POST', 'servers', {
      body: { server: { name: 'one', flavorRef: '1', imageRef: image.id } },
    });
    expect(answer.status).toBe(503);
    expect(answer.body.serviceUnavailable.message).toBe(
      '/nonexistent/qemu-system-x86_64 is not installed: apt install qemu-system-x86 qemu-block-extra qemu-utils',
    );
    await rm(root, { recursive: true });
  });
});

describe('the list of servers', () => {
  it('has filters, order and pages', async () => {
    for (const name of ['alpha', 'beta', 'alphabet']) await world.server({ name });
    const names = async (query: string) =>
      (await world.call('GET', `servers?${query}`)).body.servers.map(({ name }: { name: string }) => name);
    expect(await names('name=^alpha$')).toEqual(['alpha']);
    expect((await names('name=alpha')).sort()).toEqual(['alpha', 'alphabet']);
    expect(await names('name=(a%2B)%2B$')).toEqual([]);
    expect(await names('status=SHUTOFF')).toEqual([]);
    expect(await names('sort_key=display_name&sort_dir=asc')).toEqual(['alpha', 'alphabet', 'beta']);
    const first = await world.call('GET', 'servers/detail?sort_key=display_name&sort_dir=asc&limit=2');
    expect(first.body.servers).toHaveLength(2);
    const [{ href }] = first.body.servers_links;
    const second = await world.call('GET', new URL(href).pathname + new URL(href).search);
    expect(second.body.servers.map(({ name }: { name: string }) => name)).toEqual(['beta']);
    expect(second.body).not.toHaveProperty('servers_links');
    expect((await world.call('GET', 'servers?marker=nobody')).status).toBe(400);
    expect((await world.call('GET', 'servers?limit=x')).status).toBe(400);
  });
});

describe('another project', () => {
  it('does not see, list or change a server: everything answers 404', async () => {
    const id = await world.server();
    const volume = world.volumes.add();
    for (const [method, path, body] of [
      ['GET', `servers/${id}`],
      ['PUT', `servers/${id}`, { server: { name: 'mine' } }],
      ['DELETE', `servers/${id}`],
      ['POST', `servers/${id}/action`, { 'os-stop': null }],
      ['POST', `servers/${id}/action`, { 'os-getConsoleOutput': {} }],
      ['GET', `servers/${id}/metadata`],
      ['PUT', `servers/${id}/metadata`, { metadata: {} }],
      ['GET', `servers/${id}/os-volume_attachments`],
      ['POST', `servers/${id}/os-volume_attachments`, { volumeAttachment: { volumeId: volume.id } }],
      ['DELETE', `servers/${id}/os-volume_attachments/${volume.id}`],
      ['GET', `servers/${id}/os-instance-actions`],
    ] as const) {
      const answer = await world.call(method, path, { as: 'bob', body });
      expect([method, path, answer.status]).toEqual([method, path, 404]);
    }
    expect((await world.call('GET', 'servers', { as: 'bob' })).body.servers).toEqual([]);
    expect((await world.call('GET', 'servers?project_id=red', { as: 'bob' })).body.servers).toEqual([]);
    expect((await world.call('GET', 'servers?all_tenants=1', { as: 'bob' })).status).toBe(403);
    expect((await world.call('GET', 'servers?all_tenants=1', { as: 'root' })).body.servers).toHaveLength(1);
    expect(world.hypervisor.isRunning(id)).toBe(true);
  });

  it('a reader of the same project sees it and may change nothing', async () => {
    const id = await world.server();
    expect((await world.call('GET', `servers/${id}`, { as: 'carol' })).status).toBe(200);
    expect((await world.call('DELETE', `servers/${id}`, { as: 'carol' })).status).toBe(403);
    expect((await world.call('POST', `servers/${id}/action`, { as: 'carol', body: { 'os-stop': null } })).status).toBe(
      403,
    );
  });
});

describe('a server', () => {
  it('stops, starts and reboots; what its state does not allow is answered 409', async () => {
    const id = await world.server();
    const act = async (body: object) => (await world.call('POST', `servers/${id}/action`, { body })).status;
    expect(await act({ 'os-start': null })).toBe(409);
    expect(await act({ 'os-stop': null })).toBe(202);
    expect(await world.settled(id)).toBe('SHUTOFF');
    expect(world.hypervisor.isRunning(id)).toBe(false);
    expect(await act({ reboot: { type: 'SOFT' } })).toBe(409);
    expect(await act({ 'os-start': null })).toBe(202);
    expect(await world.settled(id)).toBe('ACTIVE');
    expect(await act({ reboot: { type: 'HARD' } })).toBe(202);
    expect(await world.settled(id)).toBe('ACTIVE');
    expect(await act({ reboot: { type: 'HARSH' } })).toBe(400);
    expect(await act({ rebuild: {} })).toBe(501);
    expect(await act({ constructor: {} })).toBe(400);
    expect(await act({ 'os-stop': null, 'os-start': null })).toBe(400);
    const { instanceActions } = (await world.call('GET', `servers/${id}/os-instance-actions`)).body;
    expect(instanceActions.map(({ action }: { action: string }) => action)).toEqual([
      'reboot',
      'start',
      'stop',
      'create',
    ]);
  });

  it('is SHUTOFF when its guest powered itself off', async () => {
    const id = await world.server();
    await world.hypervisor.end(id);
    await expect
      .poll(async () => (await world.call('GET', `servers/${id}`)).body.server.status, { interval: 1 })
      .toBe('SHUTOFF');
  });

  it('shows the end of its console, as many lines as are asked for', async () => {
    const id = await world.server();
    const output = async (args: object | null) =>
      (await world.call('POST', `servers/${id}/action`, { body: { 'os-getConsoleOutput': args } })).body.output;
    expect(await output(null)).toBe(`fake guest ${id} booted\n`);
    expect(await output({ length: 0 })).toBe('');
    await world.call('POST', `servers/${id}/action`, { body: { reboot: { type: 'HARD' } } });
    await world.settled(id);
    expect((await output({})).split('\n')).toHaveLength(3);
    expect((await output({ length: 1 })).split('\n')).toHaveLength(2);
    expect(
      (await world.call('POST', `servers/${id}/action`, { body: { 'os-getConsoleOutput': { length: 'x' } } })).status,
    ).toBe(400);
  });

  it('has a name and metadata that can be changed', async () => {
    const id = await world.server({ metadata: { a: '1' } });
    const { server } = (await world.call('PUT', `servers/${id}`, { body: { server: { name: 'two' } } })).body;
    expect([server.name, server.metadata]).toEqual(['two', { a: '1' }]);
    const path = `servers/${id}/metadata`;
    expect((await world.call('POST', path, { body: { metadata: { b: '2' } } })).body.metadata).toEqual({
      a: '1',
      b: '2',
    });
    expect((await world.call('PUT', `${path}/b`, { body: { meta: { b: '3' } } })).body.meta).toEqual({ b: '3' });
    expect((await world.call('PUT', `${path}/b`, { body: { meta: { c: '3' } } })).status).toBe(400);
    expect((await world.call('DELETE', `${path}/a`)).status).toBe(204);
    expect((await world.call('GET', `${path}/a`)).status).toBe(404);
    expect((await world.call('GET', `${path}/__proto__`)).status).toBe(404);
    expect((await world.call('GET', path)).body.metadata).toEqual({ b: '3' });
  });

  it('is gone after its deletion, and so is its guest', async () => {
    const id = await world.server();
    expect((await world.call('DELETE', `servers/${id}`)).status).toBe(204);
    expect(await world.settled(id)).toBeUndefined();
    expect(world.hypervisor.isRunning(id)).toBe(false);
    expect((await world.call('DELETE', `servers/${id}`)).status).toBe(404);
  });

  it('in a hundred copies is listed in one page', async () => {
    await world.remove();
    world = await ComputeWorld.start({ quota_cores: -1, quota_ram_mib: -1 });
    const image = world.addImage();
    const body = { server: { name: 'many', flavorRef: '1', imageRef: image.id, min_count: 100, max_count: 100 } };
    expect((await world.call('POST', 'servers', { body })).status).toBe(202);
    const { servers } = (await world.call('GET', 'servers/detail')).body;
    expect(servers).toHaveLength(100);
    for (const { id } of servers) expect(await world.settled(id)).toBe('ACTIVE');
  });
});

describe('flavors', () => {
  it('are small by default, and admins make more', async () => {
    const { flavors } = (await world.call('GET', 'flavors/detail')).body;
    expect(flavors.map(({ id, name, ram }: Record<string, unknown>) => [id, name, ram])).toEqual([
      ['1', 'm1.nano', 128],
      ['2', 'm1.micro', 192],
      ['3', 'm1.tiny', 256],
      ['4', 'm1.small', 384],
      ['5', 'm1.medium', 512],
    ]);
    const body = { flavor: { name: 'own', ram: 64, vcpus: 1, disk: 0, id: 'own-id' } };
    expect((await world.call('POST', 'flavors', { body })).status).toBe(403);
    expect((await world.call('POST', 'flavors', { as: 'root', body })).body.flavor).toMatchObject({
      id: 'own-id',
      disk: 0,
    });
    expect((await world.call('POST', 'flavors', { as: 'root', body })).status).toBe(409);
    const specs = { extra_specs: { 'hw:x': '1' } };
    await world.call('POST', 'flavors/own-id/os-extra_specs', { as: 'root', body: specs });
    expect((await world.call('GET', 'flavors/own-id', { minor: 61 })).body.flavor).toMatchObject(specs);
    expect((await world.call('GET', 'flavors/own-id', { minor: 60 })).body.flavor).not.toHaveProperty('extra_specs');
    expect((await world.call('DELETE', 'flavors/own-id', { as: 'root' })).status).toBe(202);
    expect((await world.call('GET', 'flavors/own-id')).status).toBe(404);
    expect((await world.call('GET', 'flavors?minRam=300')).body.flavors).toHaveLength(2);
  });

  it('that are not public are seen by admins only', async () => {
    const body = {
      flavor: { name: 'secret', ram: 64, vcpus: 1, disk: 0, id: 's', 'os-flavor-access:is_public': false },
    };
    await world.call('POST', 'flavors', { as: 'root', body });
    expect((await world.call('GET', 'flavors/s')).status).toBe(404);
    expect((await world.call('GET', 'flavors?is_public=None')).body.flavors).toHaveLength(5);
    expect((await world.call('GET', 'flavors?is_public=None', { as: 'root' })).body.flavors).toHaveLength(6);
  });
});

describe('key pairs', () => {
  it('are the user’s own', async () => {
    const keypair = { name: 'mine', public_key: `ssh-ed25519 ${Buffer.from('key').toString('base64')} me` };
    expect((await world.call('POST', 'os-keypairs', { minor: 2, body: { keypair } })).status).toBe(201);
    expect((await world.call('POST', 'os-keypairs', { body: { keypair } })).status).toBe(409);
    expect((await world.call('GET', 'os-keypairs')).body.keypairs).toMatchObject([{ keypair: { name: 'mine' } }]);
    expect((await world.call('GET', 'os-keypairs', { as: 'bob' })).body.keypairs).toEqual([]);
    expect((await world.call('GET', 'os-keypairs/mine', { as: 'bob' })).status).toBe(404);
    await world.server({ key_name: 'mine' });
    expect((await world.call('DELETE', 'os-keypairs/mine')).status).toBe(202);
  });
});

describe('the cloud', () => {
  it('tells administrators of its services and hypervisors, and everybody of its zone', async () => {
    expect((await world.call('GET', 'os-availability-zone')).body.availabilityZoneInfo).toMatchObject([
      { zoneName: 'nova' },
    ]);
    for (const path of ['os-services', 'os-hypervisors', 'os-hypervisors/detail']) {
      expect((await world.call('GET', path)).status).toBe(403);
      expect((await world.call('GET', path, { as: 'root' })).status).toBe(200);
    }
  });
});
