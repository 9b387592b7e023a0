import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';
import { eventually, RawHttp } from '../../support/swift-fakes/raw-http.ts';

describe('plain requests on the straight way', () => {
  let swift: FakeSwift;
  let raw: RawHttp;

  beforeEach(async () => {
    swift = await FakeSwift.start({ straight: true, config: { client_timeout: 0.3 } });
    await swift.put('/c');
    // The first request for an object makes the container known.
    await swift.put('/c/o', 'hello');
    raw = new RawHttp(swift.port);
  });

  afterEach(async () => {
    raw.destroy();
    await swift.stop();
    for (const store of swift.objects.values()) expect([store.openUploads, store.openReadings]).toEqual([0, 0]);
  });

  const head = (method: string, path: string, lines: readonly string[] = []) =>
    `${method} /v1/AUTH_p1${path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: member\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
  const stores = () => [...swift.objects.values()];
  const openedNow = () => stores().reduce((sum, store) => sum + store.openedNow, 0);
  const wholePuts = () => stores().reduce((sum, store) => sum + store.wholePuts, 0);

  it('a GET, a HEAD and a small PUT are answered from what is known', async () => {
    expect(await swift.text('/c/o')).toBe('hello');
    expect((await swift.request('HEAD', '/c/o')).headers.get('content-length')).toBe('5');
    expect(openedNow()).toBe(2);
    const before = wholePuts();
    expect((await swift.put('/c/o', 'again')).status).toBe(201);
    expect(wholePuts() - before).toBe(3);
    expect(await swift.text('/c/o')).toBe('again');
  });

  it('what asks for a feature goes through the pipeline', async () => {
    await swift.text('/c/o?multipart-manifest=get');
    await swift.request('GET', '/c/o', { headers: { 'x-newest': 'true' } });
    await swift.request('GET', '/c/o', { headers: { 'x-of-some-day': '1' } });
    expect(openedNow()).toBe(0);
  });

  it("a container that holds the settings of a feature is the pipeline's", async () => {
    for (const listing of swift.listings.values())
      for (const container of listing.containers.values()) container.metadata['x-container-sysmeta-versions'] = 'on';
    await swift.request('POST', '/c'); // forgets what is known of it
    expect(await swift.text('/c/o')).toBe('hello');
    expect(await swift.text('/c/o')).toBe('hello');
    expect(openedNow()).toBe(0);
  });

  it('a changed ACL, a revoked token and a deleted container count at once', async () => {
    const asStranger = async () => {
      const response = await swift.request('GET', '/c/o', { token: 'stranger' });
      await response.arrayBuffer();
      return response.status;
    };
    expect(await asStranger()).toBe(403);
    await swift.request('POST', '/c', { headers: { 'x-container-read': 'p2:*' } });
    expect([await asStranger(), await asStranger()]).toEqual([200, 200]);
    await swift.request('POST', '/c', { headers: { 'x-remove-container-read': 'x' } });
    expect(await asStranger()).toBe(403);
    const member = swift.identities.get('member');
    swift.identities.delete('member');
    expect((await swift.request('GET', '/c/o')).status).toBe(401);
    if (member) swift.identities.set('member', member);
    await swift.request('DELETE', '/c/o');
    await swift.request('DELETE', '/c');
    expect((await swift.put('/c/o', 'x')).status).toBe(404);
  });

  it('a delegated token reaches no further than its access rules', async () => {
    const member = swift.identities.get('member');
    if (!member) throw new Error('no member');
    const accessRules = [{ service: 'object-store', method: 'GET', path: '/v1/AUTH_p1/c/o' }];
    const delegation = { kind: 'application_credential' as const, id: 'x', unrestricted: false, accessRules };
    swift.identities.set('ruled', { ...member, delegation });
    const asRuled = async (method: string, path: string) =>
      (await swift.request(method, path, { token: 'ruled' })).status;
    expect(await asRuled('GET', '/c/o')).toBe(200);
    expect(openedNow()).toBe(1);
    expect([await asRuled('HEAD', '/c/o'), await asRuled('DELETE', '/c/o'), await asRuled('GET', '/c/other')]).toEqual([
      401, 401, 401,
    ]);
    expect(await swift.text('/c/o')).toBe('hello');
  });

  it('a container with replicas elsewhere is remembered for a while', async () => {
    await swift.stop();
    swift = await FakeSwift.start({ straight: true, deps: { isLocal: () => false } });
    await swift.put('/c');
    expect((await swift.put('/c/o', 'x')).status).toBe(201);
    for (const listing of swift.listings.values()) listing.containers.clear();
    expect((await swift.request('GET', '/c/o')).status).toBe(200);
    swift.nowMs += 1001;
    expect((await swift.request('GET', '/c/o')).status).toBe(404);
  });

  it('an object is gone at its X-Delete-At', async () => {
    await swift.put('/c/brief', 'x', { 'x-delete-after': '10' });
    expect((await swift.request('GET', '/c/brief')).status).toBe(200);
    swift.nowMs += 10_000;
    expect((await swift.request('GET', '/c/brief')).status).toBe(404);
    expect((await swift.request('HEAD', '/c/brief')).status).toBe(404);
  });

  it('a replica whose bytes are not what they should be is left to the pipeline, which reads another', async () => {
    for (const store of stores()) store.faults.corruptAt = 0;
    const healthy = stores()[3];
    if (healthy) healthy.faults.corruptAt = undefined;
    for (const name of ['a', 'b', 'c', 'd', 'e']) await swift.put(`/c/${name}`, 'hello');
    const texts = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => swift.request('GET', `/c/${name}`)));
    for (const response of texts) expect([200, 503]).toContain(response.status);
    expect(texts.some(({ status }) => status === 200)).toBe(true);
  });

  it('a body may come in pieces', async () => {
    raw.send(`${head('PUT', '/c/pieces', ['Content-Length: 12'])}hel`);
    await new Promise(setImmediate);
    raw.send('lo, w');
    await new Promise(setImmediate);
    raw.send('orld');
    await raw.until(/HTTP\/1\.1 201 Created/);
    expect(await swift.text('/c/pieces')).toBe('hello, world');
  });

  it('a client that keeps still in the middle of a body is answered 408, and nothing is stored', async () => {
    raw.send(`${head('PUT', '/c/slow', ['Content-Length: 500'])}part of it`);
    expect(await raw.untilClosed()).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n[\s\S]*Connection: close/);
    expect((await swift.request('GET', '/c/slow')).status).toBe(404);
  });

  it('nothing is stored of a body whose client goes away', async () => {
    raw.send(`${head('PUT', '/c/cut', ['Content-Length: 500'])}part of it`);
    await new Promise(setImmediate);
    raw.destroy();
    await eventually(() => raw.closed);
    expect((await swift.request('GET', '/c/cut')).status).toBe(404);
  });

  it('a wrong ETag is answered 422, and the connection lives on', async () => {
    raw.send(`${head('PUT', '/c/o', ['Content-Length: 5', `ETag: ${'0'.repeat(32)}`])}wrong`);
    await raw.until(/HTTP\/1\.1 422 /);
    raw.send(head('GET', '/c/o'));
    await raw.until(/HTTP\/1\.1 200 OK[\s\S]*hello$/);
  });

  it('a write goes on with a handoff, and fails 503 without a quorum, 507 without space', async () => {
    const [first, second, third, fourth] = stores();
    if (first) first.faults.unavailable = 'DeviceUnavailable';
    expect((await swift.put('/c/o', 'x')).status).toBe(201);
    for (const store of [second, third]) if (store) store.faults.unavailable = 'DeviceUnavailable';
    expect((await swift.put('/c/o', 'y')).status).toBe(503);
    for (const store of [first, second, third, fourth]) if (store) store.faults.unavailable = 'InsufficientStorage';
    expect((await swift.put('/c/o', 'z')).status).toBe(507);
    expect((await swift.request('DELETE', '/c/o')).status).toBe(507);
  });

  it('a write older than what is there is made again with a later time', async () => {
    await swift.put('/c/o', 'from the future');
    swift.nowMs -= 5000;
    const other = await FakeSwift.start({ straight: true, deps: { objectStoreAt: ({ device }) => storeOf(device) } });
    other.nowMs = swift.nowMs;
    await other.put('/c');
    await other.put('/c/other', 'x');
    expect((await other.put('/c/o', 'later')).status).toBe(201);
    expect(await swift.text('/c/o')).toBe('later');
    await other.stop();
  });

  function storeOf(device: string) {
    const store = swift.objects.get(device);
    if (!store) throw new Error(`no device ${device}`);
    return store;
  }

  it('DELETE answers 204, and 404 where there was nothing', async () => {
    expect((await swift.request('DELETE', '/c/o')).status).toBe(204);
    expect((await swift.request('DELETE', '/c/o')).status).toBe(404);
  });

  it('a client that takes nothing of its answers is cut off', async () => {
    const body = 'x'.repeat(60_000);
    await swift.put('/c/big', body);
    raw.send(head('GET', '/c/big').repeat(200));
    await raw.until(/200 OK/);
    raw.pause();
    const before = await swift.connections();
    await expect.poll(() => swift.connections()).toBeLessThan(before);
  });

  it('leaves a request to the pipeline where our own code fails', async () => {
    for (const store of stores())
      store.openNow = () => {
        throw new Error('a bug');
      };
    expect(await swift.text('/c/o')).toBe('hello');
  });
});
