import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rename, rm, stat, truncate } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { accessLine } from '../../../proxy/access-log/line.ts';
import { LogFile } from '../../../proxy/access-log/log-file.ts';
import { maskUrl } from '../../../proxy/access-log/mask.ts';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';
import { SwiftInProcess } from '../../support/swift-in-process.ts';

/** Swift's names of the fields, in its order. */
const FIELDS = [
  'client_ip',
  'remote_addr',
  'datetime',
  'method',
  'path',
  'protocol',
  'status_int',
  'referer',
  'user_agent',
  'auth_token',
  'bytes_recvd',
  'bytes_sent',
  'client_etag',
  'transaction_id',
  'headers',
  'request_time',
  'source',
  'log_info',
  'start_time',
  'end_time',
  'policy_index',
] as const;
type Line = Record<(typeof FIELDS)[number], string>;

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-access-log-'));
  path = join(folder, 'access.log');
});
afterEach(() => rm(folder, { recursive: true }));

/** All lines, when there are as many. */
function lines(count: number): Promise<Line[]> {
  return vi.waitFor(
    async () => {
      const all = await linesIn(path);
      expect(all).toHaveLength(count);
      return all;
    },
    { timeout: 5_000, interval: 50 },
  );
}

async function linesIn(file: string): Promise<Line[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const values = line.split(' ');
      expect(values).toHaveLength(FIELDS.length);
      return Object.fromEntries(FIELDS.map((field, index) => [field, values[index]])) as Line;
    });
}

