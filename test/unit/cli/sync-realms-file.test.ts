import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { loadSyncRealms, SyncRealmsFile } from '../../../cli/sync-realms-file.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-realms-'));
  path = join(folder, 'container-sync-realms.conf');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

it('no file of realms is no realms', async () => {
  expect(await loadSyncRealms(undefined)).toEqual({});
});

it('a file of realms is read', async () => {
  await writeFile(path, '[r]\nkey = k\n', { mode: 0o600 });
  expect(await loadSyncRealms(path)).toEqual({ R: { key: 'k', clusters: {} } });
});

it('a file of realms that is not there, that everybody may read, or that is too large, is refused', async () => {
  await expect(loadSyncRealms(path)).rejects.toThrow(/ENOENT/);
  await writeFile(path, '[r]\nkey = k\n');
  await chmod(path, 0o644);
  await expect(loadSyncRealms(path)).rejects.toThrow(/chmod 600/);
  await writeFile(path, Buffer.alloc((1 << 20) + 1));
  await chmod(path, 0o600);
  await expect(loadSyncRealms(path)).rejects.toThrow(/too large/);
});

it('a file of realms is read again when it changes; what cannot be used is reported once and changes nothing', async () => {
  const logger = pino({ level: 'silent' });
  const report = vi.spyOn(logger, 'error').mockReturnValue();
  await writeFile(path, '[r]\nkey = first\n', { mode: 0o600 });
  const file = new SyncRealmsFile(path, await loadSyncRealms(path), logger);
  const keyAfter = async () => {
    await file.reload();
    return file.current()['R']?.key;
  };
  expect(await keyAfter()).toBe('first');
  await writeFile(path, '[r]\nkey = second one\n');
  expect(await keyAfter()).toBe('second one');
  await writeFile(path, 'no realm at all\n');
  for (let turn = 0; turn < 2; turn += 1) expect(await keyAfter()).toBe('second one');
  await rm(path);
  for (let turn = 0; turn < 2; turn += 1) expect(await keyAfter()).toBe('second one');
  expect(report).toHaveBeenCalledTimes(2);
  await writeFile(path, '[r]\nkey = third\n');
  await chmod(path, 0o600);
  expect(await keyAfter()).toBe('third');
});
