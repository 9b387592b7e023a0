import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTimeOf, takeDataFolder } from '../../../cli/data-folder.ts';

describe('a data folder', () => {
  let root: string;
  let path: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'martlet-folder-'));
    path = join(root, 'data');
  });

  afterEach(() => rm(root, { recursive: true }));

  it('is made, completed, given up and taken again', async () => {
    const first = await takeDataFolder(path);
    expect(first.complete).toBe(false);
    await first.markBegun();
    await first.markComplete();
    await first.release();
    expect(await readdir(path)).toEqual(['version.json']);
    const second = await takeDataFolder(path);
    expect(second.complete).toBe(true);
    await second.release();
  });

  it('disappears again when its first start fails', async () => {
    const folder = await takeDataFolder(path);
    await folder.markBegun();
    await mkdir(join(path, 'rings'));
    await folder.release();
    expect(await readdir(root)).toEqual([]);
  });

  it('stays, emptied, when it was there before a first start that fails', async () => {
    await mkdir(path);
    const folder = await takeDataFolder(path);
    await folder.markBegun();
    await writeFile(join(path, 'node.json'), '{}');
    await folder.release();
    expect(await readdir(path)).toEqual([]);
  });

  it('is cleared of what a killed first start left', async () => {
    const killed = await takeDataFolder(path);
    await killed.markBegun();
    await writeFile(join(path, 'node.json'), '{}');
    await rm(join(path, 'martlet.pid'));
    const next = await takeDataFolder(path);
    expect(await readdir(path)).toEqual(['martlet.pid']);
    await next.release();
  });

  it('is refused while its owner lives, with the owner’s pid', async () => {
    const owner = await takeDataFolder(path);
    await expect(takeDataFolder(path)).rejects.toThrow(`in use by process ${process.pid}`);
    await owner.release();
  });

  it('is taken over from an owner that died, or whose pid another process has now', async () => {
    await mkdir(path);
    for (const stale of ['999999999 1\n', `${process.pid} 1\n`, '']) {
      await writeFile(join(path, 'martlet.pid'), stale);
      const folder = await takeDataFolder(path);
      expect(await readFile(join(path, 'martlet.pid'), 'utf8')).toBe(
        `${process.pid} ${await startTimeOf(process.pid)}\n`,
      );
      await folder.release();
      await mkdir(path, { recursive: true });
    }
  });

  it('is refused when it holds somebody else’s files, and they stay', async () => {
    await mkdir(path);
    await writeFile(join(path, 'thesis.tex'), 'mine');
    await expect(takeDataFolder(path)).rejects.toThrow(/thesis\.tex/);
    expect(await readdir(path)).toEqual(['thesis.tex']);
  });

  it('is refused when a newer Martlet made it', async () => {
    await mkdir(path);
    await writeFile(join(path, 'version.json'), '{"version":99}');
    await expect(takeDataFolder(path)).rejects.toThrow(/version 99/);
  });
});
