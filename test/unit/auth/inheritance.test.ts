import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCloud } from '../../support/auth/test-cloud.ts';

let cloud: TestCloud;
let admin: string;
let domainId: string;
let top: string;
let leaf: string;
let roles: Record<string, string>;
let made = 0;

beforeAll(async () => {
  cloud = await TestCloud.start();
  admin = await cloud.adminToken();
  const listed = (await cloud.call('GET', '/v3/roles', admin)).body.roles as { id: string; name: string }[];
  roles = Object.fromEntries(listed.map(({ id, name }) => [name, id]));
  domainId = (await cloud.call('POST', '/v3/domains', admin, { domain: { name: 'tree' } })).body.domain.id;
  top = await project('top', domainId);
  leaf = await project('leaf', top);
});
afterAll(() => cloud.stop());

async function project(name: string, parentId: string): Promise<string> {
  const body = { project: { name, domain_id: domainId, parent_id: parentId } };
  return (await cloud.call('POST', '/v3/projects', admin, body)).body.project.id;
}

async function newUser(): Promise<string> {
  made += 1;
  const body = { user: { name: `heir-${made}`, domain_id: domainId, password: 'pw' } };
  return (await cloud.call('POST', '/v3/users', admin, body)).body.user.id;
}

const logIn = (id: string, scope: object) =>
  cloud.logIn({ methods: ['password'], password: { user: { id, password: 'pw' } } }, scope);
const rolesOn = async (userId: string, projectId: string) => {
  const { status, body } = await logIn(userId, { project: { id: projectId } });
  return status === 201 ? body.token.roles.map(({ name }: { name: string }) => name).sort() : status;
};
const inherited = (target: string, actor: string) =>
  `/v3/OS-INHERIT/${target}/${actor}/roles/${roles['member']}/inherited_to_projects`;

describe('a role that is given to be inherited', () => {
  it('on a domain, is held on every project in it and not on the domain', async () => {
    const user = await newUser();
    expect((await cloud.call('PUT', inherited(`domains/${domainId}`, `users/${user}`), admin)).status).toBe(204);
    expect(await rolesOn(user, top)).toEqual(['member', 'reader']);
    expect(await rolesOn(user, leaf)).toEqual(['member', 'reader']);
    expect((await logIn(user, { domain: { id: domainId } })).status).toBe(401);
    expect(await rolesOn(user, cloud.projectIds.demo)).toBe(401);
  });

  it('on a project, is held below it and not on it', async () => {
    const user = await newUser();
    await cloud.call('PUT', inherited(`projects/${top}`, `users/${user}`), admin);
    expect(await rolesOn(user, top)).toBe(401);
    expect(await rolesOn(user, leaf)).toEqual(['member', 'reader']);
    const own = await cloud.call('GET', `/v3/users/${user}/projects`, admin);
    expect(own.body.projects.map(({ id }: { id: string }) => id)).toEqual([leaf]);
  });

  it('to a group, is held by its users, who are found with it', async () => {
    const user = await newUser();
    const body = { group: { name: `heirs-${made}`, domain_id: domainId } };
    const group = (await cloud.call('POST', '/v3/groups', admin, body)).body.group.id;
    await cloud.call('PUT', `/v3/groups/${group}/users/${user}`, admin);
    await cloud.call('PUT', inherited(`domains/${domainId}`, `groups/${group}`), admin);
    expect(await rolesOn(user, leaf)).toEqual(['member', 'reader']);
    const query = `effective&user.id=${user}&scope.project.id=${leaf}`;
    const found = (await cloud.call('GET', `/v3/role_assignments?${query}`, admin)).body.role_assignments;
    expect(found).toHaveLength(2);
    expect(found[0]).toMatchObject({
      user: { id: user },
      scope: { project: { id: leaf }, 'OS-INHERIT:inherited_to': 'projects' },
      links: {
        assignment: `http://id.example:5000/v3/OS-INHERIT/domains/${domainId}/groups/${group}/roles/${roles['member']}/inherited_to_projects`,
      },
    });
  });

  it('is listed, checked and taken back apart from one that is held on the target itself', async () => {
    const user = await newUser();
    const path = inherited(`projects/${top}`, `users/${user}`);
    const direct = `/v3/projects/${top}/users/${user}/roles/${roles['member']}`;
    await cloud.call('PUT', path, admin);
    expect((await cloud.call('HEAD', path, admin)).status).toBe(204);
    expect((await cloud.call('HEAD', direct, admin)).status).toBe(404);
    await cloud.call('PUT', direct, admin);
    const list = `/v3/OS-INHERIT/projects/${top}/users/${user}/roles/inherited_to_projects`;
    expect((await cloud.call('GET', list, admin)).body.roles).toHaveLength(1);
    const assignments = async (query: string) =>
      (await cloud.call('GET', `/v3/role_assignments?user.id=${user}${query}`, admin)).body.role_assignments;
    expect(await assignments('')).toHaveLength(2);
    expect(await assignments('&scope.OS-INHERIT:inherited_to=projects')).toHaveLength(1);
    expect(await assignments(`&effective&scope.project.id=${top}`)).toHaveLength(2);
    expect((await cloud.call('DELETE', path, admin)).status).toBe(204);
    expect((await cloud.call('DELETE', path, admin)).status).toBe(404);
    expect(await rolesOn(user, leaf)).toBe(401);
    expect(await rolesOn(user, top)).toEqual(['member', 'reader']);
  });

  it('ends the tokens that depend on it as soon as it is taken back', async () => {
    const user = await newUser();
    const path = inherited(`domains/${domainId}`, `users/${user}`);
    await cloud.call('PUT', path, admin);
    const token = String((await logIn(user, { project: { id: leaf } })).headers['x-subject-token']);
    expect(await cloud.service.verifier.verify(token)).toBeDefined();
    await cloud.call('DELETE', path, admin);
    expect(await cloud.service.verifier.verify(token)).toBeUndefined();
  });
});

