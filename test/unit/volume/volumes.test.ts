import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN, ANNA, BORIS, FakeCloud, READER } from '../../support/volume/fake-cloud.ts';

let cloud: FakeCloud;
beforeEach(async () => {
  cloud = await FakeCloud.start();
});
afterEach(() => cloud.close());

const NOBODY = '00000000-0000-4000-8000-000000000000';

describe('discovery', () => {
  it('GET / answers 300 without a token', async () => {
    const answer = await cloud.call('GET', '/', { token: '' });
    expect(answer.status).toBe(300);
    expect(answer.body.versions[0]).toMatchObject({ id: 'v3.0', min_version: '3.0', version: '3.67' });
  });

  it('GET /v3/ answers 200 with a token and 401 without', async () => {
    expect((await cloud.call('GET', '/v3/')).status).toBe(200);
    const refused = await cloud.call('GET', '/v3/', { token: '' });
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toBeTruthy();
  });

  it('a version above the highest is answered 406 as a computeFault', async () => {
    const answer = await cloud.call('GET', '/volumes', { minor: 68 });
    expect(answer.status).toBe(406);
    expect(answer.body.computeFault.code).toBe(406);
  });

  it('every answer says its version and varies by it', async () => {
    const answer = await cloud.call('GET', '/volumes', { minor: 44 });
    expect(answer.headers['openstack-api-version']).toBe('volume 3.44');
    expect(answer.headers['vary']).toContain('OpenStack-API-Version');
  });

  it('a URL with the token’s project works, one with another project is 404', async () => {
    expect((await cloud.call('GET', '/v3/red/volumes')).status).toBe(200);
    expect((await cloud.call('GET', '/v3/blue/volumes')).status).toBe(404);
  });
});

describe('creating', () => {
  it('answers 202 with the fields of the API, and the volume becomes available', async () => {
    const { status, body } = await cloud.call('POST', '/volumes', {
      body: { volume: { size: 2, name: 'disk', description: 'mine', metadata: { a: 'b' } } },
    });
    expect(status).toBe(202);
    expect(Object.keys(body.volume).sort()).toEqual(
      [
        'attachments',
        'availability_zone',
        'bootable',
        'consistencygroup_id',
        'created_at',
        'description',
        'encrypted',
        'id',
        'links',
        'metadata',
        'multiattach',
        'name',
        'replication_status',
        'size',
        'snapshot_id',
        'source_volid',
        'status',
        'updated_at',
        'user_id',
        'volume_type',
      ].sort(),
    );
    expect(body.volume).toMatchObject({ status: 'creating', size: 2, volume_type: '__DEFAULT__', bootable: 'false' });
    await cloud.service.operationsEnded();
    expect(await cloud.statusOf(body.volume.id)).toBe('available');
    const file = await stat(join(cloud.folder, 'volumes', `volume-${body.volume.id}`));
    expect(file.size).toBe(2 * 2 ** 30);
  });

  it.each([
    ['no size', {}],
    ['a size of 0', { size: 0 }],
    ['a negative size', { size: -1 }],
    ['a size that is no number', { size: 'big' }],
    ['an unknown field', { size: 1, colour: 'red' }],
    ['multiattach, which is the type’s matter', { size: 1, multiattach: true }],
    ['a name of 256 characters', { size: 1, name: 'x'.repeat(256) }],
    ['two sources', { size: 1, imageRef: NOBODY, source_volid: NOBODY }],
    ['an unknown availability zone', { size: 1, availability_zone: 'mars' }],
  ])('with %s is 400', async (_what, volume) => {
    const { status, body } = await cloud.call('POST', '/volumes', { body: { volume } });
    expect(status).toBe(400);
    expect(body.badRequest.message).toBeTruthy();
    expect((await cloud.call('GET', '/volumes')).body.volumes).toEqual([]);
  });

  it.each([['{'], ['[]'], ['null'], ['"text"'], ['{"volume":{"size":1},"__proto__":{"a":1}}']])(
    'the body %s is 400',
    async (payload) => {
      const headers = { 'x-auth-token': ANNA, 'content-type': 'application/json' };
      const response = await cloud.service.app.inject({ method: 'POST', url: '/v3/volumes', headers, payload });
      expect(response.statusCode).toBe(400);
      expect(response.json().badRequest.code).toBe(400);
    },
  );

  it('of an unknown type is 404', async () => {
    const { status } = await cloud.call('POST', '/volumes', { body: { volume: { size: 1, volume_type: 'none' } } });
    expect(status).toBe(404);
  });

  it('from a snapshot is 501, as there are none', async () => {
    const { status } = await cloud.call('POST', '/volumes', { body: { volume: { size: 1, snapshot_id: NOBODY } } });
    expect(status).toBe(501);
  });

  it('a reader may not create', async () => {
    const { status } = await cloud.call('POST', '/volumes', { token: READER, body: { volume: { size: 1 } } });
    expect(status).toBe(403);
  });

  it('a name that looks like a path stays a name', async () => {
    const id = await cloud.volume({ name: '../../etc/passwd' });
    expect((await cloud.call('GET', `/volumes/${id}`)).body.volume.name).toBe('../../etc/passwd');
    expect((await stat(join(cloud.folder, 'volumes', `volume-${id}`))).isFile()).toBe(true);
  });

  it('when no pool can hold it ends in error, with a message that says why', async () => {
    const id = await cloud.volume({ size: 1, volume_type: await gpuType() });
    expect(await cloud.statusOf(id)).toBe('error');
    const { body } = await cloud.call('GET', '/messages', { minor: 3 });
    expect(body.messages[0]).toMatchObject({
      resource_uuid: id,
      user_message: expect.stringContaining('capabilities'),
    });
  });

  async function gpuType(): Promise<string> {
    const extraSpecs = { volume_backend_name: 'nowhere' };
    const body = { volume_type: { name: 'gpu', extra_specs: extraSpecs } };
    return (await cloud.call('POST', '/types', { token: ADMIN, body })).body.volume_type.id;
  }
});

