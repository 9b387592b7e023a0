import { createHmac } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OpenstackShell } from '../../support/auth/openstack-shell.ts';
import { PASSWORDS, projectScope, TestCloud } from '../../support/auth/test-cloud.ts';

let cloud: TestCloud;
let admin: OpenstackShell;
let demo: OpenstackShell;

type Row = Record<string, unknown>;

function shellOf(user: 'admin' | 'demo', authUrl: string): OpenstackShell {
  return OpenstackShell.start({
    HOME: cloud.folder,
    OS_AUTH_URL: authUrl,
    OS_IDENTITY_API_VERSION: '3',
    OS_USERNAME: user,
    OS_PASSWORD: PASSWORDS[user],
    OS_PROJECT_NAME: user,
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_DOMAIN_NAME: 'Default',
  });
}

beforeAll(async () => {
  cloud = await TestCloud.start();
  const authUrl = `${await cloud.listen()}/v3`;
  admin = shellOf('admin', authUrl);
  demo = shellOf('demo', authUrl);
});
afterAll(async () => {
  await admin.end();
  await demo.end();
  await cloud.stop();
});

const rows = (...args: string[]) => admin.show<Row[]>(...args);
const idOf = (row: Row) => String(row['id'] ?? row['ID']);
const column = (list: readonly Row[], name: string) => list.map((row) => row[name]);

/** What `show` fails on afterwards. */
async function isGone(...show: string[]): Promise<void> {
  const { code, err } = await admin.run(show);
  expect([show, code]).not.toEqual([show, 0]);
  expect(err).toMatch(/No .* (with a .*name or ID of|found)|not found|could not be found|Could not find/i);
}

