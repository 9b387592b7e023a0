import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { activateSecret, addSecret } from '../../../cli/commands/encryption.ts';
import { loadRootSecrets, readRootSecrets } from '../../../cli/root-secrets-file.ts';

describe('martlet encryption', () => {
  let folder: string;
  let file: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-secrets-'));
    file = join(folder, 'root-secrets.json');
  });

  afterEach(() => rm(folder, { recursive: true }));

  it('makes a file that only its owner can read, its first secret active', async () => {
    expect(await addSecret(file, {})).toEqual({ id: '1', active: '1' });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const loaded = await loadRootSecrets(file);
    expect(Buffer.from(loaded?.secrets['1'] ?? '', 'base64')).toHaveLength(32);
  });

  it('adds others beside it, active at once or later', async () => {
    await addSecret(file, { id: 'first' });
    expect(await addSecret(file, {})).toEqual({ id: '1', active: 'first' });
    expect(await addSecret(file, { activate: true })).toEqual({ id: '2', active: '2' });
    await activateSecret(file, '1');
    const { active, secrets } = (await readRootSecrets(file)) ?? { secrets: {} };
    expect([active, Object.keys(secrets).sort()]).toEqual(['1', ['1', '2', 'first']]);
    expect(new Set(Object.values(secrets)).size).toBe(3);
  });

  it('overwrites no secret, and takes no bad id', async () => {
    await addSecret(file, { id: 'a' });
    await expect(addSecret(file, { id: 'a' })).rejects.toThrow(/there is a secret 'a' already/);
    await expect(addSecret(file, { id: 'a/b' })).rejects.toThrow(/is no id/);
    await expect(activateSecret(file, 'b')).rejects.toThrow(/there is no secret 'b'/);
    await expect(activateSecret(join(folder, 'absent'), 'b')).rejects.toThrow(/it is not there/);
  });

  it('a file that others may read is refused, and one that is not there', async () => {
    await addSecret(file, {});
    await chmod(file, 0o640);
    await expect(loadRootSecrets(file)).rejects.toThrow(/others than its owner may use it \(mode 640\)/);
    await expect(loadRootSecrets(join(folder, 'absent'))).rejects.toThrow(/make it with 'martlet encryption add/);
    await expect(loadRootSecrets(folder)).rejects.toThrow(/no file/);
    expect(await loadRootSecrets(undefined)).toBeUndefined();
  });

  it('a file that is far too large is not read', async () => {
    await writeFile(file, Buffer.alloc((1 << 20) + 1), { mode: 0o600 });
    await expect(loadRootSecrets(file)).rejects.toThrow(/too large/);
  });
});