describe('the access log', () => {
  let swift: FakeSwift;
  afterEach(() => swift.stop());

  const start = async (revealed = 0, straight = true) => {
    swift = await FakeSwift.start({
      straight,
      config: { access_log: { path, reveal_sensitive_prefix: revealed } },
    });
  };

  it.each([false, true])('has a line for each request, whatever way it went (straight way: %s)', async (straight) => {
    await start(0, straight);
    // The policy is logged of containers that are remembered: always but here, where nothing counts their changes.
    const policy_index = straight ? '0' : '-';
    await swift.put('/c');
    const put = await swift.put('/c/o%20x', 'hello', { 'user-agent': 'test 1.0', referer: 'http://a.example/b c' });
    const get = await swift.request('GET', '/c/o%20x', { headers: { 'x-forwarded-for': '10.1.2.3, 10.0.0.1' } });
    await get.text();
    await swift.request('HEAD', '/c/o%20x');
    await (await swift.request('GET', '/c?format=json&prefix=%C3%BC')).text();
    await (await swift.request('GET', '/c/none', { token: '' })).text();
    await (await fetch(`${swift.url}/info`)).text();
    await (await fetch(`${swift.url}/healthcheck`)).text();
    const [made, ...all] = await lines(7);
    expect(made).toMatchObject({ method: 'PUT', path: '/v1/AUTH_p1/c', status_int: '201', bytes_recvd: '-' });
    expect(all).toMatchObject([
      {
        client_ip: '127.0.0.1',
        remote_addr: '127.0.0.1',
        datetime: '21/Nov/2026/00/00/00',
        method: 'PUT',
        path: '/v1/AUTH_p1/c/o%2520x',
        protocol: 'HTTP/1.1',
        status_int: '201',
        referer: 'http://a.example/b%20c',
        user_agent: 'test%201.0',
        auth_token: '...',
        bytes_recvd: '5',
        bytes_sent: '-',
        client_etag: '-',
        transaction_id: put.headers.get('x-trans-id'),
        headers: '-',
        source: '-',
        log_info: '-',
        policy_index,
      },
      {
        client_ip: '10.1.2.3',
        remote_addr: '127.0.0.1',
        method: 'GET',
        status_int: '200',
        bytes_recvd: '-',
        bytes_sent: '5',
        transaction_id: get.headers.get('x-trans-id'),
        policy_index,
      },
      { method: 'HEAD', status_int: '200', bytes_sent: '-' },
      {
        method: 'GET',
        path: '/v1/AUTH_p1/c%3Fformat%3Djson%26prefix%3D%25C3%25BC',
        status_int: '200',
        bytes_sent: '2',
      },
      { status_int: '401', auth_token: '-', path: '/v1/AUTH_p1/c/none' },
      { path: '/info', status_int: '200', policy_index: '-' },
    ]);
    for (const { start_time, end_time, request_time } of all) {
      expect(start_time).toMatch(/^\d{10}\.\d{9}$/);
      expect(Number(end_time)).toBeGreaterThan(Number(start_time));
      expect(request_time).toMatch(/^0\.\d{4}$/);
    }
    expect((await stat(path)).mode & 0o777 & ~0o640).toBe(0);
  });

  it('shows of tokens and signatures no more than it may', async () => {
    await start(4);
    const token = 'gAAAAA-secret-token';
    await (await swift.request('GET', '/c/o?temp_url_sig=0123456789abcdef&temp_url_expires=1', { token })).text();
    await (await fetch(`${swift.url}/v1/AUTH_p1/c/o?x=1&temp_url_si%67=0123456789abcdef`)).text();
    await (await fetch(`${swift.url}/b/o?X-Amz-Signature=0123456789abcdef&X-Amz-Algorithm=AWS4-HMAC-SHA256`)).text();
    await (await fetch(`${swift.url}/info?swiftinfo_sig=0123456789abcdef`)).text();
    const referer = 'https://swift.example/v1/a/c/o?temp_url_sig=0123456789abcdef';
    await (await fetch(`${swift.url}/v1/AUTH_p1`, { headers: { referer } })).text();
    const all = await lines(5);
    expect(all[0]).toMatchObject({
      auth_token: 'gAAA...',
      path: '/v1/AUTH_p1/c/o%3Ftemp_url_sig%3D0123...%26temp_url_expires%3D1',
    });
    expect(await readFile(path, 'utf8')).not.toMatch(/01234|secret/);
    expect(all[4]?.referer).toBe('https://swift.example/v1/a/c/o%3Ftemp_url_sig%3D0123...');
  });

  it.each([
    ['on the straight way', 1_000],
    ['in the pipeline', 1_000_000],
  ])('says 499 of who goes away in the middle of a PUT, %s', async (_way, size) => {
    await start();
    await swift.put('/c');
    await swift.put('/c/first', 'known from here on');
    const socket = await raw(
      swift.url,
      `PUT /v1/AUTH_p1/c/o HTTP/1.1\r\nHost: h\r\nX-Auth-Token: member\r\nContent-Length: ${size}\r\n\r\nhalf of`,
    );
    await vi.waitFor(() => expect(socket.bytesWritten).toBeGreaterThan(0));
    setTimeout(() => socket.destroy(), 50);
    const gone = (await lines(3))[2];
    expect(gone).toMatchObject({ method: 'PUT', status_int: '499', bytes_recvd: '7', bytes_sent: '-' });
    expect(gone?.transaction_id).toMatch(/^tx[0-9a-f]{21}-/);
  });

  it('says 500 of an answer that breaks off because no replica can go on', async () => {
    await start(0, false);
    await swift.put('/c');
    await swift.put('/c/o', 'x'.repeat(100));
    for (const store of swift.objects.values()) store.faults.corruptAt = 50;
    await expect(swift.text('/c/o')).rejects.toThrow();
    expect((await lines(3))[2]).toMatchObject({ method: 'GET', status_int: '500', bytes_sent: '56' }); // eight pieces of 7
  });

  it('has a line for each of several requests that a client sends at once', async () => {
    await start();
    await swift.put('/c');
    const one = 'GET /v1/AUTH_p1/c/none HTTP/1.1\r\nHost: h\r\nX-Auth-Token: member\r\n\r\n';
    const socket = await raw(swift.url, one.repeat(3));
    await lines(4);
    socket.destroy();
  });
});

