import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';
import { eventually, RawHttp } from '../../support/swift-fakes/raw-http.ts';

describe('the edge of the object API', () => {
  let swift: FakeSwift;
  let raw: RawHttp;

  beforeEach(async () => {
    swift = await FakeSwift.start({ config: { client_timeout: 0.3 } });
    await swift.put('/c');
    raw = new RawHttp(swift.port);
  });

  afterEach(async () => {
    raw.destroy();
    await swift.stop();
    for (const store of swift.objects.values()) expect([store.openUploads, store.openReadings]).toEqual([0, 0]);
  });

  const head = (method: string, path: string, lines: readonly string[] = []) =>
    `${method} ${path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: member\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

  it('sends 100 Continue only when the devices want the body', async () => {
    raw.send(head('PUT', '/v1/AUTH_p1/c/o', ['Content-Length: 5', 'Expect: 100-continue']));
    await raw.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    raw.send('hello');
    await raw.until(/HTTP\/1\.1 201 Created/);
  });

  it('finds metadata under a dash that was set with an underscore', async () => {
    raw.send(head('POST', '/v1/AUTH_p1/c', ['X-Container-Meta-Two_Words: yes', 'Content-Length: 0']));
    await raw.until(/HTTP\/1\.1 204/);
    raw.send(head('HEAD', '/v1/AUTH_p1/c'));
    await raw.until(/X-Container-Meta-Two-Words: yes\r\n/);
  });

  it('keeps the name of object metadata that has no value', async () => {
    raw.send(head('PUT', '/v1/AUTH_p1/c/o', ['X-Object-Meta-Flag:', 'Content-Length: 0']));
    await raw.until(/HTTP\/1\.1 201/);
    raw.send(head('HEAD', '/v1/AUTH_p1/c/o'));
    await raw.until(/X-Object-Meta-Flag: *\r\n/);
  });

  it('gives UTF-8 metadata back byte for byte, with and without a body', async () => {
    await swift.put('/c/o', 'x');
    const value = Buffer.from('Vögel \u{1f426}').toString('latin1');
    for (const method of ['GET', 'HEAD']) {
      const other = new RawHttp(swift.port);
      other.send(head('POST', '/v1/AUTH_p1/c/o', [`X-Object-Meta-A: ${value}`, 'Content-Length: 0']));
      await other.until(/HTTP\/1\.1 202/);
      other.send(head(method, '/v1/AUTH_p1/c/o'));
      expect(await other.until(/X-Object-Meta-A: .*\r\n/)).toContain(`X-Object-Meta-A: ${value}\r\n`);
      other.destroy();
    }
  });

  it('refuses what cannot be stored without asking for the body', async () => {
    raw.send(head('PUT', '/v1/AUTH_p1/nowhere/o', ['Content-Length: 5', 'Expect: 100-continue']));
    const answer = await raw.untilClosed();
    expect(answer).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
    expect(answer).toMatch(/Connection: close/);
  });

  it('refuses If-None-Match: * before the body when the object is there', async () => {
    await swift.put('/c/o', 'x');
    raw.send(head('PUT', '/v1/AUTH_p1/c/o', ['Content-Length: 5', 'Expect: 100-continue', 'If-None-Match: *']));
    expect(await raw.untilClosed()).toMatch(/^HTTP\/1\.1 412 Precondition Failed\r\n/);
  });

  it('keeps nothing of an upload whose client goes away', async () => {
    raw.send(`${head('PUT', '/v1/AUTH_p1/c/o', ['Content-Length: 500'])}part of it`);
    await eventually(() => [...swift.objects.values()].filter((store) => store.openUploads > 0).length === 3);
    raw.destroy();
    await eventually(() => [...swift.objects.values()].every((store) => store.openUploads === 0));
    expect((await swift.request('GET', '/c/o')).status).toBe(404);
  });

  it('keeps nothing of a chunked upload that is cut off', async () => {
    raw.send(`${head('PUT', '/v1/AUTH_p1/c/o', ['Transfer-Encoding: chunked'])}5\r\nhello\r\n`);
    await eventually(() => [...swift.objects.values()].filter((store) => store.openUploads > 0).length === 3);
    raw.destroy();
    await eventually(() => [...swift.objects.values()].every((store) => store.openUploads === 0));
    expect((await swift.request('GET', '/c/o')).status).toBe(404);
  });

  it('a client that keeps still in the middle of a body is answered 408', async () => {
    raw.send(`${head('PUT', '/v1/AUTH_p1/c/o', ['Content-Length: 500'])}part of it`);
    expect(await raw.untilClosed()).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect((await swift.request('GET', '/c/o')).status).toBe(404);
  });

  it('a manifest, and a list of names to delete, that stop in the middle do nothing', async () => {
    await swift.put('/c/kept', 'x');
    const manifest = JSON.stringify([{ path: '/c/kept' }]);
    raw.send(`${head('PUT', '/v1/AUTH_p1/c/o?multipart-manifest=put', ['Content-Length: 500'])}${manifest}`);
    expect(await raw.untilClosed()).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    const deleting = new RawHttp(swift.port);
    deleting.send(`${head('POST', '/v1/AUTH_p1?bulk-delete', ['Content-Length: 500'])}c/kept\n`);
    const report = await deleting.untilClosed();
    expect(report).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*Number Deleted: 0[\s\S]*Response Status: 408 Request Timeout/);
    expect(await swift.text('/c')).toBe('kept\n');
  });

  it('a refused request whose body comes late leaves the connection for the next one', async () => {
    raw.send(`${head('PUT', '/v1/AUTH_p1/none/o', ['Content-Length: 10'])}first`);
    await raw.until(/404 Not Found[\s\S]*<\/html>/);
    raw.send(`12345${head('HEAD', '/v1/AUTH_p1/c')}`);
    await raw.until(/204 No Content/);
  });

  it('a manifest, and a list of names to delete, whose client goes away do nothing', async () => {
    const patient = await FakeSwift.start();
    try {
      await patient.put('/c');
      await patient.put('/c/kept', 'x');
      const before = await patient.connections();
      const manifest = JSON.stringify([{ path: '/c/kept' }]);
      const clients = [
        `${head('PUT', '/v1/AUTH_p1/c/o?multipart-manifest=put', ['Content-Length: 500'])}${manifest}`,
        `${head('POST', '/v1/AUTH_p1?bulk-delete', ['Content-Length: 500'])}c/kept\n`,
      ].map((text) => {
        const client = new RawHttp(patient.port);
        client.send(text);
        return client;
      });
      await vi.waitUntil(async () => (await patient.connections()) === before + clients.length);
      for (const client of clients) client.destroy();
      await vi.waitUntil(async () => (await patient.connections()) === before);
      expect(await patient.text('/c')).toBe('kept\n');
    } finally {
      await patient.stop();
    }
  });

  it('answers 411 without a length', async () => {
    raw.send(head('PUT', '/v1/AUTH_p1/c/o'));
    const answer = await raw.until(/Missing Content-Length header\./);
    expect(answer).toMatch(/^HTTP\/1\.1 411 Length Required\r\n/);
  });

  it('answers unknown methods 405, those that Node parses and those that it does not', async () => {
    expect((await swift.request('PATCH', '/c/o')).status).toBe(405);
    expect((await swift.request('PUT', '')).status).toBe(405);
    raw.send(head('LICK', '/v1/AUTH_p1/c/o'));
    const answer = await raw.untilClosed();
    expect(answer).toMatch(/^HTTP\/1\.1 405 Method Not Allowed\r\n/);
    expect(answer).toMatch(/Allow: /);
    expect(answer).toMatch(/X-Trans-Id: tx/);
  });

  it('answers a request that is none 400', async () => {
    raw.send('\x01\x02 nonsense\r\n\r\n');
    expect(await raw.untilClosed()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  });

  it('answers headers beyond all measure 431, and one of them too long 400', async () => {
    const long = await swift.put('/c/o', 'x', { 'x-other': 'v'.repeat(8193) });
    expect([long.status, await long.text()]).toEqual([400, 'Header value too long: x-other']);
    raw.send(head('GET', '/v1/AUTH_p1/c/o', [`X-Long: ${'v'.repeat(70_000)}`]));
    expect(await raw.untilClosed()).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('checks the path as Swift does', async () => {
    for (const [path, status] of [
      ['/v1/AUTH_p1/%ff', 412],
      ['/v1/AUTH_p1/c%00', 412],
      ['/v2/AUTH_p1', 400],
      ['/v1', 412],
      ['/', 404],
      ['/v1/AUTH_p1//o', 412],
      ['/v1/AUTH_p1/', 200],
      ['/v1.0/AUTH_p1', 200],
      ['/v1/AUTH_p1?limit=x', 200],
      ['/v1/AUTH_p1?marker=%ff', 400],
    ] as const) {
      const response = await fetch(swift.url + path, { headers: { 'x-auth-token': 'member' } });
      expect(response.status, path).toBe(status);
    }
  });

  it('appends X-Trans-Id-Extra to the transaction id', async () => {
    const response = await swift.request('GET', '/c', { headers: { 'x-trans-id-extra': 'me' } });
    expect(response.headers.get('x-trans-id')).toMatch(/-me$/);
  });

  it('serves /healthcheck and /info, with transaction ids', async () => {
    const health = await fetch(`${swift.url}/healthcheck`);
    expect([health.status, await health.text()]).toEqual([200, 'OK']);
    const info = await fetch(`${swift.url}/info`);
    expect(((await info.json()) as { swift: { max_file_size: number } }).swift.max_file_size).toBe(5_368_709_122);
    expect(info.headers.get('x-trans-id')).toMatch(/^tx/);
  });

  it('the legacy login without a name is refused 401', async () => {
    expect((await fetch(`${swift.url}/auth/v1.0`)).status).toBe(401);
  });

  it('reads a refused body to its end, so that a client that only sends can read the answer', async () => {
    raw.send(head('PUT', '/v1/AUTH_p1/nowhere/o', [`Content-Length: ${10 << 20}`]));
    for (let sent = 0; sent < 10; sent += 1) raw.send('x'.repeat(1 << 20));
    expect(await raw.untilClosed()).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
  });

  it('releases an object whose reader goes away or takes nothing, and cuts the connection', async () => {
    const large = 'x'.repeat(20 << 20);
    for (const store of swift.objects.values()) store.chunkBytes = 1 << 20;
    await swift.put('/c/o', large);
    const reading = () => [...swift.objects.values()].some((store) => store.openReadings > 0);
    raw.send(head('GET', '/v1/AUTH_p1/c/o'));
    await raw.until(/200 OK/);
    raw.destroy();
    await eventually(() => !reading());
    const still = new RawHttp(swift.port);
    still.send(head('GET', '/v1/AUTH_p1/c/o'));
    await still.until(/200 OK/);
    still.pause();
    await eventually(() => !reading());
    still.destroy();
  });

  it('answers 503 when identity cannot be asked', async () => {
    const deaf = await FakeSwift.start({
      deps: { verifier: { verify: () => Promise.reject(new Error('no identity')) } },
    });
    expect((await deaf.request('GET', '/c')).status).toBe(503);
    await deaf.stop();
  });

  it('lets a running request finish while it closes, and ends its connection', async () => {
    await swift.put('/c/o', 'x'.repeat(100));
    raw.send(`${head('PUT', '/v1/AUTH_p1/c/late', ['Content-Length: 5'])}he`);
    await eventually(() => [...swift.objects.values()].some((store) => store.openUploads > 0));
    const stopped = swift.stop();
    raw.send('llo');
    expect(await raw.untilClosed()).toMatch(/^HTTP\/1\.1 201 Created\r\n[\s\S]*Connection: close/);
    await stopped;
    swift = await FakeSwift.start();
  });
});
