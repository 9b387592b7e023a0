import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Martlet } from '../support/martlet.ts';
import { client } from '../support/openstack.ts';

const ODD_NAMES = [
  'ü',
  'a b',
  'x%41y',
  'q?&=#',
  `quote'"`,
  '☃ and 🐦',
  'back\\slash',
  '-dash',
  'semi;colon',
  'plus+',
  'd ir/ü/deep',
];
const SERVING_MS = 20_000;
const LARGE_BYTES = (8 << 20) + 1;

/** What rclone does beside syncing: names, moves, copies on the server, streams, serving. */
describe('rclone', () => {
  let martlet: Martlet;
  let folder: string;
  let config: string;

  beforeAll(async () => {
    martlet = await Martlet.start({ args: ['--only', 'auth,proxy'] });
    folder = await mkdtemp(join(tmpdir(), 'martlet-rclone-'));
    const environment = await martlet.environment();
    config = join(folder, 'rclone.conf');
    await writeFile(
      config,
      [
        '[swift]',
        'type = swift',
        `user = demo\nkey = ${environment['OS_PASSWORD']}\nauth = ${environment['OS_AUTH_URL']}\ntenant = demo`,
        'domain = Default\ntenant_domain = Default\nauth_version = 3\nregion = RegionOne\n',
      ].join('\n'),
    );
    for (const name of ODD_NAMES) {
      await mkdir(join(folder, 'odd', name, '..'), { recursive: true });
      await writeFile(join(folder, 'odd', name), `this is ${name}\n`);
    }
    await writeFile(join(folder, 'odd', 'empty'), '');
    await writeFile(join(folder, 'odd', 'large'), Buffer.alloc(LARGE_BYTES, 'swifts sleep on the wing. '));
  });

  afterAll(async () => {
    await martlet.remove();
    await rm(folder, { recursive: true });
  });

  const rclone = async (...args: string[]) =>
    (await client(martlet, 'rclone', ['--config', config, ...args], 'demo', { cwd: folder })).stdout;

  it('carries odd names and a file in chunks, and moves them on the server', async () => {
    await rclone('copy', 'odd', 'swift:first', '--swift-chunk-size', '2M');
    await rclone('check', 'odd', 'swift:first', '--download');
    await rclone('move', 'swift:first', 'swift:second');
    await rclone('check', 'odd', 'swift:second', '--download');
    expect(await rclone('lsf', '-R', '--files-only', 'swift:first')).toBe('');
    await rclone('copyto', 'swift:second/ü', 'swift:second/copies/ü');
    expect(await rclone('cat', 'swift:second/copies/ü')).toBe('this is ü');
  });

  it('stores what comes by a pipe', async () => {
    const { all } = await execa(
      '/usr/bin/rclone',
      ['--config', config, 'rcat', 'swift:piped/stream', '--swift-chunk-size', '2M'],
      { inputFile: join(folder, 'odd', 'large'), all: true, cwd: folder },
    );
    expect(all).toBe('');
    await rclone('copyto', 'swift:piped/stream', 'stream.back');
    await execa('/usr/bin/cmp', ['stream.back', 'odd/large'], { cwd: folder });
  });

  it('serves a container by HTTP, ranges too', async () => {
    const port = await freePort();
    const serving = execa(
      '/usr/bin/rclone',
      ['--config', config, 'serve', 'http', 'swift:second', '--addr', `127.0.0.1:${port}`, '--no-modtime'],
      { reject: false, cwd: folder },
    );
    try {
      const url = `http://127.0.0.1:${port}`;
      await vi.waitFor(() => fetch(url), { timeout: SERVING_MS, interval: 50 });
      expect(await (await fetch(`${url}/d%20ir/%C3%BC/deep`)).text()).toBe('this is d ir/ü/deep\n');
      const part = await fetch(`${url}/large`, { headers: { range: `bytes=${LARGE_BYTES - 4}-` } });
      expect(part.status).toBe(206);
      expect((await part.arrayBuffer()).byteLength).toBe(4);
    } finally {
      serving.kill();
      await serving;
    }
  });
});

/** rclone says nowhere which port it took. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
