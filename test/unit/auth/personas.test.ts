import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORDS, TestCloud } from '../../support/auth/test-cloud.ts';

let cloud: TestCloud;
let admin: string;
let roles: Record<string, string>;
let tokensMade = 0;
/** A domain with a project, a user and a group; `other` is a second one. */
let own: Place;
let other: Place;

interface Place {
  domainId: string;
  projectId: string;
  userId: string;
  groupId: string;
}

beforeAll(async () => {
  cloud = await TestCloud.start();
  admin = await cloud.adminToken();
  const listed = (await cloud.call('GET', '/v3/roles', admin)).body.roles as { id: string; name: string }[];
  roles = Object.fromEntries(listed.map(({ id, name }) => [name, id]));
  own = await makePlace('own');
  other = await makePlace('other');
});
afterAll(() => cloud.stop());

async function make(kind: string, body: object): Promise<string> {
  return (await cloud.call('POST', `/v3/${kind}s`, admin, { [kind]: body })).body[kind].id;
}

async function makePlace(name: string): Promise<Place> {
  const domainId = await make('domain', { name });
  return {
    domainId,
    projectId: await make('project', { name, domain_id: domainId }),
    userId: await make('user', { name, domain_id: domainId, password: 'pw' }),
    groupId: await make('group', { name, domain_id: domainId }),
  };
}

/** A token of a new user of the own domain who holds a role on a target. */
async function tokenOf(role: string, target: string, scope: object): Promise<string> {
  tokensMade += 1;
  const name = `${role}-${tokensMade}`;
  const id = await make('user', { name, domain_id: own.domainId, password: 'pw' });
  await cloud.call('PUT', `/v3/${target}/users/${id}/roles/${roles[role]}`, admin);
  const identity = { methods: ['password'], password: { user: { id, password: 'pw' } } };
  return String((await cloud.logIn(identity, scope)).headers['x-subject-token']);
}

const status = async (
  token: string,
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
) => (await cloud.call(method, `/v3/${path}`, token, body)).status;

describe('the member of a project', () => {
  it('sees itself and its project, and nothing of others, whether or not it exists', async () => {
    const member = await tokenOf('member', `projects/${own.projectId}`, { project: { id: own.projectId } });
    expect(await status(member, 'GET', `projects/${own.projectId}`)).toBe(200);
    for (const path of [
      `projects/${other.projectId}`,
      'projects/not-there',
      `users/${own.userId}`,
      `users/${other.userId}`,
      'users/not-there',
      `groups/${own.groupId}`,
      `domains/${other.domainId}`,
      'domains/not-there',
      'projects',
      'users',
      'groups',
      'domains',
      'roles',
      `roles/${roles['admin']}`,
      'role_assignments',
      'services',
      'endpoints',
      `users/${own.userId}/projects`,
    ]) {
      expect([path, await status(member, 'GET', path)]).toEqual([path, 403]);
    }
  });

  it('changes nothing', async () => {
    const member = await tokenOf('manager', `projects/${own.projectId}`, { project: { id: own.projectId } });
    const grant = `projects/${own.projectId}/users/${own.userId}/roles/${roles['reader']}`;
    for (const [method, path, body] of [
      ['POST', 'projects', { project: { name: 'x', domain_id: own.domainId } }],
      ['PATCH', `projects/${own.projectId}`, { project: { name: 'x' } }],
      ['DELETE', `projects/${own.projectId}`, undefined],
      ['POST', 'users', { user: { name: 'x', domain_id: own.domainId } }],
      ['PATCH', `users/${own.userId}`, { user: { enabled: false } }],
      ['DELETE', `users/${own.userId}`, undefined],
      ['POST', 'groups', { group: { name: 'x', domain_id: own.domainId } }],
      ['PUT', `groups/${own.groupId}/users/${own.userId}`, undefined],
      ['PUT', grant, undefined],
      ['PUT', `system/users/${own.userId}/roles/${roles['reader']}`, undefined],
      ['POST', 'domains', { domain: { name: 'x' } }],
      ['POST', 'roles', { role: { name: 'x' } }],
      ['POST', 'services', { service: { type: 'x' } }],
      ['POST', 'regions', { region: { id: 'x' } }],
    ] as const) {
      expect([path, await status(member, method, path, body)]).toEqual([path, 403]);
    }
  });
});

