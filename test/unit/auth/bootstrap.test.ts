import { Value } from '@sinclair/typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootstrapCloud } from '../../../auth/bootstrap.ts';
import { authConfig } from '../../../auth/config.ts';
import { PASSWORDS, projectScope, TestCloud } from '../../support/auth/test-cloud.ts';

let cloud: TestCloud;

beforeAll(async () => {
  cloud = await TestCloud.start();
});
afterAll(() => cloud.stop());

const config = { ...Value.Create(authConfig), password_hash_cost: 10 };
const rolesOf = async (user: string, password: string, project: string) => {
  const identity = await cloud.service.verifier.verify(await cloud.token(user, password, projectScope(project)));
  return identity?.roles.map(({ name }) => name).sort();
};

describe('bootstrapCloud', () => {
  it('makes users with the roles they need and no more', async () => {
    expect(await rolesOf('admin', PASSWORDS.admin, 'admin')).toEqual(['admin', 'manager', 'member', 'reader']);
    expect(await rolesOf('demo', PASSWORDS.demo, 'demo')).toEqual(['member', 'reader']);
    expect(await rolesOf('swift', PASSWORDS.service, 'service')).toEqual(['service']);
    expect(await rolesOf('glance', PASSWORDS.service, 'service')).toEqual(['member', 'reader', 'service']);
    for (const user of ['cinder', 'nova']) expect(await rolesOf(user, PASSWORDS.service, 'service')).toContain('admin');
  });

  it('changes nothing when it runs again, passwords included', async () => {
    const everything = () => cloud.store.range({ start: 'a', end: 'z' });
    const before = await everything();
    const servicePasswords = { glance: 'x', cinder: 'x', nova: 'x', swift: 'x' };
    const again = await bootstrapCloud(
      { store: cloud.store, config },
      { adminPassword: 'x', demoPassword: 'x', servicePasswords },
    );
    expect(again.projectIds).toEqual(cloud.projectIds);
    expect(await everything()).toEqual(before);
  });

  it('makes what a crash left out', async () => {
    const admin = await cloud.adminToken();
    const user = (await cloud.call('GET', '/v3/users?name=nova', admin)).body.users[0];
    await cloud.call('DELETE', `/v3/users/${user.id}`, admin);
    const servicePasswords = { glance: 'x', cinder: 'x', nova: 'fresh', swift: 'x' };
    await bootstrapCloud({ store: cloud.store, config }, { adminPassword: 'x', demoPassword: 'x', servicePasswords });
    expect(await rolesOf('nova', 'fresh', 'service')).toContain('service');
  });
});