describe('the access log of real stores', () => {
  let swift: SwiftInProcess;
  beforeEach(async () => {
    swift = await SwiftInProcess.start({ config: { access_log: { path, reveal_sensitive_prefix: 0 } } });
  });
  afterEach(() => swift.stop());

  it('says 499 of who goes away in the middle of a GET, and how much was sent', async () => {
    const size = 32 << 20;
    const headers = { 'x-auth-token': 'member' };
    await fetch(`${swift.storageUrl}/c`, { method: 'PUT', headers });
    await fetch(`${swift.storageUrl}/c/o`, { method: 'PUT', headers, body: randomBytes(size) });
    const socket = await raw(swift.url, 'GET /v1/AUTH_p1/c/o HTTP/1.1\r\nHost: h\r\nX-Auth-Token: member\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    const [, put, gone] = await lines(3);
    expect(put).toMatchObject({ method: 'PUT', status_int: '201', bytes_recvd: String(size), policy_index: '0' });
    expect(gone).toMatchObject({ method: 'GET', status_int: '499', policy_index: '0' });
    expect(Number(gone?.bytes_sent)).toBeGreaterThan(0);
    expect(Number(gone?.bytes_sent)).toBeLessThan(size);
  });
});

describe('the file of the access log', () => {
  const logger = pino({ level: 'silent' });

  it('is made again where it was moved away, and written from its start where it was emptied', async () => {
    const file = new LogFile(path, logger);
    await file.start();
    const seen = async (text: string, name = path) =>
      vi.waitFor(async () => expect(await readFile(name, 'utf8')).toBe(text), { timeout: 5_000 });
    file.append('one\n');
    await seen('one\n');
    await rename(path, `${path}.1`);
    file.append('two\n');
    await seen('two\n');
    await seen('one\n', `${path}.1`);
    await truncate(path, 0);
    file.append('three\n');
    await seen('three\n');
    await file.stop();
  });

  it('takes no more than its bound while it cannot be written, and says how much it lost', async () => {
    const warn = vi.spyOn(logger, 'warn').mockReturnValue();
    const file = new LogFile(path, logger, 10);
    await file.start();
    for (let turn = 0; turn < 5; turn += 1) file.append('1234\n');
    await file.stop();
    expect(await readFile(path, 'utf8')).toBe('1234\n1234\n');
    expect(warn).toHaveBeenCalledWith({ lost: 3 }, expect.stringContaining('lost'));
    warn.mockRestore();
  });

  it('that cannot be made is refused at the start', async () => {
    await expect(new LogFile(join(folder, 'none', 'access.log'), logger).start()).rejects.toThrow('access log');
  });

  it('is written by several threads in whole lines', async () => {
    const files = [new LogFile(path, logger), new LogFile(path, logger)];
    await Promise.all(files.map((file) => file.start()));
    const line = `${'x'.repeat(999)}\n`;
    for (let turn = 0; turn < 1_000; turn += 1) for (const file of files) file.append(line);
    await Promise.all(files.map((file) => file.stop()));
    expect((await readFile(path, 'utf8')).split('\n').filter((one) => one !== line.trim())).toEqual(['']);
    expect((await stat(path)).size).toBe(2_000 * line.length);
  });
});

describe('a line', () => {
  it('is broken by no value', () => {
    const nasty = 'a b\n\t"%\u00ff';
    const line = accessLine({
      clientAddress: nasty,
      remoteAddress: undefined,
      method: 'GET',
      path: `/v1/${nasty}`,
      protocol: 'HTTP/1.0',
      status: 200,
      referer: nasty,
      userAgent: nasty,
      token: nasty,
      bytesReceived: 0,
      bytesSent: 12,
      etag: '"x"',
      transactionId: undefined,
      startMs: 1_795_219_200_000,
      endMs: 1_795_219_201_500,
      policyIndex: undefined,
    });
    const encoded = 'a%20b%0A%09%22%25%FF';
    expect(line).toBe(
      `${encoded} - 21/Nov/2026/00/00/01 GET /v1/${encoded} HTTP/1.0 200 ${encoded} ${encoded} ${encoded} - 12 %22x%22 - - 1.5000 - - ` +
        '1795219200.000000000 1795219201.500000000 -\n',
    );
  });

  it('keeps what is not secret in a URL', () => {
    expect(maskUrl('/v1/a/c/o', 0)).toBe('/v1/a/c/o');
    expect(maskUrl('/v1/a/c/o?prefix=%zz&=&signature&a=b=c', 0)).toBe('/v1/a/c/o?prefix=%zz&=&signature&a=b=c');
    expect(maskUrl('/b?Signature=abc%3D&AWSAccessKeyId=k', 0)).toBe('/b?Signature=...&AWSAccessKeyId=k');
  });
});

function raw(url: string, text: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => {
      socket.write(text);
      resolve(socket);
    });
    socket.on('error', reject);
  });
}
