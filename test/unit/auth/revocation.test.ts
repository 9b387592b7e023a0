import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PASSWORDS, passwordIdentity, projectScope, TestCloud, tokenIdentity } from '../../support/auth/test-cloud.ts';

let cloud: TestCloud;
let admin: string;
let demo: string;
let demoId: string;

beforeEach(async () => {
  cloud = await TestCloud.start();
  admin = await cloud.adminToken();
  demo = await cloud.demoToken();
  demoId = (await cloud.call('GET', '/v3/users?name=demo', admin)).body.users[0].id;
  expect(await holds(demo)).toBe(true);
});
afterEach(() => cloud.stop());

const holds = async (token: string) => (await cloud.service.verifier.verify(token)) !== undefined;
const roleId = async (name: string) => (await cloud.call('GET', `/v3/roles?name=${name}`, admin)).body.roles[0].id;

describe('a token ends at once', () => {
  it('when it is revoked, and others of its user live on', async () => {
    const other = await cloud.demoToken();
    expect((await cloud.ask('DELETE', demo, demo)).status).toBe(204);
    expect(await holds(demo)).toBe(false);
    expect(await holds(other)).toBe(true);
    expect((await cloud.call('GET', '/v3/auth/projects', demo)).status).toBe(401);
    expect((await cloud.ask('GET', admin, demo)).status).toBe(404);
    expect((await cloud.ask('DELETE', admin, demo)).status).toBe(404);
  });

  it('when the first token of its chain is revoked; one that came of it goes alone', async () => {
    const rescope = async () => String((await cloud.logIn(tokenIdentity(demo), 'unscoped')).headers['x-subject-token']);
    const [child, sibling] = [await rescope(), await rescope()];
    await cloud.ask('DELETE', child, child);
    expect(await Promise.all([child, sibling, demo].map(holds))).toEqual([false, true, true]);
    await cloud.ask('DELETE', demo, demo);
    expect(await Promise.all([sibling, demo].map(holds))).toEqual([false, false]);
    expect((await cloud.logIn(tokenIdentity(sibling), 'unscoped')).status).toBe(404);
  });

  it('when its user is disabled, and enabling revives nothing', async () => {
    await cloud.call('PATCH', `/v3/users/${demoId}`, admin, { user: { enabled: false } });
    expect(await holds(demo)).toBe(false);
    expect((await cloud.logIn(passwordIdentity('demo', PASSWORDS.demo))).status).toBe(401);
    await cloud.call('PATCH', `/v3/users/${demoId}`, admin, { user: { enabled: true } });
    expect(await holds(demo)).toBe(false);
    cloud.clock.offsetMs += 1;
    expect(await holds(await cloud.demoToken())).toBe(true);
  });

  it('when its project is disabled, and enabling revives nothing', async () => {
    const path = `/v3/projects/${cloud.projectIds.demo}`;
    await cloud.call('PATCH', path, admin, { project: { enabled: false } });
    expect(await holds(demo)).toBe(false);
    expect((await cloud.logIn(passwordIdentity('demo', PASSWORDS.demo), projectScope('demo'))).status).toBe(401);
    expect((await cloud.logIn(passwordIdentity('demo', PASSWORDS.demo))).body.token).not.toHaveProperty('project');
    await cloud.call('PATCH', path, admin, { project: { enabled: true } });
    expect(await holds(demo)).toBe(false);
  });

  it('when its domain is disabled', async () => {
    const domain = (await cloud.call('POST', '/v3/domains', admin, { domain: { name: 'd' } })).body.domain;
    const project = (await cloud.call('POST', '/v3/projects', admin, { project: { name: 'p', domain_id: domain.id } }))
      .body.project;
    const user = (
      await cloud.call('POST', '/v3/users', admin, { user: { name: 'u', domain_id: domain.id, password: 'pw' } })
    ).body.user;
    await cloud.call('PUT', `/v3/projects/${project.id}/users/${user.id}/roles/${await roleId('member')}`, admin);
    const answer = await cloud.logIn(passwordIdentity('u', 'pw', domain.id), { project: { id: project.id } });
    const token = String(answer.headers['x-subject-token']);
    expect(await holds(token)).toBe(true);
    await cloud.call('PATCH', `/v3/domains/${domain.id}`, admin, { domain: { enabled: false } });
    expect(await holds(token)).toBe(false);
    expect((await cloud.logIn(passwordIdentity('u', 'pw', domain.id))).status).toBe(401);
  });

  it('when the last role on its scope is taken away', async () => {
    await cloud.call(
      'DELETE',
      `/v3/projects/${cloud.projectIds.demo}/users/${demoId}/roles/${await roleId('member')}`,
      admin,
    );
    expect(await holds(demo)).toBe(false);
  });

  it('when its user changes the password, or an administrator does', async () => {
    const change = { user: { original_password: PASSWORDS.demo, password: 'next' } };
    expect((await cloud.call('POST', `/v3/users/${demoId}/password`, undefined, change)).status).toBe(204);
    expect(await holds(demo)).toBe(false);
    cloud.clock.offsetMs += 1;
    const token = await cloud.token('demo', 'next');
    expect(await holds(token)).toBe(true);
    await cloud.call('PATCH', `/v3/users/${demoId}`, admin, { user: { password: 'another' } });
    expect(await holds(token)).toBe(false);
  });

  it('when its user, project or role is deleted', async () => {
    expect((await cloud.call('DELETE', `/v3/users/${demoId}`, admin)).status).toBe(204);
    expect(await holds(demo)).toBe(false);
    expect((await cloud.call('DELETE', `/v3/projects/${cloud.projectIds.service}`, admin)).status).toBe(204);
    await expect(cloud.token('glance', PASSWORDS.service, projectScope('service'))).rejects.toThrow('401');
  });

  it('when its time is over; a service may then still ask with allow_expired, for a while', async () => {
    const service = () => cloud.token('glance', PASSWORDS.service, projectScope('service'));
    cloud.clock.offsetMs += 86_400_000;
    expect(await holds(demo)).toBe(false);
    expect((await cloud.ask('GET', await service(), demo)).status).toBe(404);
    expect((await cloud.ask('GET', await service(), demo, '?allow_expired=1')).status).toBe(200);
    const other = await cloud.demoToken();
    expect((await cloud.ask('GET', other, demo, '?allow_expired=1')).status).toBe(403);
    cloud.clock.offsetMs += 172_800_000;
    expect((await cloud.ask('GET', await service(), demo, '?allow_expired=1')).status).toBe(404);
  });
});

