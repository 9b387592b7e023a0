import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePortOffset } from '../support/free-ports.ts';
import { Martlet } from '../support/martlet.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/martlet');
const HTTP_PORTS = [5000, 8080, 9292, 8776, 8774];

describe('martlet start', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-start-'));
  });

  afterAll(() => rm(folder, { recursive: true }));

  const start = (...args: string[]) => execa(PROGRAM, ['start', ...args], { reject: false, timeout: 60_000 });

  it('makes a cloud on the first start, with private files, and serves health checks on every port', async () => {
    const martlet = await Martlet.start({ data: join(folder, 'first') });
    try {
      expect(martlet.printed).toContain(`export OS_CLIENT_CONFIG_FILE=${join(martlet.data, 'clouds.yaml')}`);
      for (const port of HTTP_PORTS) {
        const response = await fetch(martlet.url(port, '/healthcheck'));
        expect([port, response.status]).toEqual([port, 200]);
      }
      for (const name of ['clouds.yaml', 'openrc', 'admin-openrc']) {
        expect((await stat(join(martlet.data, name))).mode & 0o777, name).toBe(0o600);
      }
      const clouds = await readFile(join(martlet.data, 'clouds.yaml'), 'utf8');
      const passwords = [...clouds.matchAll(/password: (\S+)/g)].map(([, password]) => password);
      expect(new Set(passwords).size).toBe(2);
      expect(martlet.printed).not.toContain(passwords[0]);
    } finally {
      expect(await martlet.down()).toBe(0);
    }
  });

  it('refuses a second start on the same folder and names the owner', async () => {
    const martlet = await Martlet.start({ data: join(folder, 'owned') });
    try {
      const second = await start('--data', martlet.data, '--port-offset', String(await freePortOffset()));
      expect(second.exitCode).not.toBe(0);
      expect(second.stderr).toContain(`in use by process ${martlet.pid}`);
      expect(second.stderr.trim().split('\n')).toHaveLength(1);
    } finally {
      await martlet.down();
    }
  });

  it('starts again after kill -9, with the same accounts', async () => {
    const martlet = await Martlet.start({ data: join(folder, 'killed') });
    const before = await readFile(join(martlet.data, 'clouds.yaml'), 'utf8');
    await martlet.kill();
    await martlet.up();
    expect(await readFile(join(martlet.data, 'clouds.yaml'), 'utf8')).toBe(before);
    expect(await martlet.down()).toBe(0);
  });

  it('says in one line that a port is taken, and leaves no folder behind', async () => {
    const offset = await freePortOffset();
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(9292 + offset, '127.0.0.1', resolve));
    const data = join(folder, 'taken');
    const result = await start('--data', data, '--port-offset', String(offset));
    blocker.close();
    expect(result.exitCode).not.toBe(0);
    expect(result.stderr.trim().split('\n')).toHaveLength(1);
    expect(result.stderr).toMatch(new RegExp(`${9292 + offset}.*(taken|in use)`));
    await expect(readdir(data)).rejects.toThrow(/ENOENT/);
  });

  it('says in one line that the folder cannot be written, or is somebody else\u2019s', async () => {
    const file = join(folder, 'a-file');
    await writeFile(file, '');
    const unwritable = await start('--data', join(file, 'data'));
    expect(unwritable.exitCode).not.toBe(0);
    expect(unwritable.stderr.trim().split('\n')).toHaveLength(1);
    const foreign = join(folder, 'foreign');
    await mkdir(foreign);
    await writeFile(join(foreign, 'thesis.tex'), 'mine');
    const refused = await start('--data', foreign);
    expect(refused.stderr).toMatch(/thesis\.tex/);
    expect(await readdir(foreign)).toEqual(['thesis.tex']);
  });

  it('names an unknown configuration key and the nearest known one', async () => {
    const config = join(folder, 'bad.yaml');
    await writeFile(config, 'volum:\n  quota: 3\n');
    const result = await start('--data', join(folder, 'unused'), '--config', config);
    expect(result.exitCode).toBe(78);
    expect(result.stderr).toMatch(/unknown key 'volum'; did you mean 'volume'/);
    await expect(readdir(join(folder, 'unused'))).rejects.toThrow(/ENOENT/);
  });

  it('refuses an address beyond loopback without --insecure', async () => {
    const result = await start('--data', join(folder, 'open'), '--host', '0.0.0.0');
    expect(result.exitCode).not.toBe(0);
    expect(result.stderr).toMatch(/--insecure/);
  });

  it('refuses to be a storage node of no cloud', async () => {
    const result = await start('--data', join(folder, 'lonely'), '--only', 'object-server,container-server');
    expect(result.exitCode).not.toBe(0);
    expect(result.stderr).toMatch(/martlet join/);
  });

  it('finishes a running upload when it is told to end', async () => {
    const martlet = await Martlet.start({ data: join(folder, 'drained') });
    const environment = await martlet.environment();
    const login = await fetch(martlet.url(8080, '/auth/v1.0'), {
      headers: { 'x-auth-user': 'demo:demo', 'x-auth-key': environment['OS_PASSWORD'] ?? '' },
    });
    const url = login.headers.get('x-storage-url');
    const headers = { 'x-auth-token': login.headers.get('x-auth-token') ?? '' };
    await fetch(`${url}/slow`, { method: 'PUT', headers });
    let finish: (() => void) | undefined;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(Buffer.alloc(100_000, 'a'));
        finish = () => {
          controller.enqueue(Buffer.alloc(100_000, 'b'));
          controller.close();
        };
      },
    });
    const upload = fetch(`${url}/slow/object`, { method: 'PUT', headers, body, duplex: 'half' } as RequestInit);
    await expect.poll(async () => (await fetch(martlet.url(8080, '/healthcheck'))).status).toBe(200);
    const ended = martlet.down();
    await expect
      .poll(async () => {
        const response = await fetch(`${url}/slow`, { headers }).catch(() => undefined);
        return response?.status ?? 503;
      })
      .toBe(503);
    finish?.();
    expect((await upload).status).toBe(201);
    expect(await ended).toBe(0);
  });
});
