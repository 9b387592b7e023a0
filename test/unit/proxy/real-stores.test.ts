import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SwiftInProcess } from '../../support/swift-in-process.ts';

/** The same API over the stores that ship: rings of the builder, files and LevelDB on four devices. */
describe('the object API over real stores', () => {
  let swift: SwiftInProcess;

  beforeAll(async () => {
    swift = await SwiftInProcess.start({ config: { expirer_interval: 1 }, deps: { daemonsOf: 'this' } });
  });

  afterAll(() => swift.stop());

  const request = (method: string, path: string, init: RequestInit = {}) =>
    fetch(swift.storageUrl + path, { method, ...init, headers: { 'x-auth-token': 'member', ...init.headers } });

  it('stores, lists, reads, changes and deletes', async () => {
    expect((await request('PUT', '/c')).status).toBe(201);
    const bytes = Buffer.alloc(300_000, 'martlet ');
    const put = await request('PUT', '/c/o', { body: bytes, headers: { 'x-object-meta-a': '1' } });
    expect([put.status, put.headers.get('etag')]).toEqual([201, createHash('md5').update(bytes).digest('hex')]);
    expect(await (await request('GET', '/c')).text()).toBe('o\n');
    const got = await request('GET', '/c/o', { headers: { range: 'bytes=100000-299999' } });
    expect(Buffer.from(await got.arrayBuffer()).equals(bytes.subarray(100_000))).toBe(true);
    expect((await request('POST', '/c/o', { headers: { 'x-object-meta-b': '2' } })).status).toBe(202);
    const head = await request('HEAD', '/c/o');
    expect([head.headers.get('x-object-meta-a'), head.headers.get('x-object-meta-b')]).toEqual([null, '2']);
    expect((await request('DELETE', '/c')).status).toBe(409);
    expect((await request('DELETE', '/c/o')).status).toBe(204);
    expect((await request('DELETE', '/c/o')).status).toBe(404);
    expect((await request('DELETE', '/c')).status).toBe(204);
  });

  it('what has expired leaves its listing by itself', async () => {
    await request('PUT', '/e');
    const sent = { body: 'x', headers: { 'x-delete-after': '1' } };
    expect((await request('PUT', '/e/goes', sent)).status).toBe(201);
    expect((await request('PUT', '/e/stays', { body: 'x' })).status).toBe(201);
    await expect.poll(async () => (await request('GET', '/e')).text(), { timeout: 15_000 }).toBe('stays\n');
  });

  it('If-None-Match: * and a container that is not there are refused', async () => {
    await request('PUT', '/d');
    const once = { body: 'x', headers: { 'if-none-match': '*' } };
    expect((await request('PUT', '/d/o', once)).status).toBe(201);
    expect((await request('PUT', '/d/o', once)).status).toBe(412);
    expect((await request('PUT', '/nowhere/o', { body: 'x' })).status).toBe(404);
  });

  it('a large object is listed as the whole, copied and deleted with its segments', async () => {
    await request('PUT', '/s');
    for (const part of ['one', 'two']) await request('PUT', `/s/${part}`, { body: part });
    const manifest = JSON.stringify([{ path: '/s/one' }, { path: '/s/two' }]);
    expect((await request('PUT', '/s/whole?multipart-manifest=put', { body: manifest })).status).toBe(201);
    const rows = (await (await request('GET', '/s?format=json')).json()) as { name: string; bytes: number }[];
    expect(rows.find(({ name }) => name === 'whole')?.bytes).toBe(6);
    expect((await request('COPY', '/s/whole', { headers: { destination: 's/copy' } })).status).toBe(201);
    expect(await (await request('GET', '/s/copy')).text()).toBe('onetwo');
    await (await request('DELETE', '/s/whole?multipart-manifest=delete')).text();
    expect(await (await request('GET', '/s')).text()).toBe('copy\n');
  });
});
