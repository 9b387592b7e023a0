import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeBase32, totpAt } from '../../../auth/passwords/totp.ts';
import { PASSWORDS, TestCloud } from '../../support/auth/test-cloud.ts';

let cloud: TestCloud;
let authUrl: string;

beforeAll(async () => {
  cloud = await TestCloud.start();
  authUrl = `${await cloud.listen()}/v3`;
});
afterAll(() => cloud.stop());

type Row = Record<string, unknown>;

function run(user: 'admin' | 'demo', args: readonly string[], reject = true) {
  return execa('/usr/bin/openstack', args, {
    reject,
    extendEnv: false,
    env: {
      PATH: '/usr/bin:/bin',
      HOME: cloud.folder,
      OS_AUTH_URL: authUrl,
      OS_IDENTITY_API_VERSION: '3',
      OS_USERNAME: user,
      OS_PASSWORD: PASSWORDS[user],
      OS_PROJECT_NAME: user,
      OS_USER_DOMAIN_NAME: 'Default',
      OS_PROJECT_DOMAIN_NAME: 'Default',
    },
  });
}

/** Runs a command as the administrator and reads its JSON. */
async function show<T = Row>(...args: string[]): Promise<T> {
  return JSON.parse((await run('admin', [...args, '-f', 'json'])).stdout) as T;
}
const quietly = (...args: string[]) => run('admin', args);
const namesOf = (rows: Row[]) => rows.map((row) => row['Name']);

/** The identity commands of OpenStack's own client against the service alone, their fields read back. */
describe('the identity commands of openstack', () => {
  it('issue a token and list the catalog', async () => {
    expect(await show('token', 'issue')).toMatchObject({ project_id: cloud.projectIds.admin });
    const catalog = await show<{ Type: string }[]>('catalog', 'list');
    expect(catalog.map(({ Type }) => Type)).toEqual(['identity', 'object-store', 'image']);
    expect(await show<Row[]>('endpoint', 'list', '--service', 'image')).toHaveLength(3);
  });

  it('make, show, change, list and delete a project, a user, a group and a role', async () => {
    const project = await show('project', 'create', '--description', 'of passage', '--tag', 'bird', 'birds');
    expect(await show('project', 'show', 'birds')).toMatchObject({
      id: project['id'],
      description: 'of passage',
      tags: ['bird'],
    });
    await quietly('project', 'set', '--name', 'swifts', '--disable', 'birds');
    expect(await show('project', 'show', 'swifts')).toMatchObject({ id: project['id'], enabled: false });
    await quietly('project', 'set', '--enable', 'swifts');
    expect(namesOf(await show<Row[]>('project', 'list'))).toContain('swifts');

    const user = await show(
      'user',
      'create',
      '--project',
      'swifts',
      '--password',
      'pw',
      '--email',
      'a@b.example',
      'anna',
    );
    expect(await show('user', 'show', 'anna')).toMatchObject({
      id: user['id'],
      email: 'a@b.example',
      default_project_id: project['id'],
    });
    await quietly('user', 'set', '--name', 'berta', '--password', 'other', 'anna');
    expect(namesOf(await show<Row[]>('user', 'list'))).toContain('berta');

    await quietly('group', 'create', '--description', 'flock', 'flock');
    await quietly('group', 'add', 'user', 'flock', 'berta');
    expect((await quietly('group', 'contains', 'user', 'flock', 'berta')).stdout).toContain('berta in group flock');
    expect(namesOf(await show<Row[]>('user', 'list', '--group', 'flock'))).toEqual(['berta']);

    await quietly('role', 'create', 'ringer');
    await quietly('role', 'add', '--group', 'flock', '--project', 'swifts', 'ringer');
    await quietly('role', 'add', '--user', 'berta', '--project', 'swifts', 'member');
    await quietly('role', 'add', '--user', 'berta', '--system', 'all', 'reader');
    const assignments = await show<Row[]>(
      'role',
      'assignment',
      'list',
      '--names',
      '--user',
      'berta',
      '--effective',
      '--project',
      'swifts',
    );
    expect(assignments.map((row) => row['Role']).sort()).toEqual(['member', 'reader', 'ringer']);
    expect(assignments[0]).toMatchObject({ User: 'berta@Default', Project: 'swifts@Default' });
    await quietly('role', 'remove', '--user', 'berta', '--project', 'swifts', 'member');
    expect(await show<Row[]>('role', 'assignment', 'list', '--user', 'berta', '--project', 'swifts')).toEqual([]);

    await quietly('group', 'remove', 'user', 'flock', 'berta');
    await quietly('group', 'delete', 'flock');
    await quietly('role', 'delete', 'ringer');
    await quietly('user', 'delete', 'berta');
    await quietly('project', 'delete', 'swifts');
    for (const [kind, name] of [
      ['user', 'berta'],
      ['group', 'flock'],
      ['role', 'ringer'],
      ['project', 'swifts'],
    ] as const)
      expect((await run('admin', [kind, 'show', name], false)).exitCode).not.toBe(0);
  });

  it('show the demo user itself and refuse everything else', async () => {
    const own = JSON.parse((await run('demo', ['project', 'list', '-f', 'json'])).stdout) as Row[];
    expect(namesOf(own)).toEqual(['demo']);
    expect((await run('demo', ['user', 'show', 'demo', '-f', 'value', '-c', 'name'])).stdout).toBe('demo');
    for (const args of [
      ['user', 'list'],
      ['project', 'show', 'admin'],
      ['role', 'list'],
      ['user', 'create', '--password', 'x', 'x'],
    ]) {
      const refusal = await run('demo', args, false);
      expect(refusal.exitCode).not.toBe(0);
      expect(refusal.stderr).toContain("Policy doesn't allow");
    }
  });

  it('log in with a proof at a time, by keystoneauth', async () => {
    const seed = 'JBSWY3DPEHPK3PXP';
    await quietly('user', 'set', '--multi-factor-auth-rule', 'password,totp', '--enable-multi-factor-auth', 'demo');
    await quietly('credential', 'create', '--type', 'totp', 'demo', seed);
    const passcode = totpAt(decodeBase32(seed) as Buffer, Math.floor(cloud.clock.nowMs() / 30_000));
    const args = ['test/support/auth/receipt-client.py', authUrl, 'demo', PASSWORDS.demo, passcode];
    const { stdout } = await execa('/usr/bin/python3', args, { extendEnv: false, env: { PATH: '/usr/bin:/bin' } });
    expect(JSON.parse(stdout)).toEqual({
      methods: ['password'],
      required: [['password', 'totp']],
      token: ['password', 'totp'],
      roles: expect.arrayContaining(['member']),
    });
    await quietly('user', 'set', '--disable-multi-factor-auth', 'demo');
  });

  it('revoke a token', async () => {
    const { id } = await show('token', 'issue');
    await quietly('token', 'revoke', String(id));
    expect(await cloud.service.verifier.verify(String(id))).toBeUndefined();
  });
});
