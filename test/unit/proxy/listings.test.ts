import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

describe('accounts and containers', () => {
  let swift: FakeSwift;

  beforeEach(async () => {
    swift = await FakeSwift.start();
  });

  afterEach(() => swift.stop());

  it('a fresh account is empty, not absent', async () => {
    const get = await swift.request('GET', '');
    expect([get.status, get.headers.get('x-account-container-count')]).toEqual([204, '0']);
    expect((await swift.request('HEAD', '')).status).toBe(204);
    const json = await swift.request('GET', '?format=json');
    expect([json.status, await json.text()]).toEqual([200, '[]']);
  });

  it('PUT of a container answers 201, then 202', async () => {
    expect((await swift.put('/c')).status).toBe(201);
    const again = await swift.put('/c');
    expect([again.status, await again.text()]).toEqual([
      202,
      '<html><h1>Accepted</h1><p>The request is accepted for processing.</p></html>',
    ]);
    expect(await swift.text('')).toBe('c\n');
  });

  it('counts objects and bytes, by policy too', async () => {
    await swift.put('/c');
    await swift.put('/c/o', 'hello');
    const { headers } = await swift.request('HEAD', '/c');
    expect([headers.get('x-container-object-count'), headers.get('x-container-bytes-used')]).toEqual(['1', '5']);
    expect(headers.get('x-storage-policy')).toBe('Policy-0');
    expect(headers.get('last-modified')).toBe('Sat, 21 Nov 2026 00:00:01 GMT');
    expect(headers.get('content-type')).toBe('text/plain; charset=utf-8');
    const account = (await swift.request('HEAD', '')).headers;
    expect(account.get('x-account-bytes-used')).toBe('5');
    expect(account.get('x-account-storage-policy-policy-0-object-count')).toBe('1');
  });

  it('refuses to delete a container that holds objects', async () => {
    await swift.put('/c');
    await swift.put('/c/o', 'x');
    const refused = await swift.request('DELETE', '/c');
    expect([refused.status, await refused.text()]).toEqual([
      409,
      '<html><h1>Conflict</h1><p>There was a conflict when trying to complete your request.</p></html>',
    ]);
    await swift.request('DELETE', '/c/o');
    expect((await swift.request('DELETE', '/c')).status).toBe(204);
    expect((await swift.request('DELETE', '/c')).status).toBe(404);
    expect((await swift.request('GET', '/c')).status).toBe(404);
  });

  it('POST adds metadata, an empty value or X-Remove- takes it away', async () => {
    await swift.put('/c', '', { 'x-container-meta-a': '1', 'x-container-meta-b': '2' });
    const post = await swift.request('POST', '/c', {
      headers: { 'x-container-meta-a': '', 'x-remove-container-meta-b': 'x', 'x-container-meta-c': '3' },
    });
    expect(post.status).toBe(204);
    const { headers } = await swift.request('HEAD', '/c');
    const values = ['a', 'b', 'c'].map((name) => headers.get(`x-container-meta-${name}`));
    expect(values).toEqual([null, null, '3']);
    expect((await swift.request('POST', '/absent')).status).toBe(404);
  });

  it('keeps account metadata', async () => {
    expect((await swift.request('POST', '', { headers: { 'x-account-meta-a': '1' } })).status).toBe(204);
    expect((await swift.request('HEAD', '')).headers.get('x-account-meta-a')).toBe('1');
  });

  it('bounds the metadata that piles up', async () => {
    await swift.put('/c');
    const items = (from: number) =>
      Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`x-container-meta-${from + index}`, 'v']));
    expect((await swift.request('POST', '/c', { headers: items(0) })).status).toBe(204);
    expect((await swift.request('POST', '/c', { headers: items(60) })).status).toBe(400);
  });

  it('refuses names and policies that cannot be', async () => {
    const long = await swift.put(`/${'c'.repeat(257)}`);
    expect([long.status, await long.text()]).toEqual([400, 'Container name length of 257 longer than 256']);
    const policy = await swift.put('/c', '', { 'x-storage-policy': 'gold' });
    expect([policy.status, await policy.text()]).toEqual([400, "Invalid X-Storage-Policy 'gold'"]);
    expect((await swift.put('/c', '', { 'x-storage-policy': 'policy-0' })).status).toBe(201);
  });

  it('lists in text, JSON and XML, the parameter before the header', async () => {
    await swift.put('/c');
    await swift.put('/c/a<b', 'hello', { 'content-type': 'text/plain' });
    const json = await swift.request('GET', '/c', { headers: { accept: 'application/json;q=0.9, text/plain;q=0.1' } });
    expect(json.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(json.headers.get('vary')).toBe('Accept');
    expect(await json.json()).toEqual([
      {
        hash: '5d41402abc4b2a76b9719d911017c592',
        last_modified: expect.stringMatching(/^2026-11-21T00:00:00\.\d{6}$/),
        bytes: 5,
        name: 'a<b',
        content_type: 'text/plain',
      },
    ]);
    const xml = await swift.text('/c?format=xml', { accept: 'application/json' });
    expect(xml).toMatch(/^<\?xml version="1.0" encoding="UTF-8"\?>\n<container name="c"><object><name>a&lt;b<\/name>/);
    expect(await swift.text('?format=xml')).toMatch(/<account name="AUTH_p1">\n<container><name>c<\/name><count>1</);
    expect((await swift.request('GET', '/c', { headers: { accept: 'image/png' } })).status).toBe(406);
    expect((await swift.request('GET', '/c', { headers: { accept: 'nonsense' } })).status).toBe(400);
  });

  it('an empty page is 204 in text and [] in JSON', async () => {
    await swift.put('/c');
    expect((await swift.request('GET', '/c')).status).toBe(204);
    const json = await swift.request('GET', '/c?format=json');
    expect([json.status, await json.text()]).toEqual([200, '[]']);
  });

  it('knows prefix, delimiter, markers, limit, reverse and path', async () => {
    await swift.put('/c');
    for (const name of ['a', 'd/1', 'd/2', 'd/e/3', 'f', 'é']) await swift.put(`/c/${encodeURIComponent(name)}`, 'x');
    const list = async (query: string) => (await swift.text(`/c?${query}`)).split('\n').filter((name) => name !== '');
    expect(await list('')).toEqual(['a', 'd/1', 'd/2', 'd/e/3', 'f', 'é']);
    expect(await list('delimiter=/')).toEqual(['a', 'd/', 'f', 'é']);
    expect(await list('prefix=d/&delimiter=/')).toEqual(['d/1', 'd/2', 'd/e/']);
    expect(await list('path=d')).toEqual(['d/1', 'd/2']);
    expect(await list('marker=d/1&end_marker=f')).toEqual(['d/2', 'd/e/3']);
    expect(await list('limit=2')).toEqual(['a', 'd/1']);
    expect(await list('reverse=true&limit=2')).toEqual(['é', 'f']);
    expect(await list('limit=0')).toEqual([]);
    const tooMany = await swift.request('GET', '/c?limit=10001');
    expect([tooMany.status, await tooMany.text()]).toEqual([412, 'Maximum limit is 10000']);
  });

  it('OPTIONS says what is allowed', async () => {
    expect((await swift.request('OPTIONS', '/c/o')).headers.get('allow')).toBe(
      'GET, HEAD, PUT, POST, DELETE, OPTIONS, COPY',
    );
    expect((await swift.request('OPTIONS', '')).headers.get('allow')).toBe('GET, HEAD, POST, OPTIONS');
  });
});
