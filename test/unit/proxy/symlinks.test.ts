import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

const md5 = (text: string) => createHash('md5').update(text).digest('hex');
const BODY = 'what the link leads to';
const ETAG = md5(BODY);

describe('symlinks', () => {
  let swift: FakeSwift;

  beforeEach(async () => {
    swift = await FakeSwift.start();
    await swift.put('/c');
    await swift.put('/t');
    await swift.put('/t/a b/target', BODY, { 'content-type': 'text/x', 'x-object-meta-of': 'target' });
  });

  afterEach(async () => {
    await swift.stop();
    for (const store of swift.objects.values()) expect([store.openUploads, store.openReadings]).toEqual([0, 0]);
  });

  const link = (path: string, target: string, headers: Record<string, string> = {}) =>
    swift.request('PUT', path, { headers: { 'x-symlink-target': target, ...headers } });
  const rows = async (query = '') =>
    (await (await swift.request('GET', `/c?format=json${query}`)).json()) as Record<string, unknown>[];

  describe('dynamic', () => {
    beforeEach(() => link('/c/link', 't/a%20b/target', { 'x-object-meta-of': 'link' }));

    it('PUT answers the ETag of nothing', async () => {
      const put = await link('/c/other', 't/x');
      expect([put.status, put.headers.get('etag')]).toEqual([201, md5('')]);
    });

    it('GET and HEAD show the target and where it is', async () => {
      for (const method of ['GET', 'HEAD']) {
        const got = await swift.request(method, '/c/link');
        expect(got.status).toBe(200);
        expect(await got.text()).toBe(method === 'GET' ? BODY : '');
        expect(got.headers.get('content-length')).toBe(String(BODY.length));
        expect(got.headers.get('etag')).toBe(ETAG);
        expect(got.headers.get('x-object-meta-of')).toBe('target');
        expect(got.headers.get('content-location')).toBe('/v1/AUTH_p1/t/a%20b/target');
      }
    });

    it('ranges and conditions are about the target', async () => {
      expect(await swift.text('/c/link', { range: 'bytes=5-7' })).toBe(BODY.slice(5, 8));
      const got = await swift.request('GET', '/c/link', { headers: { 'if-none-match': ETAG } });
      expect(got.status).toBe(304);
    });

    it('symlink=get shows the link itself', async () => {
      const got = await swift.request('GET', '/c/link?symlink=get');
      expect(await got.text()).toBe('');
      expect(got.headers.get('x-symlink-target')).toBe('t/a%20b/target');
      expect(got.headers.get('content-type')).toBe('application/symlink');
      expect(got.headers.get('x-object-meta-of')).toBe('link');
      expect(got.headers.get('content-location')).toBeNull();
      expect([...got.headers.keys()].filter((name) => name.includes('sysmeta'))).toEqual([]);
    });

    it('a listing says where it leads', async () => {
      expect(await rows()).toMatchObject([
        { name: 'link', bytes: 0, hash: md5(''), symlink_path: '/v1/AUTH_p1/t/a%20b/target' },
      ]);
    });

    it('POST changes the link and says where the target is', async () => {
      const post = await fetch(`${swift.url}/v1/AUTH_p1/c/link`, {
        method: 'POST',
        headers: { 'x-auth-token': 'member', 'x-object-meta-new': '1' },
        redirect: 'manual',
      });
      expect(post.status).toBe(307);
      expect(post.headers.get('location')).toBe('/v1/AUTH_p1/t/a%20b/target');
      expect(await post.text()).toContain('The requested POST was applied to a symlink.');
      const got = await swift.request('HEAD', '/c/link?symlink=get');
      expect(got.headers.get('x-object-meta-new')).toBe('1');
      expect(got.headers.get('x-symlink-target')).toBe('t/a%20b/target');
    });

    it('POST cannot set a target', async () => {
      const post = await swift.request('POST', '/c/link', { headers: { 'x-symlink-target': 't/x' } });
      expect([post.status, await post.text()]).toEqual([400, 'A PUT request is required to set a symlink target']);
    });

    it('DELETE removes the link, not the target', async () => {
      expect((await swift.request('DELETE', '/c/link')).status).toBe(204);
      expect((await swift.request('GET', '/c/link')).status).toBe(404);
      expect(await swift.text('/t/a%20b/target')).toBe(BODY);
    });

    it('a target that is not there is 404, with its place', async () => {
      await link('/c/broken', 't/none');
      const got = await swift.request('GET', '/c/broken');
      expect([got.status, got.headers.get('content-location')]).toEqual([404, '/v1/AUTH_p1/t/none']);
    });

    it('two links in a row are followed, three are too many', async () => {
      await link('/c/second', 'c/link');
      await link('/c/third', 'c/second');
      expect(await swift.text('/c/second')).toBe(BODY);
      const got = await swift.request('GET', '/c/third');
      expect(got.status).toBe(409);
      expect(await got.text()).toBe('Too many levels of symbolic links, maximum allowed is 2');
    });

    it('a link leads into another account only where the caller may read', async () => {
      await link('/c/away', 'x/y', { 'x-symlink-target-account': 'AUTH_p2' });
      expect((await swift.request('GET', '/c/away')).status).toBe(403);
      const got = await swift.request('HEAD', '/c/away?symlink=get');
      expect(got.headers.get('x-symlink-target-account')).toBe('AUTH_p2');
      expect(await rows('&prefix=away')).toMatchObject([{ symlink_path: '/v1/AUTH_p2/x/y' }]);
    });

    it('COPY copies the target, with symlink=get the link', async () => {
      await swift.request('COPY', '/c/link', { headers: { destination: 'c/whole' } });
      expect((await swift.request('HEAD', '/c/whole?symlink=get')).headers.get('content-length')).toBe(
        String(BODY.length),
      );
      await swift.request('COPY', '/c/link?symlink=get', { headers: { destination: 'c/again' } });
      const got = await swift.request('HEAD', '/c/again?symlink=get');
      expect(got.headers.get('x-symlink-target')).toBe('t/a%20b/target');
      expect(await rows('&prefix=again')).toMatchObject([
        { hash: md5(''), symlink_path: '/v1/AUTH_p1/t/a%20b/target' },
      ]);
    });
  });

  describe('static', () => {
    it('says and keeps the ETag of its target', async () => {
      const put = await link('/c/link', 't/a b/target', { 'x-symlink-target-etag': ETAG });
      expect(put.status).toBe(201);
      expect(await swift.text('/c/link')).toBe(BODY);
      const got = await swift.request('HEAD', '/c/link?symlink=get');
      expect(got.headers.get('x-symlink-target-etag')).toBe(ETAG);
      expect(got.headers.get('x-symlink-target-bytes')).toBe(String(BODY.length));
      expect(got.headers.get('content-type')).toBe('text/x');
      expect(await rows()).toMatchObject([
        {
          hash: md5(''),
          symlink_etag: ETAG,
          symlink_bytes: BODY.length,
          symlink_path: '/v1/AUTH_p1/t/a%20b/target',
        },
      ]);
    });

    it('PUT with another ETag than the target has is refused', async () => {
      const put = await link('/c/link', 't/a b/target', { 'x-symlink-target-etag': md5('other') });
      expect(put.status).toBe(409);
      expect(await put.text()).toBe(
        `Object Etag '${ETAG}' does not match X-Symlink-Target-Etag header '${md5('other')}'`,
      );
      expect(put.headers.get('content-location')).toBe('/v1/AUTH_p1/t/a%20b/target');
    });

    it('PUT to what is not there is refused', async () => {
      const put = await link('/c/link', 't/none', { 'x-symlink-target-etag': ETAG });
      expect([put.status, await put.text()]).toEqual([409, 'X-Symlink-Target does not exist']);
    });

    it('a target that has changed since is no longer read', async () => {
      await link('/c/link', 't/a b/target', { 'x-symlink-target-etag': ETAG });
      await swift.put('/t/a%20b/target', 'changed');
      const got = await swift.request('GET', '/c/link');
      expect(got.status).toBe(409);
      expect(await got.text()).toBe(
        `Object Etag '${md5('changed')}' does not match X-Symlink-Target-Etag header '${ETAG}'`,
      );
    });

    it('a link to a static link says the ETag of what that leads to', async () => {
      await link('/c/link', 't/a b/target', { 'x-symlink-target-etag': ETAG });
      expect((await link('/c/second', 'c/link', { 'x-symlink-target-etag': ETAG })).status).toBe(201);
      expect(await swift.text('/c/second')).toBe(BODY);
      const put = await link('/c/third', 'c/link', { 'x-symlink-target-etag': md5('') });
      expect([put.status, await put.text()]).toEqual([409, 'X-Symlink-Target-Etag headers do not match']);
    });

    it('a link to a large object lists its ETag', async () => {
      await swift.put('/t/large?multipart-manifest=put', JSON.stringify([{ path: '/t/a b/target' }]));
      const manifest = await swift.request('GET', '/t/large?multipart-manifest=get');
      const manifestEtag = md5(await manifest.text());
      expect((await link('/c/link', 't/large', { 'x-symlink-target-etag': manifestEtag })).status).toBe(201);
      expect(await swift.text('/c/link')).toBe(BODY);
      expect(await rows()).toMatchObject([
        { hash: md5(''), slo_etag: `"${md5(ETAG)}"`, symlink_etag: manifestEtag, symlink_bytes: BODY.length },
      ]);
    });

    it('an ETag that would break a listing is refused', async () => {
      const put = await link('/c/link', 't/a', { 'x-symlink-target-etag': 'a;b' });
      expect([put.status, await put.text()]).toEqual([400, 'Bad X-Symlink-Target-Etag format']);
    });
  });

  describe('refusals of a PUT', () => {
    it('with a body', async () => {
      const put = await swift.put('/c/link', 'x', { 'x-symlink-target': 't/a' });
      expect([put.status, await put.text()]).toEqual([400, 'Symlink requests require a zero byte body']);
    });

    it('to itself', async () => {
      const put = await link('/c/link', 'c/link');
      expect([put.status, await put.text()]).toEqual([400, 'Symlink cannot target itself']);
    });

    it('to what is no object', async () => {
      for (const target of ['/t/a', 't', 't/', '']) {
        const put = await link('/c/link', target);
        expect([put.status, await put.text()]).toEqual([
          412,
          'X-Symlink-Target header must be of the form <container name>/<object name>',
        ]);
      }
    });

    it('to what is no account', async () => {
      const slash = await link('/c/link', 't/a', { 'x-symlink-target-account': 'a%2Fb' });
      expect([slash.status, await slash.text()]).toEqual([412, 'Account name cannot contain slashes']);
      const empty = await link('/c/link', 't/a', { 'x-symlink-target-account': '' });
      expect([empty.status, await empty.text()]).toEqual([412, 'Account name cannot be empty']);
    });
  });
});