/** Every resource of the identity service by the commands of OpenStack's own client, the fields read back. */
describe('openstack', () => {
  it('domain', async () => {
    const made = await admin.show('domain', 'create', '--description', 'of birds', 'birds');
    expect(made).toMatchObject({ name: 'birds', description: 'of birds', enabled: true });
    await admin.do('domain', 'set', '--name', 'swifts', '--description', 'of swifts', 'birds');
    expect(await admin.show('domain', 'show', 'swifts')).toMatchObject({ id: idOf(made), description: 'of swifts' });
    expect(column(await rows('domain', 'list'), 'Name')).toEqual(expect.arrayContaining(['Default', 'swifts']));
    expect((await admin.run(['domain', 'delete', 'swifts'])).code).not.toBe(0);
    await admin.do('domain', 'set', '--disable', 'swifts');
    expect(await admin.show('domain', 'show', 'swifts')).toMatchObject({ enabled: false });
    await admin.do('domain', 'delete', 'swifts');
    await isGone('domain', 'show', 'swifts');
  });

  it('project in a hierarchy, with tags and properties', async () => {
    const parent = await admin.show('project', 'create', '--property', 'color=red', '--tag', 'a', 'parent');
    expect(parent).toMatchObject({ tags: ['a'], color: 'red', is_domain: false, parent_id: 'default' });
    const child = await admin.show('project', 'create', '--parent', 'parent', 'child');
    expect(child).toMatchObject({ parent_id: idOf(parent) });
    expect(await admin.show('project', 'show', '--parents', 'child')).toMatchObject({ name: 'child' });
    await admin.do('project', 'set', '--tag', 'b', '--property', 'color=blue', 'parent');
    const changed = await admin.show('project', 'show', 'parent');
    expect(changed).toMatchObject({ color: 'blue' });
    expect(new Set(changed['tags'] as string[]), 'in whatever order: the client sends a set').toEqual(
      new Set(['a', 'b']),
    );
    expect(column(await rows('project', 'list', '--tags', 'b'), 'Name')).toEqual(['parent']);
    expect(column(await rows('project', 'list', '--parent', 'parent'), 'Name')).toEqual(['child']);
    await admin.do('project', 'delete', 'child', 'parent');
    await isGone('project', 'show', 'parent');
  });

  it('role, of a domain too, and implied role', async () => {
    const ringer = await admin.show('role', 'create', '--description', 'rings', 'ringer');
    expect(ringer).toMatchObject({ name: 'ringer', description: 'rings', domain_id: null });
    await admin.do('role', 'set', '--name', 'bander', 'ringer');
    expect(await admin.show('role', 'show', 'bander')).toMatchObject({ id: idOf(ringer) });
    const local = await admin.show('role', 'create', '--domain', 'default', 'local');
    expect(local).toMatchObject({ domain_id: 'default' });
    expect(column(await rows('role', 'list', '--domain', 'default'), 'Name')).toEqual(['local']);
    await admin.do('implied', 'role', 'create', '--implied-role', 'reader', 'bander');
    const implied = await rows('implied', 'role', 'list');
    expect(implied).toContainEqual(
      expect.objectContaining({ 'Prior Role Name': 'bander', 'Implied Role Name': 'reader' }),
    );
    await admin.do('implied', 'role', 'delete', '--implied-role', 'reader', 'bander');
    expect(column(await rows('implied', 'role', 'list'), 'Prior Role Name')).not.toContain('bander');
    await admin.do('role', 'delete', 'bander');
    await admin.do('role', 'delete', '--domain', 'default', 'local');
    await isGone('role', 'show', 'bander');
  });

  it('role add on a project, a domain, the system, and inherited', async () => {
    await admin.do('user', 'create', '--password', 'pw', 'berta');
    await admin.do('role', 'add', '--user', 'berta', '--domain', 'default', '--inherited', 'reader');
    await admin.do('role', 'add', '--user', 'berta', '--domain', 'default', 'member');
    await admin.do('role', 'add', '--user', 'berta', '--system', 'all', 'reader');
    const all = await rows('role', 'assignment', 'list', '--user', 'berta', '--names');
    expect(all).toHaveLength(3);
    expect(all).toContainEqual(expect.objectContaining({ Role: 'reader', System: 'all' }));
    expect(all).toContainEqual(expect.objectContaining({ Role: 'reader', Domain: 'Default', Inherited: true }));
    const effective = await rows(
      'role',
      'assignment',
      'list',
      '--user',
      'berta',
      '--effective',
      '--names',
      '--project',
      'demo',
    );
    expect(effective).toContainEqual(expect.objectContaining({ Role: 'reader', Project: 'demo@Default' }));
    await admin.do('role', 'remove', '--user', 'berta', '--domain', 'default', '--inherited', 'reader');
    await admin.do('role', 'remove', '--user', 'berta', '--system', 'all', 'reader');
    expect(await rows('role', 'assignment', 'list', '--user', 'berta')).toHaveLength(1);
    await admin.do('user', 'delete', 'berta');
  });

  it('user, with options and its own password', async () => {
    const made = await admin.show(
      'user',
      'create',
      '--password',
      'old',
      '--description',
      'a bird',
      '--email',
      'a@b.example',
      '--ignore-lockout-failure-attempts',
      'anna',
    );
    expect(made).toMatchObject({ name: 'anna', description: 'a bird', enabled: true });
    expect(await admin.show('user', 'show', 'anna')).toMatchObject({
      email: 'a@b.example',
      options: { ignore_lockout_failure_attempts: true },
    });
    await admin.do('user', 'set', '--disable', 'anna');
    expect(await admin.show('user', 'show', 'anna')).toMatchObject({ enabled: false });
    await admin.do('user', 'delete', 'anna');
    await isGone('user', 'show', 'anna');
    await demo.do('user', 'password', 'set', '--original-password', PASSWORDS.demo, '--password', 'new');
    expect((await demo.run(['token', 'issue'])).code).not.toBe(0);
    await admin.do('user', 'set', '--password', PASSWORDS.demo, 'demo');
    expect(
      (await demo.run(['user', 'password', 'set', '--original-password', 'wrong', '--password', 'x'])).code,
    ).not.toBe(0);
  });

  it('region, service and endpoint', async () => {
    await admin.do('region', 'create', '--description', 'north', 'North');
    await admin.do('region', 'create', '--parent-region', 'North', 'Pole');
    expect(await admin.show('region', 'show', 'Pole')).toMatchObject({ region: 'Pole', parent_region: 'North' });
    await admin.do('region', 'set', '--description', 'cold', 'North');
    expect(await admin.show('region', 'show', 'North')).toMatchObject({ description: 'cold' });
    expect(column(await rows('region', 'list'), 'Region')).toEqual(
      expect.arrayContaining(['North', 'Pole', 'RegionOne']),
    );
    await admin.do('service', 'create', '--name', 'nests', '--description', 'of birds', 'nest');
    await admin.do('service', 'set', '--description', 'of swifts', 'nests');
    expect(await admin.show('service', 'show', 'nests')).toMatchObject({
      type: 'nest',
      description: 'of swifts',
      enabled: true,
    });
    const endpoint = await admin.show(
      'endpoint',
      'create',
      '--region',
      'North',
      'nests',
      'public',
      'http://nest/%(project_id)s',
    );
    expect(endpoint).toMatchObject({
      interface: 'public',
      region: 'North',
      service_type: 'nest',
      url: 'http://nest/%(project_id)s',
    });
    await admin.do('endpoint', 'set', '--url', 'http://other', '--disable', idOf(endpoint));
    expect(await admin.show('endpoint', 'show', idOf(endpoint))).toMatchObject({ url: 'http://other', enabled: false });
    expect(column(await rows('endpoint', 'list', '--service', 'nests'), 'ID')).toEqual([idOf(endpoint)]);
    await admin.do('endpoint', 'delete', idOf(endpoint));
    await admin.do('service', 'delete', 'nests');
    await admin.do('region', 'delete', 'Pole', 'North');
    await isGone('service', 'show', 'nests');
    // The client shows the only region there is, whatever is asked for: the list tells.
    expect(column(await rows('region', 'list'), 'Region')).toEqual(['RegionOne']);
  });

  it('endpoint filters: of a project, and groups of endpoints', async () => {
    await admin.do('service', 'create', '--name', 'songs', 'song');
    const endpoint = await admin.show('endpoint', 'create', 'songs', 'public', 'http://song');
    await admin.do('endpoint', 'add', 'project', idOf(endpoint), 'demo');
    expect(column(await rows('endpoint', 'list', '--project', 'demo'), 'ID')).toEqual([idOf(endpoint)]);
    await admin.do('endpoint', 'remove', 'project', idOf(endpoint), 'demo');
    expect(await rows('endpoint', 'list', '--project', 'demo')).toEqual([]);
    const filters = join(cloud.folder, 'filters.json');
    await writeFile(filters, JSON.stringify({ interface: 'public' }));
    const group = await admin.show('endpoint', 'group', 'create', '--description', 'all public', 'publics', filters);
    expect(group).toMatchObject({ name: 'publics', description: 'all public', filters: { interface: 'public' } });
    await admin.do('endpoint', 'group', 'set', '--name', 'open', idOf(group));
    await admin.do('endpoint', 'group', 'add', 'project', idOf(group), 'demo');
    expect(await rows('endpoint', 'group', 'list', '--project', 'demo')).toHaveLength(1);
    await admin.do('endpoint', 'group', 'remove', 'project', idOf(group), 'demo');
    expect(await admin.show('endpoint', 'group', 'show', idOf(group))).toMatchObject({ name: 'open' });
    await admin.do('endpoint', 'group', 'delete', idOf(group));
    expect(await rows('endpoint', 'group', 'list')).toEqual([]);
    await admin.do('service', 'delete', 'songs');
  });

  it('registered limit and limit', async () => {
    await admin.do('service', 'create', '--name', 'eggs', 'egg');
    const registered = await admin.show(
      'registered',
      'limit',
      'create',
      '--service',
      'eggs',
      '--default-limit',
      '3',
      '--description',
      'per nest',
      'eggs',
    );
    expect(registered).toMatchObject({
      resource_name: 'eggs',
      default_limit: 3,
      description: 'per nest',
      region_id: null,
    });
    await admin.do('registered', 'limit', 'set', '--default-limit', '4', idOf(registered));
    expect(await admin.show('registered', 'limit', 'show', idOf(registered))).toMatchObject({ default_limit: 4 });
    const limit = await admin.show(
      'limit',
      'create',
      '--project',
      'demo',
      '--service',
      'eggs',
      '--resource-limit',
      '9',
      'eggs',
    );
    expect(limit).toMatchObject({ project_id: cloud.projectIds.demo, resource_limit: 9, resource_name: 'eggs' });
    await admin.do('limit', 'set', '--resource-limit', '8', '--description', 'less', idOf(limit));
    expect(await admin.show('limit', 'show', idOf(limit))).toMatchObject({ resource_limit: 8, description: 'less' });
    expect(column(await demo.show<Row[]>('limit', 'list'), 'ID')).toEqual([idOf(limit)]);
    expect((await admin.run(['registered', 'limit', 'delete', idOf(registered)])).code).not.toBe(0);
    await admin.do('limit', 'delete', idOf(limit));
    await admin.do('registered', 'limit', 'delete', idOf(registered));
    expect(await rows('registered', 'limit', 'list')).toEqual([]);
    await admin.do('service', 'delete', 'eggs');
  });

  it('credential', async () => {
    const made = await admin.show('credential', 'create', '--type', 'cert', '--project', 'demo', 'demo', 'a blob');
    expect(made).toMatchObject({ type: 'cert', blob: 'a blob', project_id: cloud.projectIds.demo });
    await admin.do('credential', 'set', '--user', 'demo', '--type', 'cert', '--data', 'another', idOf(made));
    expect(await admin.show('credential', 'show', idOf(made))).toMatchObject({ blob: 'another' });
    expect(column(await rows('credential', 'list', '--type', 'cert'), 'ID')).toEqual([idOf(made)]);
    await admin.do('credential', 'delete', idOf(made));
    await isGone('credential', 'show', idOf(made));
  });

  it('credential of type totp: a second factor', async () => {
    const secret = 'JBSWY3DPEHPK3PXP';
    const made = await admin.show('credential', 'create', '--type', 'totp', 'demo', secret);
    const admins = await cloud.adminToken();
    const { id } = (await cloud.call('GET', '/v3/users?name=demo', admins)).body.users[0];
    const options = {
      user: { options: { multi_factor_auth_enabled: true, multi_factor_auth_rules: [['password', 'totp']] } },
    };
    await cloud.call('PATCH', `/v3/users/${id}`, admins, options);
    const password = { user: { id, password: PASSWORDS.demo } };
    expect((await cloud.logIn({ methods: ['password'], password }, projectScope('demo'))).status).toBe(401);
    const totp = { user: { id, passcode: passcodeOf(secret, cloud.clock.nowMs()) } };
    const answer = await cloud.logIn({ methods: ['password', 'totp'], password, totp }, projectScope('demo'));
    expect([answer.status, answer.body.token.methods]).toEqual([201, ['password', 'totp']]);
    await cloud.call('PATCH', `/v3/users/${id}`, admins, { user: { options: { multi_factor_auth_rules: null } } });
    await admin.do('credential', 'delete', idOf(made));
  });

  it('ec2 credentials', async () => {
    const made = await demo.show('ec2', 'credentials', 'create');
    expect(made).toMatchObject({ project_id: cloud.projectIds.demo });
    const access = String(made['access']);
    expect(await demo.show('ec2', 'credentials', 'show', access)).toMatchObject({ secret: made['secret'] });
    expect(column(await demo.show<Row[]>('ec2', 'credentials', 'list'), 'Access')).toEqual([access]);
    await demo.do('ec2', 'credentials', 'delete', access);
    expect(await demo.show<Row[]>('ec2', 'credentials', 'list')).toEqual([]);
  });

  it('application credential with access rules', async () => {
    const rules = JSON.stringify([{ service: 'image', method: 'GET', path: '/v2/images' }]);
    const made = await demo.show(
      'application',
      'credential',
      'create',
      '--description',
      'looks',
      '--role',
      'reader',
      '--secret',
      'sesame',
      '--expiration',
      '2035-01-01T00:00:00',
      '--access-rules',
      rules,
      'looker',
    );
    expect(made).toMatchObject({ name: 'looker', description: 'looks', secret: 'sesame', unrestricted: false });
    const shown = await demo.show('application', 'credential', 'show', 'looker');
    expect(shown).toMatchObject({ id: idOf(made), project_id: cloud.projectIds.demo });
    expect(JSON.stringify(shown)).not.toContain('sesame');
    expect(column(await demo.show<Row[]>('application', 'credential', 'list'), 'Name')).toEqual(['looker']);
    const [rule = {}] = await demo.show<Row[]>('access', 'rule', 'list');
    expect(rule).toMatchObject({ Service: 'image', Method: 'GET', Path: '/v2/images' });
    expect(await demo.show('access', 'rule', 'show', idOf(rule))).toMatchObject({ path: '/v2/images' });
    expect((await demo.run(['access', 'rule', 'delete', idOf(rule)])).code).not.toBe(0);
    await demo.do('application', 'credential', 'delete', 'looker');
    await demo.do('access', 'rule', 'delete', idOf(rule));
    expect(await demo.show<Row[]>('access', 'rule', 'list')).toEqual([]);
  });

  it('trust', async () => {
    const { id: demoId } = (await cloud.call('GET', '/v3/users?name=demo', await cloud.adminToken())).body.users[0];
    const { id: adminId } = (await cloud.call('GET', '/v3/users?name=admin', await cloud.adminToken())).body.users[0];
    const made = await demo.show(
      'trust',
      'create',
      '--project',
      cloud.projectIds.demo,
      '--role',
      await roleId('member'),
      '--impersonate',
      demoId,
      adminId,
    );
    expect(made).toMatchObject({ trustor_user_id: demoId, trustee_user_id: adminId, impersonation: true });
    expect(await demo.show('trust', 'show', idOf(made))).toMatchObject({ project_id: cloud.projectIds.demo });
    expect(column(await rows('trust', 'list'), 'ID')).toEqual([idOf(made)]);
    await demo.do('trust', 'delete', idOf(made));
    expect(await rows('trust', 'list')).toEqual([]);
  });

  it('policy and consumer', async () => {
    const file = join(cloud.folder, 'policy.json');
    await writeFile(file, '{}');
    const policy = await admin.show('policy', 'create', '--type', 'application/json', file);
    expect(policy).toMatchObject({ type: 'application/json', rules: '{}' });
    await admin.do('policy', 'set', '--type', 'text/plain', idOf(policy));
    expect(await admin.show('policy', 'show', idOf(policy))).toMatchObject({ type: 'text/plain' });
    await admin.do('policy', 'delete', idOf(policy));
    expect(await rows('policy', 'list')).toEqual([]);
    const consumer = await admin.show('consumer', 'create', '--description', 'eats');
    expect(consumer).toMatchObject({ description: 'eats' });
    expect(consumer['secret']).toEqual(expect.any(String));
    await admin.do('consumer', 'set', '--description', 'drinks', idOf(consumer));
    expect(await admin.show('consumer', 'show', idOf(consumer))).toMatchObject({ description: 'drinks' });
    await admin.do('consumer', 'delete', idOf(consumer));
    expect(await rows('consumer', 'list')).toEqual([]);
  });

  it('token, catalog and versions', async () => {
    const { id } = await demo.show('token', 'issue');
    await demo.do('token', 'revoke', String(id));
    expect(await cloud.service.verifier.verify(String(id))).toBeUndefined();
    expect(await demo.show('catalog', 'show', 'image')).toMatchObject({ type: 'image', name: 'glance' });
    const versions = await demo.show<Row[]>('versions', 'show', '--service', 'identity');
    expect(versions).toContainEqual(expect.objectContaining({ Version: '3.14', Status: 'CURRENT' }));
  });

  it.each([
    ['identity', 'provider', 'list'],
    ['mapping', 'list'],
    ['service', 'provider', 'list'],
  ])('%s %s says that federation is not built', async (...command) => {
    const { code, err } = await admin.run(command);
    expect(code).not.toBe(0);
    expect(err).toMatch(/501|not (built|implemented)/i);
  });
});

async function roleId(name: string): Promise<string> {
  return (await cloud.call('GET', `/v3/roles?name=${name}`, await cloud.adminToken())).body.roles[0].id;
}

/** Spec: RFC 6238, six digits of SHA-1 over steps of 30 s. */
function passcodeOf(secret: string, nowMs: number): string {
  const bits = [...secret].map((letter) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'),
  );
  const bytes =
    bits
      .join('')
      .match(/.{8}/g)
      ?.map((byte) => Number.parseInt(byte, 2)) ?? [];
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(nowMs / 30_000)));
  const digest = createHmac('sha1', Buffer.from(bytes)).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 15;
  return String((digest.readUInt32BE(offset) & 0x7fff_ffff) % 1_000_000).padStart(6, '0');
}
