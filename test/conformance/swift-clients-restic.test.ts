import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Martlet } from '../support/martlet.ts';

const SOURCE = '/usr/share/doc/git';
const LARGE_BYTES = 40 << 20;

/** restic's own backend for Swift: backups that are read back whole. */
describe('restic', () => {
  let martlet: Martlet;
  let folder: string;
  let tree: string;
  let v3: Record<string, string>;

  beforeAll(async () => {
    martlet = await Martlet.start({ args: ['--only', 'auth,proxy'] });
    folder = await mkdtemp(join(tmpdir(), 'martlet-restic-'));
    tree = join(folder, 'tree');
    await mkdir(tree);
    await cp(SOURCE, join(tree, 'doc'), { recursive: true, dereference: true });
    await writeFile(join(tree, 'large.bin'), Buffer.alloc(LARGE_BYTES, 'A martlet has no feet. '));
    await writeFile(join(tree, 'Grüße & mehr'), 'odd name\n');
    v3 = await martlet.environment();
  });

  afterAll(async () => {
    await martlet.remove();
    await rm(folder, { recursive: true });
  });

  const restic = (args: readonly string[], environment: Readonly<Record<string, string>>) =>
    execa('/usr/bin/restic', ['-r', 'swift:backups:/repository', '--cache-dir', join(folder, 'cache'), ...args], {
      extendEnv: false,
      cwd: folder,
      env: { PATH: '/usr/bin', HOME: folder, RESTIC_PASSWORD: 'a password', ...environment },
    });

  it('backs up, checks every byte, and restores the same tree', async () => {
    await restic(['init'], v3);
    await restic(['backup', 'tree'], v3);
    expect((await restic(['check', '--read-data'], v3)).stdout).toMatch(/no errors were found/);
    await restic(['restore', 'latest', '--target', 'restored'], v3);
    await execa('/usr/bin/diff', ['-r', 'tree', 'restored/tree'], { cwd: folder });
  });

  it('forgets and prunes, and what stays is whole', async () => {
    await rm(join(tree, 'large.bin'));
    await restic(['backup', 'tree'], v3);
    await restic(['forget', '--keep-last', '1', '--prune'], v3);
    expect((await restic(['check', '--read-data'], v3)).stdout).toMatch(/no errors were found/);
    await restic(['restore', 'latest', '--target', 'again'], v3);
    expect((await readdir(join(folder, 'again/tree'))).sort()).toEqual((await readdir(tree)).sort());
    await execa('/usr/bin/diff', ['-r', 'tree', 'again/tree'], { cwd: folder });
  });

  it('finds the same repository by the v1 login', async () => {
    const v1 = {
      ST_AUTH: martlet.url(8080, '/auth/v1.0'),
      ST_USER: 'demo:demo',
      ST_KEY: v3['OS_PASSWORD'] ?? '',
    };
    const snapshots = JSON.parse((await restic(['snapshots', '--json'], v1)).stdout) as unknown[];
    expect(snapshots).toHaveLength(1);
  });
});