describe('reading', () => {
  it('show gives the owner the project, and the administrator the host too', async () => {
    const id = await cloud.volume();
    const mine = (await cloud.call('GET', `/volumes/${id}`)).body.volume;
    expect(mine['os-vol-tenant-attr:tenant_id']).toBe('red');
    expect(mine).not.toHaveProperty('os-vol-host-attr:host');
    const theirs = (await cloud.call('GET', `/volumes/${id}`, { token: ADMIN })).body.volume;
    expect(theirs['os-vol-host-attr:host']).toBe('martlet@file#file');
  });

  it('newer fields come with their versions only', async () => {
    const id = await cloud.volume();
    const shown = async (minor: number) => (await cloud.call('GET', `/volumes/${id}`, { minor })).body.volume;
    expect(await shown(47)).not.toHaveProperty('shared_targets');
    expect(await shown(48)).toHaveProperty('shared_targets', false);
    expect(await shown(63)).toHaveProperty('volume_type_id');
    expect(await shown(62)).not.toHaveProperty('volume_type_id');
  });

  it('another project’s volume is not there: show, delete, update, action', async () => {
    const id = await cloud.volume();
    for (const [method, path, body] of [
      ['GET', `/volumes/${id}`, undefined],
      ['DELETE', `/volumes/${id}`, undefined],
      ['PUT', `/volumes/${id}`, { volume: { name: 'stolen' } }],
      ['POST', `/volumes/${id}/action`, { 'os-extend': { new_size: 2 } }],
      ['GET', `/volumes/${id}/metadata`, undefined],
    ] as const) {
      const answer = await cloud.call(method, path, { token: BORIS, ...(body && { body }) });
      expect([method, path, answer.status]).toEqual([method, path, 404]);
    }
    expect((await cloud.call('GET', '/volumes', { token: BORIS })).body.volumes).toEqual([]);
    expect((await cloud.call('GET', '/volumes/detail?all_tenants=1', { token: BORIS })).body.volumes).toEqual([]);
  });

  it('an unknown id and something that is no id are 404 with Cinder’s words', async () => {
    for (const id of [NOBODY, 'disk', '..%2f..%2fetc']) {
      const { status, body } = await cloud.call('GET', `/volumes/${id}`);
      expect(status).toBe(404);
      expect(body.itemNotFound.message).toMatch(/^Volume .* could not be found\.$/);
    }
  });

  it('the administrator lists all projects with all_tenants', async () => {
    await cloud.volume({}, ANNA);
    await cloud.volume({}, BORIS);
    const { body } = await cloud.call('GET', '/volumes?all_tenants=1', { token: ADMIN });
    expect(body.volumes).toHaveLength(2);
  });

  it('lists are sorted, cut and linked', async () => {
    for (const name of ['b', 'a', 'c']) await cloud.volume({ name });
    const first = (await cloud.call('GET', '/volumes/detail?sort=name:asc&limit=2')).body;
    expect(first.volumes.map(({ name }: { name: string }) => name)).toEqual(['a', 'b']);
    const next = new URL(first.volumes_links[0].href);
    const second = (await cloud.call('GET', `${next.pathname}${next.search}`)).body;
    expect(second.volumes.map(({ name }: { name: string }) => name)).toEqual(['c']);
    expect(second).not.toHaveProperty('volumes_links');
    const full = (await cloud.call('GET', '/volumes?limit=3')).body;
    expect(full.volumes_links, 'a full page may be followed by an empty one').toHaveLength(1);
  });

  it.each([
    ['name=one', ['one']],
    ['status=available', ['one', 'two']],
    ['status=error', []],
    ["metadata={'colour': 'red'}", ['one']],
    ['metadata={"colour":"red"}', ['one']],
    ['bootable=true', []],
    ['limit=0', []],
  ])('the filter %s finds %j', async (query, names) => {
    await cloud.volume({ name: 'one', metadata: { colour: 'red' } });
    await cloud.volume({ name: 'two' });
    const { body } = await cloud.call('GET', `/volumes/detail?sort=name:asc&${encodeURI(query)}`);
    expect(body.volumes.map(({ name }: { name: string }) => name)).toEqual(names);
  });

  it('a marker that names nothing is 400', async () => {
    expect((await cloud.call('GET', `/volumes?marker=${NOBODY}`)).status).toBe(400);
  });
});

