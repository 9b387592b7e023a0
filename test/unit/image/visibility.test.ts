import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ImageHarness } from '../../support/image/image-harness.ts';

describe('who sees which image', () => {
  let image: ImageHarness;
  beforeEach(async () => {
    image = await ImageHarness.start();
  });
  afterEach(() => image.stop());

  const names = async (token: string, query = ''): Promise<unknown[]> =>
    (await image.json('GET', `/v2/images${query}`, undefined, token)).body.images.map((each) => each['name']).sort();

  it('private and shared images of another project are as if they were not there', async () => {
    for (const visibility of ['private', 'shared']) {
      const id = await image.create({ name: visibility, visibility });
      await image.upload(id, 'secret');
      expect(await names('bob')).toEqual([]);
      const requests: [string, string, string?][] = [
        ['GET', ''],
        ['DELETE', ''],
        ['GET', '/file'],
        ['PUT', '/file', 'application/octet-stream'],
        ['PATCH', '', 'application/openstack-images-v2.1-json-patch'],
        ['GET', '/members'],
        ['PUT', '/tags/x'],
        ['POST', '/actions/deactivate'],
      ];
      for (const [method, path, type] of requests) {
        const response = await image.request(method, `/v2/images/${id}${path}`, {
          token: 'bob',
          ...(type === undefined ? {} : { body: '[]', headers: { 'content-type': type } }),
        });
        expect([method, path, response.status]).toEqual([method, path, 404]);
      }
    }
    expect(await names('alice')).toEqual(['private', 'shared']);
  });

  it('a public image is seen and read by all, and changed by its owner only', async () => {
    const id = await image.create({ name: 'pub', visibility: 'public' }, 'admin');
    await image.upload(id, 'open', { token: 'admin' });
    expect(await names('bob')).toEqual(['pub']);
    expect(await (await image.request('GET', `/v2/images/${id}/file`, { token: 'bob' })).text()).toBe('open');
    expect((await image.request('DELETE', `/v2/images/${id}`, { token: 'bob' })).status).toBe(403);
    expect((await image.patch(id, [{ op: 'replace', path: '/name', value: 'mine' }], 'bob')).status).toBe(403);
    expect((await image.upload(id, 'other', { token: 'bob' })).status).toBe(403);
  });

  it('a community image is shown to who knows it or asks for the community', async () => {
    const id = await image.create({ name: 'com', visibility: 'community' });
    expect(await names('bob')).toEqual([]);
    expect(await names('bob', '?visibility=community')).toEqual(['com']);
    expect(await image.show(id, 'bob')).toMatchObject({ name: 'com' });
  });

  it('a reader reads records but neither makes, changes nor downloads images', async () => {
    const id = await image.create({ name: 'mine' });
    await image.upload(id, 'x');
    expect(await names('reader')).toEqual(['mine']);
    expect((await image.json('POST', '/v2/images', {}, 'reader')).status).toBe(403);
    expect((await image.request('DELETE', `/v2/images/${id}`, { token: 'reader' })).status).toBe(403);
    expect((await image.request('GET', `/v2/images/${id}/file`, { token: 'reader' })).status).toBe(403);
  });

  it('a member sees a shared image at once, and in its list after accepting it', async () => {
    const id = await image.create({ name: 'shared' });
    await image.upload(id, 'bytes');
    const added = await image.json('POST', `/v2/images/${id}/members`, { member: 'p2' });
    expect(added.body).toMatchObject({
      image_id: id,
      member_id: 'p2',
      status: 'pending',
      schema: '/v2/schemas/member',
    });
    expect((await image.json('POST', `/v2/images/${id}/members`, { member: 'p2' })).status).toBe(409);
    expect(await image.show(id, 'bob')).toMatchObject({ name: 'shared' });
    expect(await names('bob')).toEqual([]);
    expect(await names('bob', '?member_status=pending')).toEqual(['shared']);

    const member = `/v2/images/${id}/members/p2`;
    expect((await image.json('PUT', member, { status: 'accepted' }, 'alice')).status, 'the owner').toBe(403);
    expect((await image.json('PUT', member, { status: 'maybe' }, 'bob')).status).toBe(400);
    expect((await image.json('PUT', member, { status: 'accepted' }, 'bob')).body).toMatchObject({ status: 'accepted' });
    expect(await names('bob')).toEqual(['shared']);
    expect((await image.request('GET', `/v2/images/${id}/file`, { token: 'bob' })).status).toBe(200);

    expect((await image.json('POST', `/v2/images/${id}/members`, { member: 'p3' }, 'bob')).status).toBe(403);
    expect((await image.json('POST', `/v2/images/${id}/members`, { member: 'p3' })).status).toBe(200);
    const asBob = (await image.json('GET', `/v2/images/${id}/members`, undefined, 'bob')).body.members;
    expect(asBob.map((each) => each['member_id'])).toEqual(['p2']);
    expect((await image.json('GET', `/v2/images/${id}/members/p3`, undefined, 'bob')).status).toBe(404);
    expect((await image.request('DELETE', member, { token: 'bob' })).status).toBe(403);
    expect((await image.request('DELETE', member)).status).toBe(204);
    expect((await image.request('DELETE', member)).status).toBe(404);
    expect((await image.json('GET', `/v2/images/${id}`, undefined, 'bob')).status).toBe(404);
  });

  it('only a shared image has members', async () => {
    const id = await image.create({ visibility: 'private' });
    expect((await image.json('POST', `/v2/images/${id}/members`, { member: 'p2' })).status).toBe(403);
    expect((await image.json('GET', `/v2/images/${id}/members`)).status).toBe(403);
  });

  it('admins see the images of all projects', async () => {
    await image.create({ name: 'private', visibility: 'private' });
    expect(await names('admin')).toEqual(['private']);
    expect(await names('admin', '?owner=p2')).toEqual([]);
  });
});