describe('the manager of a domain', () => {
  it('manages its own domain', async () => {
    const manager = await tokenOf('manager', `domains/${own.domainId}`, { domain: { id: own.domainId } });
    const created = await cloud.call('POST', '/v3/users', manager, { user: { name: 'new', password: 'pw' } });
    expect(created.body.user.domain_id).toBe(own.domainId);
    expect(await status(manager, 'POST', 'projects', { project: { name: 'new' } })).toBe(201);
    expect(await status(manager, 'PATCH', `groups/${own.groupId}`, { group: { description: 'x' } })).toBe(200);
    expect(await status(manager, 'PUT', `groups/${own.groupId}/users/${own.userId}`)).toBe(204);
    const grant = `projects/${own.projectId}/users/${own.userId}/roles`;
    expect(await status(manager, 'PUT', `${grant}/${roles['member']}`)).toBe(204);
    expect(await status(manager, 'DELETE', `${grant}/${roles['member']}`)).toBe(204);
    const listed = (await cloud.call('GET', '/v3/users', manager)).body.users as { domain_id: string }[];
    expect(new Set(listed.map(({ domain_id }) => domain_id))).toEqual(new Set([own.domainId]));
    expect((await cloud.call('GET', '/v3/domains', manager)).body.domains).toHaveLength(1);
  });

  it('gives no role that reaches beyond it', async () => {
    const manager = await tokenOf('manager', `domains/${own.domainId}`, { domain: { id: own.domainId } }).catch(
      () => '',
    );
    const token = manager === '' ? '' : manager;
    const grant = `projects/${own.projectId}/users/${own.userId}/roles`;
    for (const role of ['admin', 'service', 'ResellerAdmin'])
      expect(await status(token, 'PUT', `${grant}/${roles[role]}`)).toBe(403);
    expect(await status(token, 'PUT', `system/users/${own.userId}/roles/${roles['reader']}`)).toBe(403);
  });
});

describe('readers', () => {
  it('of the system see everything and change nothing', async () => {
    const reader = await tokenOf('reader', 'system', { system: { all: true } });
    for (const path of [
      'users',
      'projects',
      'domains',
      'groups',
      'roles',
      'role_assignments',
      'services',
      `users/${other.userId}`,
    ])
      expect([path, await status(reader, 'GET', path)]).toEqual([path, 200]);
    expect(await status(reader, 'PATCH', `users/${other.userId}`, { user: { enabled: false } })).toBe(403);
    expect(await status(reader, 'POST', 'domains', { domain: { name: 'x' } })).toBe(403);
  });

  it('of a domain see the assignments within it only', async () => {
    await cloud.call('PUT', `/v3/projects/${own.projectId}/users/${own.userId}/roles/${roles['reader']}`, admin);
    await cloud.call('PUT', `/v3/projects/${other.projectId}/users/${other.userId}/roles/${roles['reader']}`, admin);
    const reader = await tokenOf('reader', `domains/${own.domainId}`, { domain: { id: own.domainId } });
    const { role_assignments: listed } = (await cloud.call('GET', '/v3/role_assignments', reader)).body;
    const targets = new Set(
      listed.map(
        ({ scope }: { scope: { project?: { id: string }; domain?: { id: string } } }) =>
          scope.project?.id ?? scope.domain?.id,
      ),
    );
    expect(targets).toEqual(new Set([own.projectId, own.domainId]));
    expect(await status(reader, 'GET', `role_assignments?user.id=${other.userId}`)).toBe(200);
    expect(
      (await cloud.call('GET', `/v3/role_assignments?user.id=${other.userId}`, reader)).body.role_assignments,
    ).toEqual([]);
    expect(await status(reader, 'GET', `projects/${other.projectId}`)).toBe(403);
  });
});

describe('a body or a query', () => {
  it('cannot stand for a stored record in a policy', async () => {
    const demo = await cloud.token('demo', PASSWORDS.demo);
    const attempt = {
      target: { user: { id: 'x' } },
      user: { name: 'x', domain_id: 'default', 'user.domain_id': 'default' },
    };
    expect(await status(demo, 'POST', 'users?target.user.domain_id=default&user_id=x', attempt)).toBe(403);
    expect(await status(demo, 'GET', 'users?domain.id=default&domain_id=default')).toBe(403);
  });
});