describe('changing', () => {
  it('name and description change, and may be taken away', async () => {
    const id = await cloud.volume({ name: 'old', description: 'text' });
    await cloud.call('PUT', `/volumes/${id}`, { body: { volume: { name: 'new', description: null } } });
    expect((await cloud.call('GET', `/volumes/${id}`)).body.volume).toMatchObject({ name: 'new', description: null });
  });

  it('metadata is added, replaced, read and removed item by item', async () => {
    const id = await cloud.volume({ metadata: { a: '1' } });
    const path = `/volumes/${id}/metadata`;
    const metadata = async () => (await cloud.call('GET', path)).body.metadata;
    await cloud.call('POST', path, { body: { metadata: { b: '2' } } });
    expect(await metadata()).toEqual({ a: '1', b: '2' });
    await cloud.call('PUT', path, { body: { metadata: { c: '3' } } });
    expect(await metadata()).toEqual({ c: '3' });
    await cloud.call('PUT', `${path}/c`, { body: { meta: { c: '4' } } });
    expect((await cloud.call('GET', `${path}/c`)).body).toEqual({ meta: { c: '4' } });
    expect((await cloud.call('DELETE', `${path}/c`)).status).toBe(200);
    expect((await cloud.call('DELETE', `${path}/c`)).status).toBe(404);
    expect(await metadata()).toEqual({});
  });

  it('extending makes the volume larger and never smaller', async () => {
    const id = await cloud.volume({ size: 2 });
    const extend = (newSize: number) =>
      cloud.call('POST', `/volumes/${id}/action`, { body: { 'os-extend': { new_size: newSize } } });
    expect((await extend(2)).status).toBe(400);
    expect((await extend(1)).status).toBe(400);
    expect((await extend(3)).status).toBe(202);
    await cloud.service.operationsEnded();
    expect((await cloud.call('GET', `/volumes/${id}`)).body.volume).toMatchObject({ size: 3, status: 'available' });
    expect((await stat(join(cloud.folder, 'volumes', `volume-${id}`))).size).toBe(3 * 2 ** 30);
  });

  it('bootable and read-only are flags', async () => {
    const id = await cloud.volume();
    const act = (body: unknown) => cloud.call('POST', `/volumes/${id}/action`, { body });
    expect((await act({ 'os-set_bootable': { bootable: true } })).status).toBe(200);
    expect((await act({ 'os-update_readonly_flag': { readonly: true } })).status).toBe(202);
    const { volume } = (await cloud.call('GET', `/volumes/${id}`)).body;
    expect(volume).toMatchObject({ bootable: 'true', metadata: { readonly: 'True' } });
  });

  it('resetting a status is the administrator’s', async () => {
    const id = await cloud.volume();
    const body = { 'os-reset_status': { status: 'error' } };
    expect((await cloud.call('POST', `/volumes/${id}/action`, { body })).status).toBe(403);
    expect((await cloud.call('POST', `/volumes/${id}/action`, { token: ADMIN, body })).status).toBe(202);
    expect(await cloud.statusOf(id)).toBe('error');
  });

  it('an unknown action is 400 and one that is not built 501', async () => {
    const id = await cloud.volume();
    const act = (body: unknown) => cloud.call('POST', `/volumes/${id}/action`, { body });
    expect((await act({ 'os-fly': {} })).status).toBe(400);
    expect((await act({ 'os-retype': {} })).status).toBe(501);
    expect((await act({ constructor: {} })).status).toBe(400);
  });
});

