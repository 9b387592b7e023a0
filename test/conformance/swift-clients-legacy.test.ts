import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Martlet } from '../support/martlet.ts';

const SEGMENT_BYTES = 1 << 20;
const LARGE_BYTES = 3 * SEGMENT_BYTES + 12_345;

/** Every command of the swift client, logged in by `swift -A`, as before Keystone. */
describe('swift with the v1 login', () => {
  let martlet: Martlet;
  let folder: string;
  let login: string[];

  beforeAll(async () => {
    martlet = await Martlet.start({ args: ['--only', 'auth,proxy'] });
    folder = await mkdtemp(join(tmpdir(), 'martlet-legacy-'));
    const { OS_PASSWORD = '' } = await martlet.environment();
    login = ['-A', martlet.url(8080, '/auth/v1.0'), '-U', 'demo:demo', '-K', OS_PASSWORD];
    await writeFile(join(folder, 'large.bin'), Buffer.alloc(LARGE_BYTES, 'legs are not drawn. '));
  });

  afterAll(async () => {
    await martlet.remove();
    await rm(folder, { recursive: true });
  });

  const swift = async (...args: string[]) => {
    const { stdout, stderr } = await execa('/usr/bin/swift', [...login, ...args], {
      cwd: folder,
      env: { PATH: '/usr/bin' },
      extendEnv: false,
    });
    return { stdout, stderr };
  };
  const asSegments = ['large.bin', '-S', String(SEGMENT_BYTES)];

  it('uploads in segments, static and dynamic, and whole, and downloads each', async () => {
    await swift('upload', 'big', ...asSegments, '--use-slo', '--object-name', 'static');
    await swift('upload', 'big', ...asSegments, '--object-name', 'dynamic');
    await swift('upload', 'big', 'large.bin', '--object-name', 'whole');
    const expected = await readFile(join(folder, 'large.bin'));
    for (const name of ['static', 'dynamic', 'whole']) {
      await swift('download', 'big', name, '-o', 'back.bin');
      expect(expected.equals(await readFile(join(folder, 'back.bin'))), name).toBe(true);
    }
    expect((await swift('list', 'big', '-l')).stdout).toMatch(new RegExp(`^\\s*${LARGE_BYTES} .* static$`, 'm'));
  });

  it('uploads nothing again that has not changed', async () => {
    for (const args of [
      ['--changed', ...asSegments, '--use-slo', '--object-name', 'static'],
      ['--skip-identical', ...asSegments, '--use-slo', '--object-name', 'static'],
      ['--skip-identical', ...asSegments, '--object-name', 'dynamic'],
      ['--skip-identical', 'large.bin', '--object-name', 'whole'],
    ]) {
      const { stderr } = await swift('--debug', 'upload', 'big', ...args);
      expect(stderr).toMatch(/"HEAD \/v1\/AUTH_\w+\/big\//);
      expect(stderr).not.toMatch(/"PUT \/v1\/AUTH_\w+\/\w+\//);
    }
  });

  it('copies with new metadata, and posts to objects, containers and the account', async () => {
    await swift('copy', 'big', 'whole', '-d', '/other/copy', '-m', 'Author:A. Vögel');
    await swift('post', 'big', 'whole', '-m', 'Reader:nobody', '-H', 'Content-Type:text/x-new');
    await swift('post', 'big', '-r', '.r:*,.rlistings', '-m', 'Shelf:3');
    await swift('post', '-m', 'Library:small');
    expect((await swift('stat', 'other', 'copy')).stdout).toMatch(
      new RegExp(`Content Length: ${LARGE_BYTES}[\\s\\S]*Meta Author: A\\. Vögel`),
    );
    expect((await swift('stat', 'big', 'whole')).stdout).toMatch(/Content Type: text\/x-new[\s\S]*Meta Reader: nobody/);
    expect((await swift('stat', 'big')).stdout).toMatch(/Read ACL: \.r:\*,\.rlistings[\s\S]*Meta Shelf: 3/);
    expect((await swift('stat')).stdout).toMatch(/Meta Library: small/);
  });

  it('deletes large objects with their segments, and in the end everything', async () => {
    await swift('delete', 'big', 'static', 'dynamic');
    expect((await swift('list', 'big_segments')).stdout).toBe('');
    await swift('delete', '--all');
    expect((await swift('list')).stdout).toBe('');
  });
});
