import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { cp, mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Martlet } from '../support/martlet.ts';
import { client } from '../support/openstack.ts';

/** A tree that every Debian machine has; at most this many of its files, so that the run is the same length everywhere. */
const TREE = '/usr/share/doc';
const MOST_FILES = 3000;
const FEWEST_FILES = 500;
const LARGE_BYTES = 1100 << 20;

/** Judge 2: the swift command and rclone, on a real tree and a file beyond 1 GiB. */
describe('swift and rclone', () => {
  let martlet: Martlet;
  let folder: string;
  let tree: string;

  beforeAll(async () => {
    martlet = await Martlet.start();
    folder = await mkdtemp(join(tmpdir(), 'martlet-swift-'));
    tree = join(folder, 'tree');
    await copyTree(TREE, tree);
  });

  afterAll(async () => {
    await martlet.remove();
    await rm(folder, { recursive: true });
  });

  const swift = (args: readonly string[], cwd = folder) => client(martlet, 'swift', args, 'demo', { cwd });

  it('uploads a tree of many files and downloads it again, every checksum equal', async () => {
    await swift(['upload', 'docs', '.', '--object-threads', '8'], tree);
    const { stdout } = await swift(['list', 'docs']);
    const files = await filesBelow(tree);
    expect(files.size).toBeGreaterThan(FEWEST_FILES);
    expect(stdout.trim().split('\n').sort()).toEqual([...files.keys()].sort());
    const statistics = (await swift(['stat', 'docs'])).stdout;
    expect(statistics).toMatch(new RegExp(`Objects: ${files.size}\\b`));
    const copy = join(folder, 'copy');
    await mkdir(copy);
    await swift(['download', 'docs', '--object-threads', '8'], copy);
    expect(await filesBelow(copy)).toEqual(files);
  });

  it('uploads nothing again with --changed', async () => {
    const { stderr } = await swift(['--debug', 'upload', '--changed', 'docs', '.'], tree);
    expect(String(stderr)).toMatch(/"HEAD \/v1\/AUTH_\w+\/docs\//);
    expect(String(stderr)).not.toMatch(/"PUT \/v1\/AUTH_\w+\/docs\//);
  });

  it('changes metadata with post and shows it with stat', async () => {
    await writeFile(join(folder, 'note.txt'), 'a note\n');
    await swift(['upload', 'notes', 'note.txt']);
    await swift(['post', 'notes', 'note.txt', '-m', 'Author:A. Vögel', '-H', 'Content-Disposition: inline']);
    const { stdout } = await swift(['stat', 'notes', 'note.txt']);
    expect(stdout).toMatch(/Meta Author: A\. Vögel/);
    expect(stdout).toMatch(/Content-Disposition: inline/i);
    expect(stdout).toMatch(/Content Length: 7\b/);
  });

  it('carries a file beyond 1 GiB in segments and in one piece, byte for byte', async () => {
    const large = join(folder, 'large.bin');
    await writeLarge(large);
    const expected = await md5Of(large);
    const inSegments = ['-S', String(256 << 20)];
    await swift(['upload', 'large', 'large.bin', '--object-name', 'static', ...inSegments, '--use-slo']);
    await swift(['upload', 'large', 'large.bin', '--object-name', 'dynamic', ...inSegments]);
    await swift(['upload', 'large', 'large.bin', '--object-name', 'whole']);
    for (const name of ['static', 'dynamic', 'whole']) {
      const back = join(folder, `${name}.back`);
      await swift(['download', 'large', name, '-o', back]);
      expect((await stat(back)).size, name).toBe(LARGE_BYTES);
      expect(await md5Of(back), name).toBe(expected);
      await rm(back);
    }
    await rm(large);
    await swift(['delete', 'large']);
    expect((await swift(['list'])).stdout).not.toMatch(/^large$/m);
  });

  it('logs in by the legacy way, as swift -A does', async () => {
    const { OS_PASSWORD } = await martlet.environment();
    const legacy = ['-A', martlet.url(8080, '/auth/v1.0'), '-U', 'demo:demo', '-K', OS_PASSWORD ?? ''];
    const { stdout } = await execa('/usr/bin/swift', [...legacy, 'stat'], {
      env: { PATH: '/usr/bin' },
      extendEnv: false,
    });
    expect(stdout).toMatch(/Account: AUTH_[0-9a-f]{32}/);
  });

  it('syncs and checks with rclone, by v3 and by v1 login', async () => {
    const environment = await martlet.environment();
    const key = environment['OS_PASSWORD'] ?? '';
    const config = join(folder, 'rclone.conf');
    await writeFile(
      config,
      [
        '[v3]',
        'type = swift',
        `user = demo\nkey = ${key}\nauth = ${environment['OS_AUTH_URL']}\ntenant = demo`,
        'domain = Default\ntenant_domain = Default\nauth_version = 3\nregion = RegionOne',
        '[v1]',
        'type = swift',
        `user = demo:demo\nkey = ${key}\nauth = ${martlet.url(8080, '/auth/v1.0')}\nauth_version = 1\n`,
      ].join('\n'),
    );
    const rclone = (...args: string[]) => client(martlet, 'rclone', ['--config', config, ...args]);
    await rclone('sync', tree, 'v3:synced', '--transfers', '8', '--checkers', '8');
    await rclone('check', tree, 'v3:synced', '--download');
    await rclone('check', tree, 'v1:synced');
    await rm(join(tree, [...(await filesBelow(tree)).keys()][0] ?? ''));
    await rclone('sync', tree, 'v1:synced');
    await rclone('check', tree, 'v3:synced');
    const chunky = join(folder, 'chunky');
    await mkdir(chunky);
    await writeFile(join(chunky, 'chunks.bin'), Buffer.alloc(25 << 20, 'martlet'));
    await rclone('copy', chunky, 'v3:chunky', '--swift-chunk-size', '10M');
    await rclone('check', chunky, 'v3:chunky', '--download');
    await rclone('purge', 'v3:chunky');
  });

  it('deletes a container with everything in it', async () => {
    await swift(['delete', 'docs', '--object-threads', '8']);
    expect((await swift(['list'])).stdout).not.toMatch(/^docs$/m);
  });
});

/** Copies regular files (no links: the clients follow them) up to the limit. */
async function copyTree(from: string, to: string): Promise<void> {
  let copied = 0;
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || copied >= MOST_FILES) continue;
    const source = join(entry.parentPath, entry.name);
    await cp(source, join(to, relative(from, source)));
    copied += 1;
  }
}

/** Relative path to MD5 of every file. */
async function filesBelow(root: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(
      relative(root, path),
      createHash('md5')
        .update(await readFile(path))
        .digest('hex'),
    );
  }
  return new Map([...files].sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** Bytes that no two mebibytes of repeat: a block out of place shows. */
async function writeLarge(path: string): Promise<void> {
  const file = await open(path, 'w');
  const block = Buffer.alloc(1 << 20, 'The martlet never needs to land. ');
  for (let index = 0; index < LARGE_BYTES / block.length; index += 1) {
    block.writeUInt32LE(index, 0);
    await file.write(block);
  }
  await file.close();
}

async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
