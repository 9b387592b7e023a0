import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeSwift, identity } from '../../support/swift-fakes/fake-swift.ts';

describe('access', () => {
  let swift: FakeSwift;

  beforeEach(async () => {
    swift = await FakeSwift.start();
    await swift.put('/c');
    await swift.put('/c/o', 'hello');
  });

  afterEach(() => swift.stop());

  const status = async (method: string, path: string, token: string, headers: Record<string, string> = {}) =>
    (await swift.request(method, path, { token, headers })).status;
  const setRead = async (acl: string) => swift.request('POST', '/c', { headers: { 'x-container-read': acl } });

  it('nobody without a token sees anything, and is told whose realm it is', async () => {
    const refused = await swift.request('GET', '/c/o', { token: '' });
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Swift realm="AUTH_p1"']);
    for (const path of ['', '/c', '/absent', '/absent/o']) expect(await status('GET', path, ''), path).toBe(401);
    expect(await status('GET', '/c', 'no such token')).toBe(401);
    expect(await status('PUT', '/new', '')).toBe(401);
  });

  it('another project is refused 403, whether or not there is something', async () => {
    for (const path of ['', '/c', '/c/o', '/absent', '/absent/o', '/c/absent'])
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'])
        expect([403, 405], `${method} ${path}`).toContain(await status(method, path, 'stranger'));
    expect(await status('GET', '/absent/o', 'stranger')).toBe(403);
  });

  it('a reader reads and writes nothing', async () => {
    for (const path of ['', '/c', '/c/o']) expect(await status('HEAD', path, 'reader')).toBeLessThan(300);
    expect(await status('PUT', '/new', 'reader')).toBe(403);
    expect(await status('POST', '', 'reader')).toBe(403);
    expect(await status('DELETE', '/c/o', 'reader')).toBe(403);
  });

  it('a role that is none of ours gives nothing', async () => {
    swift.identities.set('guest', identity('p1', 'u9', ['guest']));
    expect(await status('GET', '/c/o', 'guest')).toBe(403);
  });

  it('the reseller admin has every account', async () => {
    swift.identities.set('reseller', identity('p9', 'u9', ['ResellerAdmin']));
    expect(await status('PUT', '/new', 'reseller')).toBe(201);
  });

  it('.r:* lets anybody read objects, and .rlistings list them', async () => {
    await setRead('.r:*');
    expect(await status('GET', '/c/o', '')).toBe(200);
    expect(await status('GET', '/c/o', 'stranger')).toBe(200);
    expect(await status('GET', '/c/absent', '')).toBe(404);
    expect(await status('GET', '/c', '')).toBe(401);
    expect(await status('PUT', '/c/o', '')).toBe(401);
    await setRead('.r:*, .rlistings');
    expect((await swift.request('HEAD', '/c')).headers.get('x-container-read')).toBe('.r:*,.rlistings');
    expect(await status('GET', '/c', '')).toBe(200);
  });

  it('referrers are matched by host', async () => {
    await setRead('.r:.example.com,.r:-bad.example.com');
    const from = (referer: string) => status('GET', '/c/o', '', { referer });
    expect(await from('http://www.example.com/page')).toBe(200);
    expect(await from('http://bad.example.com/')).toBe(401);
    expect(await from('http://example.org/')).toBe(401);
  });

  it('a grant names project and user, by id or in the default domain by name', async () => {
    for (const grant of ['p2:u3', 'p2:*', '*:u3', '*:*', 'name-of-p2:name-of-u3', 'name-of-p2:*']) {
      await setRead(grant);
      expect(await status('GET', '/c/o', 'stranger'), grant).toBe(200);
      expect(await status('GET', '/c', 'stranger'), grant).toBe(200);
      expect(await status('PUT', '/c/o', 'stranger'), grant).toBe(403);
    }
    for (const grant of ['p2:u4', 'p3:u3', 'p2', 'u3']) {
      await setRead(grant);
      expect(await status('GET', '/c/o', 'stranger'), grant).toBe(403);
    }
    const elsewhere = identity('p2', 'u3', ['member']);
    swift.identities.set('foreign', {
      ...elsewhere,
      user: { ...elsewhere.user, domain: { id: 'other', name: 'Other' } },
    });
    await setRead('name-of-p2:name-of-u3');
    expect(await status('GET', '/c/o', 'foreign')).toBe(403);
  });

  it('a write grant lets write, and not read', async () => {
    await swift.request('POST', '/c', { headers: { 'x-container-write': 'p2:*' } });
    expect(await status('PUT', '/c/theirs', 'stranger')).toBe(201);
    expect(await status('POST', '/c/o', 'stranger')).toBe(202);
    expect(await status('GET', '/c/o', 'stranger')).toBe(403);
    expect(await status('DELETE', '/c', 'stranger')).toBe(403);
    expect(await status('DELETE', '/c/o', 'stranger')).toBe(204);
  });

  it('a role in the ACL counts inside the project only', async () => {
    swift.identities.set('guest', identity('p1', 'u9', ['guest']));
    swift.identities.set('other', identity('p2', 'u9', ['guest']));
    await setRead('Guest');
    expect(await status('GET', '/c/o', 'guest')).toBe(200);
    expect(await status('GET', '/c/o', 'other')).toBe(403);
  });

  it('only the owner sees the ACLs', async () => {
    await setRead('p2:*,.r:*');
    expect((await swift.request('HEAD', '/c')).headers.get('x-container-read')).toBe('p2:*,.r:*');
    expect((await swift.request('HEAD', '/c', { token: 'stranger' })).headers.get('x-container-read')).toBeNull();
    expect((await swift.request('HEAD', '/c', { token: 'reader' })).headers.get('x-container-read')).toBeNull();
  });

  it('ACLs that mean nothing are refused', async () => {
    expect((await setRead('.r:')).status).toBe(400);
    expect((await setRead('.x:a')).status).toBe(400);
    const write = await swift.request('POST', '/c', { headers: { 'x-container-write': '.r:*' } });
    expect(write.status).toBe(400);
  });
});
