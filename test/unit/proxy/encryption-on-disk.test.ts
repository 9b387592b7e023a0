import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rootSecrets } from '../../support/swift-fakes/root-secrets.ts';
import { SwiftInProcess } from '../../support/swift-in-process.ts';

const TEXT = 'no part of this sentence may lie on a device. ';
const SMALL = Buffer.from(TEXT);
const LARGE = Buffer.alloc(300_000, TEXT);
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');

describe('encryption over real stores', () => {
  let swift: SwiftInProcess;

  beforeAll(async () => {
    swift = await SwiftInProcess.start({ deps: { rootSecrets: rootSecrets(['one']) } });
  });

  afterAll(() => swift.stop());

  const request = (method: string, path: string, init: RequestInit = {}) =>
    fetch(swift.storageUrl + path, { method, ...init, headers: { 'x-auth-token': 'member', ...init.headers } });

  const devicesHold = async (needle: string, folder = swift.folder) => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
    const contents = await Promise.all(files.map((file) => readFile(file)));
    return contents.some((content) => content.includes(needle));
  };

  it('devices hold names, and nothing of bodies, ETags and metadata', async () => {
    await request('PUT', '/secrets');
    const headers = { 'x-object-meta-codeword': 'nightingale' };
    expect((await request('PUT', '/secrets/small', { body: SMALL, headers })).status).toBe(201);
    expect((await request('PUT', '/secrets/large', { body: LARGE, headers })).status).toBe(201);
    await request('POST', '/secrets/small', { headers: { 'x-object-meta-codeword': 'kingfisher' } });
    const rows = (await (await request('GET', '/secrets?format=json')).json()) as { hash: string; bytes: number }[];
    expect(rows.map(({ hash, bytes }) => [hash, bytes])).toEqual([
      [md5(LARGE), LARGE.length],
      [md5(SMALL), SMALL.length],
    ]);
    expect(await devicesHold('large')).toBe(true);
    for (const secret of [TEXT, 'nightingale', 'kingfisher', md5(SMALL), md5(LARGE)])
      expect([secret, await devicesHold(secret)]).toEqual([secret, false]);
  });

  it('without it, they hold all of that', async () => {
    const plain = await SwiftInProcess.start();
    try {
      const headers = { 'x-auth-token': 'member', 'x-object-meta-codeword': 'nightingale' };
      await fetch(`${plain.storageUrl}/c`, { method: 'PUT', headers });
      await fetch(`${plain.storageUrl}/c/o`, { method: 'PUT', headers, body: SMALL });
      for (const known of [TEXT, 'nightingale'])
        expect([known, await devicesHold(known, plain.folder)]).toEqual([known, true]);
    } finally {
      await plain.stop();
    }
  });

  it('large bodies are read from any offset', async () => {
    const got = await request('GET', '/secrets/large', { headers: { range: 'bytes=123457-250000' } });
    expect(Buffer.from(await got.arrayBuffer()).equals(LARGE.subarray(123_457, 250_001))).toBe(true);
    const whole = await request('GET', '/secrets/large');
    expect(md5(Buffer.from(await whole.arrayBuffer()))).toBe(md5(LARGE));
  });
});