describe('implied roles', () => {
  const role = async (domain?: string) => {
    made += 1;
    const body = { role: { name: `role-${made}`, ...(domain ? { domain_id: domain } : {}) } };
    return (await cloud.call('POST', '/v3/roles', admin, body)).body.role.id as string;
  };
  const imply = async (prior: string, implied: string) =>
    (await cloud.call('PUT', `/v3/roles/${prior}/implies/${implied}`, admin)).status;

  it('may be of the cloud or of any domain where a domain’s role implies them, never of a domain for one of the cloud', async () => {
    const other = (await cloud.call('POST', '/v3/domains', admin, { domain: { name: 'elsewhere' } })).body.domain.id;
    const [own, foreign, global] = [await role(domainId), await role(other), await role()];
    expect(await imply(own, foreign)).toBe(201);
    expect(await imply(own, global)).toBe(201);
    expect(await imply(global, own)).toBe(403);
  });

  it('are never the administrator’s', async () => {
    expect(await imply(await role(), roles['admin'] ?? '')).toBe(403);
  });
});

describe('a domain', () => {
  it('is made as a project that contains others, too, and deleted as one once it is disabled', async () => {
    const answer = await cloud.call('POST', '/v3/projects', admin, { project: { name: 'realm', is_domain: true } });
    expect(answer.status).toBe(201);
    const { id } = answer.body.project;
    expect((await cloud.call('GET', `/v3/domains/${id}`, admin)).body.domain.name).toBe('realm');
    expect((await cloud.call('DELETE', `/v3/projects/${id}`, admin)).status).toBe(403);
    await cloud.call('PATCH', `/v3/projects/${id}`, admin, { project: { enabled: false } });
    expect((await cloud.call('DELETE', `/v3/projects/${id}`, admin)).status).toBe(204);
    const inside = { project: { name: 'inner', is_domain: true, domain_id: domainId } };
    expect((await cloud.call('POST', '/v3/projects', admin, inside)).status).toBe(400);
  });
});