describe('a token changes at once', () => {
  it('when a role is given, directly, through a group or implied', async () => {
    const names = async () => (await cloud.service.verifier.verify(demo))?.roles.map(({ name }) => name).sort();
    expect(await names()).toEqual(['member', 'reader']);
    const group = (await cloud.call('POST', '/v3/groups', admin, { group: { name: 'g' } })).body.group;
    await cloud.call(
      'PUT',
      `/v3/projects/${cloud.projectIds.demo}/groups/${group.id}/roles/${await roleId('manager')}`,
      admin,
    );
    expect(await names()).toEqual(['member', 'reader']);
    await cloud.call('PUT', `/v3/groups/${group.id}/users/${demoId}`, admin);
    expect(await names()).toEqual(['manager', 'member', 'reader']);
    await cloud.call('DELETE', `/v3/groups/${group.id}/users/${demoId}`, admin);
    expect(await names()).toEqual(['member', 'reader']);
    await cloud.call('PUT', `/v3/roles/${await roleId('reader')}/implies/${await roleId('ResellerAdmin')}`, admin);
    expect(await names()).toEqual(['ResellerAdmin', 'member', 'reader']);
  });
});

describe('old revocations', () => {
  it('are dropped at a start once their tokens have ended for everybody', async () => {
    await cloud.ask('DELETE', demo, demo);
    const count = async () =>
      (await cloud.store.range({ start: 'auth-revocations/', end: 'auth-revocations0' })).length;
    await cloud.service.start();
    expect(await count()).toBe(1);
    cloud.clock.offsetMs += 86_400_000 + 172_800_000;
    await cloud.service.start();
    expect(await count()).toBe(0);
  });
});

describe('the list of revocation events', () => {
  it('names tokens, chains, users, projects and domains, to services and administrators', async () => {
    const admin = await cloud.adminToken();
    const { id } = (await cloud.call('POST', '/v3/users', admin, { user: { name: 'passing', password: 'pw' } })).body
      .user;
    const token = await cloud.token('passing', 'pw');
    const { audit_ids: auditIds } = (await cloud.ask('GET', token, token)).body.token;
    await cloud.ask('DELETE', token, token);
    await cloud.call('PATCH', `/v3/users/${id}`, admin, { user: { enabled: false } });
    const domain = (await cloud.call('POST', '/v3/domains', admin, { domain: { name: 'passing' } })).body.domain.id;
    await cloud.call('PATCH', `/v3/domains/${domain}`, admin, { domain: { enabled: false } });
    const project = (await cloud.call('POST', '/v3/projects', admin, { project: { name: 'passing' } })).body.project.id;
    await cloud.call('PATCH', `/v3/projects/${project}`, admin, { project: { enabled: false } });
    const { events } = (await cloud.call('GET', '/v3/OS-REVOKE/events', admin)).body;
    for (const subject of [
      { audit_chain_id: auditIds[0] },
      { user_id: id },
      { domain_id: domain },
      { project_id: project },
    ])
      expect(events).toContainEqual({ ...subject, issued_before: expect.stringMatching(/Z$/) });
    const demo = await cloud.demoToken();
    expect((await cloud.call('GET', '/v3/OS-REVOKE/events', demo)).status).toBe(403);
  });
});