describe('lists of images', () => {
  let image: ImageHarness;
  beforeAll(async () => {
    image = await ImageHarness.start();
    for (const [name, fields, bytes] of [
      ['a', { color: 'red', tags: ['x', 'y'] }, '1'],
      ['b', { disk_format: 'iso', tags: ['x'] }, undefined],
      ['c', { color: 'red', min_ram: 5 }, '12345'],
      ['d,e', { os_hidden: true }, undefined],
    ] as const) {
      image.tick(1000);
      const id = await image.create({ name, ...fields });
      if (bytes !== undefined) await image.upload(id, bytes);
    }
  });
  afterAll(() => image.stop());

  const list = async (query: string): Promise<string> => {
    const { status, body } = await image.json('GET', `/v2/images${query}`);
    return status === 200 ? body.images.map((each) => each['name']).join(' ') : String(status);
  };

  it.each([
    ['', 'c b a'],
    ['?sort=name:asc', 'a b c'],
    ['?sort_key=size&sort_dir=desc', 'c a b'],
    ['?sort=color', '400'],
    ['?name=b', 'b'],
    ['?name=in:a,c', 'c a'],
    ['?os_hidden=true&name=in:%22d,e%22', 'd,e'],
    ['?name=in:%22a', '400'],
    ['?os_hidden=true', 'd,e'],
    ['?status=active', 'c a'],
    ['?disk_format=iso', 'b'],
    ['?color=red', 'c a'],
    ['?color=blue', ''],
    ['?tag=x', 'b a'],
    ['?tag=x&tag=y', 'a'],
    ['?size_min=2', 'c'],
    ['?size_max=2', 'a'],
    ['?size_min=many', '400'],
    ['?min_ram=5', 'c'],
    ['?protected=false', 'c b a'],
    ['?owner=p2', ''],
    ['?visibility=public', ''],
    ['?visibility=shared', 'c b a'],
    ['?visibility=secret', '400'],
    ['?created_at=gt:2026-11-21T10:00:01Z', 'c b'],
    ['?created_at=lte:2026-11-21T10:00:01', 'a'],
    ['?created_at=gt:yesterday', '400'],
    ['?limit=many', '400'],
    ['?limit=0', ''],
    ['?marker=11111111-2222-4333-8444-555555555555', '404'],
  ])('%s gives: %s', async (query, expected) => {
    expect(await list(query)).toBe(expected);
  });

  it('pages follow their next links to the end', async () => {
    const seen: unknown[] = [];
    let path: string | undefined = '/v2/images?limit=2&sort=name:asc&status=in:active,queued';
    for (let pages = 0; path !== undefined; pages += 1) {
      expect(pages).toBeLessThan(3);
      const { body } = await image.json('GET', path);
      expect(body['first']).toBe('/v2/images?limit=2&sort=name%3Aasc&status=in%3Aactive%2Cqueued');
      expect(body['schema']).toBe('/v2/schemas/images');
      seen.push(...body.images.map((each) => each['name']));
      path = body['next'] as string | undefined;
    }
    expect(seen).toEqual(['a', 'b', 'c']);
  });
});
