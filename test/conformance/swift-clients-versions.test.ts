import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Martlet } from '../support/martlet.ts';
import { client, openstack } from '../support/openstack.ts';

/** Judge 2: versions, links, expiring objects and archives, by the swift command, and by curl where it has no word for them. */
describe('versions, links and archives', () => {
  let martlet: Martlet;
  let folder: string;
  let storageUrl: string;
  let token: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-versions-'));
    const config = join(folder, 'martlet.yaml');
    await writeFile(config, 'proxy:\n  expirer_interval: 1\n');
    martlet = await Martlet.start({ args: ['--config', config, '--only', 'auth,proxy'] });
    const issued = await openstack<{ id: string; project_id: string }>(martlet, ['token', 'issue']);
    token = issued.id;
    storageUrl = martlet.url(8080, `/v1/AUTH_${issued.project_id}`);
  });

  afterAll(async () => {
    await martlet.remove();
    await rm(folder, { recursive: true });
  });

  const swift = (...args: string[]) => client(martlet, 'swift', args, 'demo', { cwd: folder });
  const curl = async (path: string, ...args: string[]) => {
    const all = ['-sS', '-f', '-H', `X-Auth-Token: ${token}`, ...args, storageUrl + path];
    return (await execa('/usr/bin/curl', all, { cwd: folder })).stdout;
  };
  const versionsOf = async (container: string) =>
    JSON.parse(await curl(`/${container}?versions`)) as { name: string; version_id: string; is_latest: boolean }[];

  it('swift uploads, lists, reads and deletes versions', async () => {
    await swift('post', 'kept', '-H', 'X-Versions-Enabled: true');
    expect((await swift('stat', 'kept')).stdout).toMatch(/X-Versions-Enabled: True/);
    for (const text of ['one', 'the second']) {
      await writeFile(join(folder, 'text'), text);
      await swift('upload', 'kept', 'text', '--object-name', 'o');
    }
    const [second, first] = await versionsOf('kept');
    const { stdout } = await swift('list', 'kept', '--versions');
    expect(stdout).toContain(first?.version_id);
    expect(stdout).toContain(second?.version_id);
    await swift('download', 'kept', 'o', '-o', 'old', '--version-id', first?.version_id ?? '');
    expect(await readFile(join(folder, 'old'), 'utf8')).toBe('one');
    await swift('delete', 'kept', 'o', '--version-id', second?.version_id ?? '');
    await curl(`/kept/o?version-id=${first?.version_id}`, '-X', 'PUT');
    await swift('download', 'kept', 'o', '-o', 'again');
    expect(await readFile(join(folder, 'again'), 'utf8')).toBe('one');
    await swift('delete', 'kept', 'o');
    expect((await swift('list', 'kept')).stdout).toBe('');
    for (const { version_id } of await versionsOf('kept'))
      await curl(`/kept/o?version-id=${version_id}`, '-X', 'DELETE');
    await swift('delete', 'kept');
  });

  it('swift’s older versions go to their container and come back', async () => {
    await swift('post', 'archive');
    await swift('post', 'stack', '-H', 'X-Versions-Location: archive');
    for (const text of ['one', 'the second']) {
      await writeFile(join(folder, 'text'), text);
      await swift('upload', 'stack', 'text', '--object-name', 'o');
    }
    expect((await swift('list', 'archive')).stdout).toMatch(/^001o\/\d+\.\d{5}$/);
    await swift('delete', 'stack', 'o');
    await swift('download', 'stack', 'o', '-o', 'back');
    expect(await readFile(join(folder, 'back'), 'utf8')).toBe('one');
  });

  it('swift downloads what a link leads to, and copies it', async () => {
    await writeFile(join(folder, 'text'), 'the target');
    await swift('upload', 'targets', 'text', '--object-name', 'o');
    await curl('/targets/link', '-X', 'PUT', '-H', 'X-Symlink-Target: targets/o', '-H', 'Content-Length: 0');
    await swift('download', 'targets', 'link', '-o', 'followed');
    expect(await readFile(join(folder, 'followed'), 'utf8')).toBe('the target');
    await swift('copy', 'targets', 'link', '-d', '/targets/copy');
    await swift('download', 'targets', 'copy', '-o', 'copied');
    expect(await readFile(join(folder, 'copied'), 'utf8')).toBe('the target');
  });

  it('an archive of tar, packed or not, becomes objects', async () => {
    const bytes = Buffer.alloc(3_000_000, 'martlet ');
    await mkdir(join(folder, 'unpacked/deep'), { recursive: true });
    await writeFile(join(folder, 'unpacked/large'), bytes);
    await writeFile(join(folder, 'unpacked/deep/small'), 'small');
    for (const [format, flag] of [
      ['tar', '-c'],
      ['tar.gz', '-cz'],
      ['tar.bz2', '-cj'],
    ] as const) {
      await execa('/usr/bin/tar', [flag, '--format=pax', '-f', `a.${format}`, 'unpacked'], { cwd: folder });
      const answer = await curl(`/from-${format}?extract-archive=${format}`, '-T', `a.${format}`);
      expect(answer, format).toContain('Number Files Created: 2');
      await swift('download', `from-${format}`, 'unpacked/large', '-o', 'large');
      expect((await readFile(join(folder, 'large'))).equals(bytes), format).toBe(true);
      expect((await swift('list', `from-${format}`)).stdout).toBe('unpacked/deep/small\nunpacked/large');
    }
  });

  it('what has expired leaves its listing by itself', async () => {
    await swift('upload', 'passing', 'text', '--object-name', 'goes', '-H', 'X-Delete-After: 1');
    await swift('upload', 'passing', 'text', '--object-name', 'stays');
    await expect.poll(() => curl('/passing'), { timeout: 30_000, interval: 250 }).toBe('stays');
  });
});