describe('deleting', () => {
  it('answers 202, and then volume and file are gone', async () => {
    const id = await cloud.volume();
    expect((await cloud.call('DELETE', `/volumes/${id}`)).status).toBe(202);
    await cloud.service.operationsEnded();
    expect((await cloud.call('GET', `/volumes/${id}`)).status).toBe(404);
    await expect(stat(join(cloud.folder, 'volumes', `volume-${id}`))).rejects.toThrow('ENOENT');
  });

  it('with a content type but without a body is a deletion all the same', async () => {
    const id = await cloud.volume();
    const headers = { 'x-auth-token': ANNA, 'content-type': 'application/json' };
    const { statusCode } = await cloud.service.app.inject({ method: 'DELETE', url: `/v3/volumes/${id}`, headers });
    expect(statusCode).toBe(202);
  });

  it('of a volume in error works, of a reserved one is 400 and names its status', async () => {
    const id = await cloud.volume();
    const act = (body: unknown, token = ANNA) => cloud.call('POST', `/volumes/${id}/action`, { token, body });
    await act({ 'os-reserve': {} });
    const refused = await cloud.call('DELETE', `/volumes/${id}`);
    expect(refused.status).toBe(400);
    expect(refused.body.badRequest.message).toContain('current status is: attaching');
    await act({ 'os-reset_status': { status: 'error' } }, ADMIN);
    expect((await cloud.call('DELETE', `/volumes/${id}`)).status).toBe(202);
  });

  it('by force is the administrator’s', async () => {
    const id = await cloud.volume();
    const body = { 'os-force_delete': {} };
    expect((await cloud.call('POST', `/volumes/${id}/action`, { body })).status).toBe(403);
    expect((await cloud.call('POST', `/volumes/${id}/action`, { token: ADMIN, body })).status).toBe(202);
    await cloud.service.operationsEnded();
    expect((await cloud.call('GET', `/volumes/${id}`)).status).toBe(404);
  });
});

describe('what is not built', () => {
  it('its lists are empty, its ids unknown, its making 501', async () => {
    expect((await cloud.call('GET', '/snapshots/detail')).body).toEqual({ snapshots: [] });
    expect((await cloud.call('GET', `/snapshots/${NOBODY}`)).status).toBe(404);
    const answer = await cloud.call('POST', '/snapshots', { body: { snapshot: {} } });
    expect(answer.status).toBe(501);
    expect(answer.body.notImplemented.code).toBe(501);
  });
});
