import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { resetPassword } from '../../../auth/recovery.ts';
import { makeClusterSecrets, saveClusterSecrets } from '../../../cli/cluster-secrets.ts';
import { registerAuthCommands } from '../../../cli/commands/auth.ts';
import { registerPolicyCommands } from '../../../cli/commands/policy.ts';
import { writeCredentialFiles } from '../../../cli/credential-files.ts';
import { LevelStore } from '../../../common/kv/level-store.ts';
import { PASSWORDS, passwordIdentity, TestCloud } from '../../support/auth/test-cloud.ts';

let folder: string;
let printed: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-cli-'));
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  vi.stubEnv('MARTLET_AUTH__PASSWORD_HASH_COST', '10');
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.exitCode = undefined;
  await rm(folder, { recursive: true, force: true });
});

/** Runs `martlet …`; the error that would end the program is thrown. */
async function run(...args: string[]): Promise<string> {
  printed = '';
  const program = new Command('martlet').exitOverride();
  registerAuthCommands(program);
  registerPolicyCommands(program);
  await program.parseAsync(args, { from: 'user' });
  return printed;
}

/** A data folder as far as identity needs one, with nobody in it yet. */
async function makeFolder(): Promise<void> {
  await writeFile(join(folder, 'version.json'), '{"version":1}\n');
  await saveClusterSecrets(folder, makeClusterSecrets());
  const login = (username: string) => ({ username, password: 'old', projectName: username });
  await writeCredentialFiles(folder, 'http://127.0.0.1:5000/v3', login('demo'), login('admin'));
}

describe('martlet auth', () => {
  it('rotates the token keys', async () => {
    await makeFolder();
    const keys = async () => (await readdir(join(folder, 'keys', 'fernet'))).sort();
    await run('auth', 'rotate-keys', '--data', folder);
    expect(await keys()).toEqual(['0', '1', '2']);
    await run('auth', 'rotate-keys', '--data', folder);
    expect(await keys()).toEqual(['0', '2', '3']);
  });

  it('rotates the keys of credentials with them, drops none, and stops before there are too many', async () => {
    await makeFolder();
    const keys = async () => (await readdir(join(folder, 'keys', 'credential'))).sort();
    expect(await run('auth', 'rotate-keys', '--data', folder)).toContain('encrypts credentials anew');
    expect(await keys()).toEqual(['0', '1', '2']);
    for (let turn = 0; turn < 13; turn += 1) await run('auth', 'rotate-keys', '--data', folder);
    expect(await keys()).toHaveLength(16);
    expect(await run('auth', 'rotate-keys', '--data', folder)).toContain('credentials are not rotated');
    expect(await keys()).toHaveLength(16);
  });

  it('makes what is missing, tells the new passwords to the files, and changes nothing the second time', async () => {
    await makeFolder();
    expect(await run('auth', 'bootstrap', '--data', folder)).toContain('admin and demo');
    const clouds = await readFile(join(folder, 'clouds.yaml'), 'utf8');
    expect(clouds).not.toContain('password: old');
    expect(await readFile(join(folder, 'openrc'), 'utf8')).not.toContain("PASSWORD='old'");
    expect(await run('auth', 'bootstrap', '--data', folder)).toContain('everything was there');
    expect(await readFile(join(folder, 'clouds.yaml'), 'utf8')).toBe(clouds);
  });

  it('gives the administrator a new password, and names no user that there is not', async () => {
    await makeFolder();
    await run('auth', 'bootstrap', '--data', folder);
    const password = (await run('auth', 'reset-password', '--data', folder)).trim();
    expect(await readFile(join(folder, 'admin-openrc'), 'utf8')).toContain(`OS_PASSWORD='${password}'`);
    expect(await readFile(join(folder, 'openrc'), 'utf8')).not.toContain(password);
    await expect(run('auth', 'reset-password', '--user', 'nobody', '--data', folder)).rejects.toThrow('no user nobody');
  });

  it('touches no folder that is no cloud', async () => {
    for (const command of ['rotate-keys', 'bootstrap', 'reset-password'])
      await expect(run('auth', command, '--data', folder)).rejects.toThrow('not the data folder');
    expect(await readdir(folder)).toEqual([]);
  });
});

it('a password that was reset lets in a user who was disabled and locked out, and ends the tokens of before', async () => {
  const cloud = await TestCloud.start({ config: { lockout_failures: 1 } });
  const admin = await cloud.adminToken();
  await cloud.logIn(passwordIdentity('admin', 'wrong'));
  expect((await cloud.logIn(passwordIdentity('admin', PASSWORDS.admin))).status).toBe(401);
  const config = { password_hash_cost: 10 } as Parameters<typeof resetPassword>[0]['config'];
  const given = { userName: 'admin', domainId: 'default', password: 'recovered' };
  expect(await resetPassword({ store: cloud.store, config }, given, cloud.clock.nowMs())).toBe(true);
  cloud.epoch.bump(); // the service would be started anew
  expect((await cloud.logIn(passwordIdentity('admin', 'recovered'))).status).toBe(201);
  expect(await cloud.service.verifier.verify(admin)).toBeUndefined();
  await cloud.stop();
});

describe('martlet policy', () => {
  it('lists the rules of every service, those of the file marked', async () => {
    const file = join(folder, 'policy.yaml');
    await writeFile(file, stringify({ 'identity:get_user': 'role:admin' }));
    const text = await run('policy', 'list', '--policy-file', file);
    for (const service of ['identity', 'image', 'volume', 'compute']) expect(text).toContain(`# ${service}\n`);
    expect(text).toContain('* identity:get_user: role:admin\n');
    expect(text).toContain('  identity:create_domain: rule:admin_required\n');
    expect(await run('policy', 'list', '--service', 'image')).not.toContain('identity:');
    await expect(run('policy', 'list', '--service', 'dns')).rejects.toThrow('--service');
  });

  it('explains what a token may do', async () => {
    const cloud = await TestCloud.start();
    const authUrl = `${await cloud.listen()}/v3`;
    const token = await cloud.demoToken();
    const check = (...args: string[]) => run('policy', 'check', '--auth-url', authUrl, '--token', token, ...args);
    const refused = await check('--action', 'identity:get_user', '--target', 'user.domain_id=default');
    expect(refused).toContain(
      'identity:get_user is refused\nuser demo of domain Default, scope project demo, member, reader\n',
    );
    expect(refused).toContain('- role:admin\n');
    expect(process.exitCode).toBe(77);
    process.exitCode = undefined;
    expect(await check('--action', 'identity:list_regions')).toContain('is allowed');
    expect(process.exitCode).toBeUndefined();
    await expect(check('--action', 'identity:fly')).rejects.toThrow('no service has an action');
    await expect(check('--action', 'identity:get_user', '--target', 'x')).rejects.toThrow('key=value');
    const other = run('policy', 'check', '--auth-url', authUrl, '--token', 'x', '--action', 'identity:get_user');
    await expect(other).rejects.toThrow('does not accept');
    await cloud.stop();
  });
});

it('a cloud in use is left alone', async () => {
  await makeFolder();
  const start = (await readFile('/proc/self/stat', 'utf8')).split(') ')[1]?.split(' ')[19];
  await writeFile(join(folder, 'martlet.pid'), `${process.pid} ${start}\n`);
  await expect(run('auth', 'bootstrap', '--data', folder)).rejects.toThrow('in use');
  const store = await LevelStore.open(join(folder, 'control'));
  await store.close();
});
