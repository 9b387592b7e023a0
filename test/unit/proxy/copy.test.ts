import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeSwift, identity } from '../../support/swift-fakes/fake-swift.ts';

describe('copies', () => {
  let swift: FakeSwift;

  beforeEach(async () => {
    swift = await FakeSwift.start();
    await swift.put('/c');
    await swift.put('/d');
    await swift.put('/c/o', 'hello world', { 'content-type': 'text/x', 'x-object-meta-a': '1' });
  });

  afterEach(async () => {
    await swift.stop();
    for (const store of swift.objects.values()) expect([store.openUploads, store.openReadings]).toEqual([0, 0]);
  });

  const copy = (headers: Record<string, string>, path = '/c/o') => swift.request('COPY', path, { headers });

  it('COPY takes the bytes, the type and the metadata along', async () => {
    const response = await copy({ destination: '/d/p%20q', 'x-object-meta-b': '2' });
    expect(response.status).toBe(201);
    expect(response.headers.get('x-copied-from')).toBe('c/o');
    expect(response.headers.get('x-copied-from-account')).toBe('AUTH_p1');
    expect(response.headers.get('x-copied-from-last-modified')).toBe('Sat, 21 Nov 2026 00:00:01 GMT');
    expect(response.headers.get('x-object-meta-a')).toBe('1');
    const got = await swift.request('GET', '/d/p%20q');
    expect(await got.text()).toBe('hello world');
    expect(got.headers.get('content-type')).toBe('text/x');
    expect([got.headers.get('x-object-meta-a'), got.headers.get('x-object-meta-b')]).toEqual(['1', '2']);
  });

  it('PUT with X-Copy-From does the same, and changes what it says', async () => {
    const headers = { 'x-copy-from': '/c/o', 'content-type': 'text/y', 'x-fresh-metadata': 'true' };
    expect((await swift.put('/d/p', '', headers)).status).toBe(201);
    const got = await swift.request('GET', '/d/p');
    expect([await got.text(), got.headers.get('content-type')]).toEqual(['hello world', 'text/y']);
    expect(got.headers.get('x-object-meta-a')).toBeNull();
  });

  it('copies onto itself with new metadata', async () => {
    expect((await copy({ destination: 'c/o', 'x-object-meta-a': '9' })).status).toBe(201);
    expect((await swift.request('HEAD', '/c/o')).headers.get('x-object-meta-a')).toBe('9');
    expect(await swift.text('/c/o')).toBe('hello world');
  });

  it('copies a range, and under conditions', async () => {
    expect((await copy({ destination: 'd/p', range: 'bytes=0-4' })).status).toBe(201);
    expect(await swift.text('/d/p')).toBe('hello');
    expect((await copy({ destination: 'd/q', 'if-match': 'other' })).status).toBe(412);
    expect((await swift.request('HEAD', '/d/q')).status).toBe(404);
    // About the source, as in Swift: it is there, so it has not changed.
    expect((await copy({ destination: 'd/new', 'if-none-match': '*' })).status).toBe(304);
  });

  it('refuses what is no destination', async () => {
    const none = await copy({});
    expect([none.status, await none.text()]).toEqual([412, 'Destination header required']);
    expect((await copy({ destination: 'only-a-container' })).status).toBe(412);
    expect((await copy({ destination: 'd/p', 'destination-account': 'a/b' })).status).toBe(412);
    expect((await copy({ destination: 'd/p' }, '/c/absent')).status).toBe(404);
    expect((await swift.put('/d/p', 'a body', { 'x-copy-from': '/c/o' })).status).toBe(400);
  });

  it('copies between accounts only where both allow it', async () => {
    expect((await copy({ destination: 'd/p', 'destination-account': 'AUTH_p2' })).status).toBe(403);
    expect((await copy({ destination: 'd/p', 'destination-account': 'AUTH_p1' })).status).toBe(201);
    swift.identities.set('reseller', identity('p9', 'u9', ['ResellerAdmin']));
    const across = await swift.request('PUT', '/d/q', {
      token: 'stranger',
      headers: { 'x-copy-from': '/c/o' },
    });
    expect(across.status).toBe(403);
  });

  it('names with NUL are none, on either side', async () => {
    const to = (destination: string) => swift.request('COPY', '/c/o', { headers: { destination } });
    const from = (source: string) => swift.put('/c/copy', '', { 'x-copy-from': source });
    for (const answer of [await to('c/a%00b'), await to('c%00/a'), await from('c/o%00')])
      expect([answer.status, await answer.text()]).toEqual([412, 'Invalid UTF8 or contains NULL']);
  });
});
