import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeFernet, encodeFernet } from '../../../auth/tokens/fernet.ts';
import { FernetKeyRepository } from '../../../auth/tokens/fernet-keys.ts';
import { StartError } from '../../../common/errors.ts';

let base: string;
let folder: string;
const clock = { now: 0, nowMs: () => clock.now };

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'martlet-keys-'));
  folder = join(base, 'keys', 'fernet');
  clock.now = 0;
});
afterEach(() => rm(base, { recursive: true, force: true }));

async function open(): Promise<FernetKeyRepository> {
  const repository = new FernetKeyRepository(folder, clock);
  await repository.open();
  return repository;
}

const issue = (repository: FernetKeyRepository) =>
  encodeFernet(Buffer.from('payload'), repository.keys.primary, { issuedAtS: 0 });
const reads = (repository: FernetKeyRepository, token: string) =>
  decodeFernet(token, repository.keys.all)?.toString() === 'payload';

describe('the token key repository', () => {
  it('makes a staged and a primary key that only the owner can read', async () => {
    await open();
    expect((await readdir(folder)).sort()).toEqual(['0', '1']);
    for (const path of [folder, join(folder, '0'), join(folder, '1')]) expect((await stat(path)).mode & 0o077).toBe(0);
  });

  it('uses no key that others than its owner can read', async () => {
    const repository = await open();
    await chmod(join(folder, '1'), 0o640);
    await expect(open()).rejects.toThrow('chmod 600');
    clock.now += 2_000;
    await expect(repository.reload()).rejects.toThrow(StartError);
    expect(reads(repository, issue(repository))).toBe(true);
    await chmod(join(folder, '1'), 0o600);
    await open();
  });

  it('reads the same keys at the next start', async () => {
    const token = issue(await open());
    expect(reads(await open(), token)).toBe(true);
  });

  it('makes the staged key the primary, and still reads what the old one signed', async () => {
    const repository = await open();
    const staged = await readFile(join(folder, '0'), 'utf8');
    const old = issue(repository);
    await repository.rotate(3);
    expect(await readFile(join(folder, '2'), 'utf8')).toBe(staged);
    expect(await readFile(join(folder, '0'), 'utf8')).not.toBe(staged);
    expect(reads(repository, old)).toBe(true);
  });

  it('drops the oldest keys and no other', async () => {
    const repository = await open();
    const first = issue(repository);
    for (let turn = 0; turn < 2; turn += 1) await repository.rotate(3);
    expect((await readdir(folder)).sort()).toEqual(['0', '2', '3']);
    expect(reads(repository, first)).toBe(false);
  });

  it('learns of a rotation elsewhere, at most once a second', async () => {
    const [here, elsewhere] = [await open(), await open()];
    await elsewhere.rotate(3);
    await elsewhere.rotate(3);
    const token = issue(elsewhere);
    expect(await here.reload()).toBe(false);
    clock.now = 1000;
    expect(await here.reload()).toBe(true);
    expect(reads(here, token)).toBe(true);
  });

  it('reads a token at once that another node signed with the key that was staged here', async () => {
    const [here, elsewhere] = [await open(), await open()];
    await elsewhere.rotate(3);
    expect(reads(here, issue(elsewhere))).toBe(true);
  });

  it('finishes a rotation that ended after its first step', async () => {
    const repository = await open();
    await writeFile(join(folder, '2'), await readFile(join(folder, '0'), 'utf8'), { mode: 0o600 });
    const token = issue(await open());
    await repository.rotate(3);
    expect(reads(repository, token)).toBe(true);
  });

  it('refuses to start with a file that holds no key, and ignores files of other names', async () => {
    await open();
    await writeFile(join(folder, 'notes.txt'), 'x');
    await open();
    await writeFile(join(folder, '5'), 'rubbish');
    await expect(open()).rejects.toThrow(StartError);
  });

  it('says clearly that the folder cannot be made', async () => {
    await writeFile(join(base, 'keys'), 'a file');
    await expect(open()).rejects.toThrow(/token keys: /);
    await expect(open()).rejects.toThrow(StartError);
  });
});
