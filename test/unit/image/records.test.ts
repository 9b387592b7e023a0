import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImageHarness } from '../../support/image/image-harness.ts';

describe('image records', () => {
  let image: ImageHarness;
  beforeAll(async () => {
    image = await ImageHarness.start();
  });
  afterAll(() => image.stop());

  it('POST makes a queued image of the caller, with its free properties beside the base fields', async () => {
    const id = 'AAAAAAAA-2222-4333-8444-555555555555';
    const made = await image.json('POST', '/v2/images', { id, name: 'n', disk_format: 'raw', os_distro: 'debian' });
    expect(made.status).toBe(201);
    expect(made.headers.get('location')).toBe(`${image.url}/v2/images/${id.toLowerCase()}`);
    expect(made.headers.get('openstack-image-store-ids')).toBe('file');
    expect(made.body).toEqual({
      id: id.toLowerCase(),
      name: 'n',
      status: 'queued',
      visibility: 'shared',
      owner: 'p1',
      protected: false,
      os_hidden: false,
      disk_format: 'raw',
      container_format: null,
      min_disk: 0,
      min_ram: 0,
      size: null,
      virtual_size: null,
      checksum: null,
      os_hash_algo: null,
      os_hash_value: null,
      os_distro: 'debian',
      tags: [],
      created_at: '2026-11-21T10:00:00Z',
      updated_at: '2026-11-21T10:00:00Z',
      self: `/v2/images/${id.toLowerCase()}`,
      file: `/v2/images/${id.toLowerCase()}/file`,
      schema: '/v2/schemas/image',
    });
    expect((await image.json('POST', '/v2/images', { id })).status).toBe(409);
    await image.request('DELETE', `/v2/images/${id.toLowerCase()}`);
    expect((await image.json('POST', '/v2/images', { id })).status, 'an id is never used again').toBe(409);
  });

  it.each([
    [400, { disk_format: 'floppy' }],
    [400, { min_disk: -1 }],
    [400, { min_ram: '5' }],
    [400, { name: 7 }],
    [400, { free: 7 }],
    [400, { id: 'no-uuid' }],
    [400, { tags: ['x'.repeat(256)] }],
    [403, { status: 'active' }],
    [403, { size: 1 }],
    [403, { checksum: 'x' }],
    [403, { self: '/x' }],
    [403, { os_glance_import: 'x' }],
    [403, { locations: [] }],
    [403, { visibility: 'public' }],
    [403, { owner: 'p2' }],
    [413, { a: 'x'.repeat(60_000), b: 'x'.repeat(60_000), c: 'x'.repeat(60_000) }],
    [413, { tags: Array.from({ length: 129 }, (_, index) => `t${index}`) }],
    [413, Object.fromEntries(Array.from({ length: 129 }, (_, index) => [`p${index}`, 'x']))],
  ])('POST is answered %i for %j', async (status, fields) => {
    expect((await image.json('POST', '/v2/images', fields)).status).toBe(status);
  });

  it('errors are pages whose text says what was wrong, escaped', async () => {
    const { headers, text } = await image.json('GET', '/v2/images/%3Cb%3E');
    expect(headers.get('content-type')).toBe('text/html; charset=UTF-8');
    expect(text).toContain('<title>404 Not Found</title>');
    expect(text).toContain('No image found with ID &#60;b&#62;');
  });

  it('a request without a good token is answered 401 with where to get one', async () => {
    const response = await image.request('GET', '/v2/images', { token: 'nobody' });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Keystone uri="http://127.0.0.1:5000"');
  });

  it('PATCH adds, replaces and removes in the form of v2.1 and of v2.0', async () => {
    const id = await image.create({ color: 'red', 'a/b~c': 'x' });
    image.tick(5000);
    const { status, body } = await image.patch(id, [
      { op: 'replace', path: '/name', value: 'new' },
      { op: 'add', path: '/taste', value: 'sweet' },
      { op: 'replace', path: '/color', value: 'blue' },
      { op: 'remove', path: '/a~1b~0c' },
      { op: 'replace', path: '/tags', value: ['one', 'one', 'two'] },
    ]);
    expect(status).toBe(200);
    expect(body).toMatchObject({ name: 'new', taste: 'sweet', color: 'blue', tags: ['one', 'two'] });
    expect(body).not.toHaveProperty('a/b~c');
    expect(Date.parse(String(body['updated_at'])) - Date.parse(String(body['created_at']))).toBe(5000);
    const older = await image.request('PATCH', `/v2/images/${id}`, {
      body: JSON.stringify([{ replace: '/name', value: 'older' }, { remove: '/taste' }]),
      headers: { 'content-type': 'application/openstack-images-v2.0-json-patch' },
    });
    expect(older.status).toBe(200);
    expect(await image.show(id)).toMatchObject({ name: 'older', color: 'blue' });
  });

  it.each([
    [400, { op: 'move', path: '/name', value: 'x' }],
    [400, { op: 'add', path: 'name', value: 'x' }],
    [400, { op: 'add', path: '/a/b', value: 'x' }],
    [400, { op: 'add', path: '/a' }],
    [400, { op: 'replace', path: '/protected', value: 'yes' }],
    [403, { op: 'replace', path: '/status', value: 'active' }],
    [403, { op: 'replace', path: '/id', value: '11111111-2222-4333-8444-555555555555' }],
    [403, { op: 'add', path: '/locations/-', value: 'file:///etc/passwd' }],
    [403, { op: 'remove', path: '/name' }],
    [403, { op: 'replace', path: '/visibility', value: 'public' }],
    [409, { op: 'remove', path: '/absent' }],
    [409, { op: 'remove', path: '/toString' }],
    [409, { op: 'replace', path: '/absent', value: 'x' }],
  ])('PATCH is answered %i for %j, and changes nothing', async (status, operation) => {
    const id = await image.create({ name: 'before' });
    const patched = await image.patch(id, [{ op: 'replace', path: '/name', value: 'after' }, operation]);
    expect(patched.status).toBe(status);
    expect(await image.show(id)).toMatchObject({ name: 'before' });
  });

  it('PATCH of another media type is answered 415 with those that are taken', async () => {
    const { status, headers } = await image.json('PATCH', `/v2/images/${await image.create()}`, []);
    expect(status).toBe(415);
    expect(headers.get('accept-patch')).toContain('application/openstack-images-v2.1-json-patch');
  });

  it('the formats of an image stay as they are once it has data', async () => {
    const id = await image.create();
    await image.upload(id, 'x');
    expect((await image.patch(id, [{ op: 'replace', path: '/disk_format', value: 'iso' }])).status).toBe(403);
  });

  it('a protected image is not deleted', async () => {
    const id = await image.create({ protected: true });
    expect((await image.request('DELETE', `/v2/images/${id}`)).status).toBe(403);
    await image.patch(id, [{ op: 'replace', path: '/protected', value: false }]);
    expect((await image.request('DELETE', `/v2/images/${id}`)).status).toBe(204);
    expect((await image.request('DELETE', `/v2/images/${id}`)).status).toBe(404);
  });

  it('tags are put and deleted one by one', async () => {
    const id = await image.create();
    expect((await image.request('PUT', `/v2/images/${id}/tags/red%20one`)).status).toBe(204);
    expect((await image.request('PUT', `/v2/images/${id}/tags/red%20one`)).status).toBe(204);
    expect(await image.show(id)).toMatchObject({ tags: ['red one'] });
    expect((await image.request('DELETE', `/v2/images/${id}/tags/red%20one`)).status).toBe(204);
    expect((await image.request('DELETE', `/v2/images/${id}/tags/red%20one`)).status).toBe(404);
  });

  it('versions, schemas and import methods are told', async () => {
    expect((await image.request('GET', '/', { token: '' })).status).toBe(300);
    const { body } = await image.json('GET', '/versions', undefined, '');
    const versions = body['versions'] as { id: string; status: string }[];
    expect(versions[0]).toMatchObject({ id: 'v2.8', status: 'CURRENT' });
    expect(versions.map(({ id }) => id)).not.toContain('v2.6');
    for (const name of ['image', 'images', 'member', 'members'])
      expect((await image.json('GET', `/v2/schemas/${name}`)).body).toMatchObject({ name });
    expect((await image.json('GET', '/v2/schemas/toString')).status).toBe(404);
    expect((await image.json('GET', '/v2/info/import')).body).toMatchObject({ 'import-methods': { value: [] } });
    expect((await image.json('GET', '/v2/info/stores/detail')).status).toBe(403);
    expect((await image.json('GET', '/v2/info/stores/detail', undefined, 'admin')).body).toMatchObject({
      stores: [{ id: 'file', type: 'file', default: 'true' }],
    });
  });

  it('a method that a path does not have is answered 405, as by Glance', async () => {
    const id = await image.create({ name: 'x' });
    const answer = await image.request('POST', `/v2/images/${id}/file`);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, PUT']);
    expect((await image.request('GET', '/v2/nowhere')).status).toBe(404);
  });

  it.each([
    ['PUT', '/v2/images/ID/stage'],
    ['POST', '/v2/images/ID/import'],
    ['GET', '/v2/tasks'],
    ['GET', '/v2/metadefs/namespaces'],
    ['DELETE', '/v2/stores/file/ID'],
  ])('%s %s, which is not built, is answered 501', async (method, path) => {
    const id = await image.create({ name: 'x' });
    expect((await image.request(method, path.replace('ID', id))).status).toBe(501);
  });
});
