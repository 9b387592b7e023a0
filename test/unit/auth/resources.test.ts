import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORDS, projectScope, TestCloud } from '../../support/auth/test-cloud.ts';

let cloud: TestCloud;
let admin: string;
let demo: string;

beforeAll(async () => {
  cloud = await TestCloud.start();
  admin = await cloud.adminToken();
  demo = await cloud.demoToken();
});
afterAll(() => cloud.stop());

const get = (url: string, token = admin) => cloud.call('GET', url, token);
const post = (url: string, body: unknown, token = admin) => cloud.call('POST', url, token, body);
const patch = (url: string, body: unknown, token = admin) => cloud.call('PATCH', url, token, body);
const put = (url: string, body?: unknown, token = admin) => cloud.call('PUT', url, token, body);
const remove = (url: string, token = admin) => cloud.call('DELETE', url, token);
const namesOf = (records: { name: string }[]) => records.map(({ name }) => name).sort();

let counter = 0;
const unique = (prefix: string) => `${prefix}-${++counter}`;

async function made(kind: 'project' | 'user' | 'group' | 'role' | 'domain', attributes: object = {}) {
  const answer = await post(`/v3/${kind}s`, { [kind]: { name: unique(kind), ...attributes } });
  expect(answer.status).toBe(201);
  return answer.body[kind];
}

describe('projects', () => {
  it('are created, shown, changed and deleted; extra attributes are kept, null takes one back', async () => {
    const created = await made('project', { description: 'd', tags: ['a'], color: 'red', size: 3 });
    expect(created).toMatchObject({
      domain_id: 'default',
      parent_id: 'default',
      enabled: true,
      is_domain: false,
      color: 'red',
    });
    expect(created.links.self).toBe(`http://id.example:5000/v3/projects/${created.id}`);
    expect((await get(`/v3/projects/${created.id}`)).body.project).toEqual(created);
    const changed = await patch(`/v3/projects/${created.id}`, {
      project: { name: unique('new'), color: null, id: 'x', links: 1 },
    });
    expect(changed.status).toBe(200);
    expect(changed.body.project).toMatchObject({ id: created.id, description: 'd', size: 3 });
    expect(changed.body.project).not.toHaveProperty('color');
    expect((await remove(`/v3/projects/${created.id}`)).status).toBe(204);
    expect((await get(`/v3/projects/${created.id}`)).status).toBe(404);
    expect((await remove(`/v3/projects/${created.id}`)).status).toBe(404);
  });

  it('an extra attribute cannot stand for one of ours', async () => {
    const created = await made('project', { tokensNotBeforeMs: 5, isDomain: true, domainId: 'x' });
    expect(created.is_domain).toBe(false);
    expect((await patch(`/v3/projects/${created.id}`, { project: { is_domain: true } })).status).toBe(400);
  });

  it('have names of their own within a domain', async () => {
    const { name, id } = await made('project');
    const again = await post('/v3/projects', { project: { name } });
    expect(again.status).toBe(409);
    expect(again.body.error.message).toContain('Duplicate entry');
    const other = await made('project');
    expect((await patch(`/v3/projects/${other.id}`, { project: { name } })).status).toBe(409);
    const domain = await made('domain');
    await made('project', { name, domain_id: domain.id });
    await remove(`/v3/projects/${id}`);
    await made('project', { name });
  });

  it('form a tree of bounded depth, and go leaf by leaf', async () => {
    const path = [await made('project')];
    for (let level = 2; level <= 5; level += 1) path.push(await made('project', { parent_id: path.at(-1).id }));
    const deeper = await post('/v3/projects', { project: { name: unique('p'), parent_id: path.at(-1).id } });
    expect(deeper.status).toBe(403);
    const [top, second] = path;
    expect((await remove(`/v3/projects/${top.id}`)).status).toBe(403);
    expect((await patch(`/v3/projects/${top.id}`, { project: { enabled: false } })).status).toBe(403);
    expect((await patch(`/v3/projects/${second.id}`, { project: { parent_id: 'default' } })).status).toBe(400);
    const below = (await get(`/v3/projects/${second.id}?subtree_as_list&parents_as_list`)).body.project;
    expect(below.subtree).toHaveLength(3);
    expect(below.parents[0].project.id).toBe(top.id);
    const ids = (await get(`/v3/projects/${path[3].id}?subtree_as_ids&parents_as_ids`)).body.project;
    expect(ids.subtree).toEqual({ [path[4].id]: null });
    expect(ids.parents).toEqual({ [path[2].id]: { [path[1].id]: { [path[0].id]: { default: null } } } });
    for (const { id } of path.reverse()) expect((await remove(`/v3/projects/${id}`)).status).toBe(204);
  });

  it('refuse a parent that is missing, of another domain or disabled', async () => {
    const domain = await made('domain');
    const parent = await made('project', { domain_id: domain.id });
    expect((await post('/v3/projects', { project: { name: 'x', parent_id: 'nowhere' } })).status).toBe(400);
    expect(
      (await post('/v3/projects', { project: { name: 'x', parent_id: parent.id, domain_id: 'default' } })).status,
    ).toBe(400);
    await patch(`/v3/projects/${parent.id}`, { project: { enabled: false } });
    expect((await post('/v3/projects', { project: { name: 'x', parent_id: parent.id } })).status).toBe(403);
  });

  it('carry tags', async () => {
    const { id } = await made('project');
    const tags = `/v3/projects/${id}/tags`;
    expect((await put(tags, { tags: ['red', 'blue'] })).body.tags).toEqual(['red', 'blue']);
    expect((await put(`${tags}/green`)).status).toBe(201);
    expect((await get(`${tags}/green`)).status).toBe(204);
    expect((await get(`/v3/projects?tags=red,green`)).body.projects.map((each: { id: string }) => each.id)).toEqual([
      id,
    ]);
    expect((await get(`/v3/projects?tags-any=red,none`)).body.projects).toHaveLength(1);
    expect((await get(`/v3/projects?not-tags-any=red&name=x`)).body.projects).toHaveLength(0);
    expect((await remove(`${tags}/green`)).status).toBe(204);
    expect((await remove(`${tags}/green`)).status).toBe(404);
    expect((await get(`${tags}/green`)).status).toBe(404);
    expect((await put(tags, { tags: ['a', 'a'] })).status).toBe(400);
    expect((await put(tags, { tags: ['a,b'] })).status).toBe(400);
    expect((await remove(tags)).status).toBe(204);
    expect((await get(tags)).body.tags).toEqual([]);
  });

  it('marked immutable cannot change or go until the mark is taken away', async () => {
    const { id } = await made('project', { options: { immutable: true } });
    expect((await patch(`/v3/projects/${id}`, { project: { name: 'y' } })).status).toBe(403);
    expect((await remove(`/v3/projects/${id}`)).status).toBe(403);
    expect((await patch(`/v3/projects/${id}`, { project: { options: { immutable: null } } })).status).toBe(200);
    expect((await remove(`/v3/projects/${id}`)).status).toBe(204);
  });

  it.each([
    { name: '' },
    { name: ' ' },
    { name: 'x'.repeat(65) },
    {},
    { name: 'x', enabled: 'yes' },
    { name: 'x', options: { other: true } },
  ])('refuse the body %j', async (project) => {
    expect((await post('/v3/projects', { project })).status).toBe(400);
  });
});

describe('lists', () => {
  it('filter by equality and by part of a name, and page', async () => {
    const prefix = unique('list');
    for (const letter of ['a', 'b', 'c']) await made('user', { name: `${prefix}-${letter}`, enabled: letter !== 'c' });
    const listed = async (query: string) => namesOf((await get(`/v3/users?${query}`)).body.users);
    expect(await listed(`name=${prefix}-a`)).toEqual([`${prefix}-a`]);
    expect(await listed(`name__contains=${prefix}`)).toHaveLength(3);
    expect(await listed(`name__icontains=${prefix.toUpperCase()}&enabled=false`)).toEqual([`${prefix}-c`]);
    expect(await listed(`name__startswith=${prefix}&name__endswith=-b`)).toEqual([`${prefix}-b`]);
    expect(await listed(`name__contains=${prefix}&enabled=True`)).toHaveLength(2);
    const first = (await get(`/v3/users?name__contains=${prefix}&limit=2`)).body;
    expect(first.users).toHaveLength(2);
    const second = (await get(first.links.next.replace('http://id.example:5000', ''))).body;
    expect(namesOf([...first.users, ...second.users])).toHaveLength(3);
    expect(second.links.next).toBeNull();
    expect((await get('/v3/users?marker=nobody')).status).toBe(400);
    expect((await get('/v3/users?limit=x')).status).toBe(400);
  });
});

describe('domains', () => {
  it('are deleted with all they contain, but only when disabled', async () => {
    const domain = await made('domain', { description: 'd' });
    const project = await made('project', { domain_id: domain.id });
    const user = await made('user', { domain_id: domain.id });
    const group = await made('group', { domain_id: domain.id });
    const role = await made('role', { domain_id: domain.id });
    const member = (await get('/v3/roles?name=member')).body.roles[0];
    await put(`/v3/projects/${project.id}/users/${user.id}/roles/${member.id}`);
    await put(`/v3/domains/${domain.id}/groups/${group.id}/roles/${role.id}`);
    await put(`/v3/groups/${group.id}/users/${user.id}`);
    expect((await remove(`/v3/domains/${domain.id}`)).status).toBe(403);
    await patch(`/v3/domains/${domain.id}`, { domain: { enabled: false } });
    expect((await remove(`/v3/domains/${domain.id}`)).status).toBe(204);
    for (const path of [
      `domains/${domain.id}`,
      `projects/${project.id}`,
      `users/${user.id}`,
      `groups/${group.id}`,
      `roles/${role.id}`,
    ])
      expect((await get(`/v3/${path}`)).status).toBe(404);
    for (const start of ['auth-removals/', `auth-assignments/user/${user.id}/`, `auth-memberships/${user.id}/`])
      expect(await cloud.store.range({ start, end: `${start}~` })).toEqual([]);
  });

  it('have names of their own, and ids where asked for', async () => {
    const id = 'd'.repeat(32);
    const { name } = await made('domain', { explicit_domain_id: id });
    expect((await get(`/v3/domains/${id}`)).body.domain.name).toBe(name);
    expect((await post('/v3/domains', { domain: { name } })).status).toBe(409);
    expect((await post('/v3/domains', { domain: { name: 'y', explicit_domain_id: id } })).status).toBe(403);
    expect((await post('/v3/domains', { domain: { name: 'y', explicit_domain_id: '../x' } })).status).toBe(400);
    expect((await get('/v3/domains?name=Default')).body.domains[0].id).toBe('default');
    expect((await get(`/v3/domains/${cloud.projectIds.demo}`)).status).toBe(404);
    expect((await post('/v3/domains', { domain: { name: 'x'.repeat(65) } })).status).toBe(400);
  });

  it('a removal that a crash interrupted is finished at the next start', async () => {
    const domain = await made('domain');
    const user = await made('user', { domain_id: domain.id });
    await patch(`/v3/domains/${domain.id}`, { domain: { enabled: false } });
    await cloud.store.commit({
      conditions: [],
      writes: [
        {
          key: `auth-removals/domain/${domain.id}`,
          value: JSON.stringify({ id: `domain/${domain.id}`, kind: 'domain' }),
        },
        { key: `auth-projects/${domain.id}`, remove: true },
        { key: `auth-projects.by-name//${domain.name}`, remove: true },
      ],
    });
    expect((await get(`/v3/users/${user.id}`)).status).toBe(200);
    await cloud.service.start();
    expect((await get(`/v3/users/${user.id}`)).status).toBe(404);
    await made('domain', { name: domain.name });
  });
});

describe('users', () => {
  it('never show a password or its hash', async () => {
    const user = await made('user', { password: 'very-secret', email: 'a@b.example' });
    const shown = JSON.stringify([
      user,
      (await get('/v3/users')).body,
      (await patch(`/v3/users/${user.id}`, { user: { password: 'next' } })).body,
    ]);
    expect(shown).not.toMatch(/very-secret|scrypt|passwordHash|"password"/);
    expect(user.email).toBe('a@b.example');
  });

  it('keep their domain, and refuse a domain as default project', async () => {
    const user = await made('user');
    expect((await patch(`/v3/users/${user.id}`, { user: { domain_id: 'other' } })).status).toBe(400);
    expect(
      (await patch(`/v3/users/${user.id}`, { user: { domain_id: 'default', description: 'x' } })).body.user.description,
    ).toBe('x');
    expect((await patch(`/v3/users/${user.id}`, { user: { default_project_id: 'default' } })).status).toBe(400);
    expect((await post('/v3/users', { user: { name: 'x', domain_id: 'nowhere' } })).status).toBe(404);
    expect((await post('/v3/users', { user: { name: user.name } })).status).toBe(409);
  });

  it('refuse an option that would not be honoured', async () => {
    const options = { colour_of_the_login_page: true };
    expect((await post('/v3/users', { user: { name: unique('u'), options } })).status).toBe(400);
  });

  it('change their own password only by knowing the old one', async () => {
    const user = await made('user', { password: 'old' });
    const change = (original: string, password: string, id = user.id) =>
      cloud.call('POST', `/v3/users/${id}/password`, undefined, { user: { original_password: original, password } });
    expect((await change('wrong', 'new')).status).toBe(401);
    expect((await change('old', 'new', 'nobody')).status).toBe(401);
    expect((await change('old', 'old')).status).toBe(400);
    expect((await change('old', '')).status).toBe(400);
    expect((await change('old', 'new')).status).toBe(204);
    expect((await change('old', 'newer')).status).toBe(401);
    await patch(`/v3/users/${user.id}`, { user: { options: { lock_password: true } } });
    expect((await change('new', 'newer')).status).toBe(403);
  });

  it('without a password cannot log in with an empty one', async () => {
    const { name } = await made('user', { password: null });
    await expect(cloud.token(name, '')).rejects.toThrow('401');
    expect(
      (await patch(`/v3/users/${(await get(`/v3/users?name=${name}`)).body.users[0].id}`, { user: { password: '' } }))
        .status,
    ).toBe(400);
  });

  it('list their projects and groups', async () => {
    const user = await made('user');
    const group = await made('group');
    const project = await made('project');
    const role = (await get('/v3/roles?name=reader')).body.roles[0];
    await put(`/v3/groups/${group.id}/users/${user.id}`);
    await put(`/v3/projects/${project.id}/groups/${group.id}/roles/${role.id}`);
    expect(namesOf((await get(`/v3/users/${user.id}/projects`)).body.projects)).toEqual([project.name]);
    expect(namesOf((await get(`/v3/users/${user.id}/groups`)).body.groups)).toEqual([group.name]);
    await remove(`/v3/groups/${group.id}`);
    expect((await get(`/v3/users/${user.id}/projects`)).body.projects).toEqual([]);
  });
});

describe('groups', () => {
  it('hold users', async () => {
    const [group, user] = [await made('group', { description: 'g' }), await made('user')];
    const member = `/v3/groups/${group.id}/users/${user.id}`;
    expect((await get(member)).status).toBe(404);
    expect((await put(member)).status).toBe(204);
    expect((await put(member)).status).toBe(204);
    expect((await get(member)).status).toBe(204);
    expect((await cloud.call('HEAD', member, admin)).status).toBe(204);
    expect(namesOf((await get(`/v3/groups/${group.id}/users`)).body.users)).toEqual([user.name]);
    expect((await remove(member)).status).toBe(204);
    expect((await remove(member)).status).toBe(404);
    expect((await put(`/v3/groups/${group.id}/users/nobody`)).status).toBe(404);
    expect((await put(`/v3/groups/nothing/users/${user.id}`)).status).toBe(404);
  });

  it('are renamed, and keep their domain', async () => {
    const group = await made('group');
    const renamed = await patch(`/v3/groups/${group.id}`, { group: { name: unique('g'), description: null } });
    expect(renamed.body.group).toMatchObject({ id: group.id, description: '' });
    expect((await patch(`/v3/groups/${group.id}`, { group: { domain_id: 'other' } })).status).toBe(400);
    expect((await post('/v3/groups', { group: { name: 'x', domain_id: 'nowhere' } })).status).toBe(404);
    expect(namesOf((await get(`/v3/groups?name=${group.name}`)).body.groups)).toEqual([]);
  });
});

describe('roles', () => {
  it('of the bootstrap imply one another and cannot be changed', async () => {
    const { body } = await get('/v3/role_inferences');
    const rules = body.role_inferences.map(
      ({ prior_role, implies }: { prior_role: { name: string }; implies: { name: string }[] }) => [
        prior_role.name,
        namesOf(implies),
      ],
    );
    expect(Object.fromEntries(rules)).toMatchObject({ admin: ['manager'], manager: ['member'], member: ['reader'] });
    const service = (await get('/v3/roles?name=service')).body.roles[0];
    expect((await remove(`/v3/roles/${service.id}`)).status).toBe(403);
    expect((await patch(`/v3/roles/${service.id}`, { role: { name: 'x' } })).status).toBe(403);
  });

  it('imply each other in a circle without harm', async () => {
    const [a, b] = [await made('role'), await made('role')];
    const rule = `/v3/roles/${a.id}/implies/${b.id}`;
    expect((await put(rule)).status).toBe(201);
    expect((await put(rule)).status).toBe(201);
    expect((await put(`/v3/roles/${b.id}/implies/${a.id}`)).status).toBe(201);
    expect((await put(`/v3/roles/${a.id}/implies/${a.id}`)).status).toBe(201);
    expect((await get(rule)).body.role_inference.implies.id).toBe(b.id);
    expect((await get(`/v3/roles/${a.id}/implies`)).body.role_inference.implies).toHaveLength(2);
    const user = await made('user', { password: 'pw' });
    await put(`/v3/projects/${cloud.projectIds.demo}/users/${user.id}/roles/${a.id}`);
    const token = await cloud.token(user.name, 'pw', projectScope('demo'));
    expect(namesOf([...((await cloud.service.verifier.verify(token))?.roles ?? [])])).toEqual([a.name, b.name].sort());
    expect((await remove(rule)).status).toBe(204);
    expect((await remove(rule)).status).toBe(404);
    expect((await get(rule)).status).toBe(404);
    expect((await put(`/v3/roles/${a.id}/implies/nothing`)).status).toBe(404);
    expect((await remove(`/v3/roles/${a.id}`)).status).toBe(204);
    expect(await cloud.service.verifier.verify(token)).toBeUndefined();
    expect((await get(`/v3/roles/${b.id}/implies`)).body.role_inference.implies).toEqual([]);
  });

  it('of a domain are listed with it, appear in no token, and are given in no other domain', async () => {
    const domain = await made('domain');
    const role = await made('role', { domain_id: domain.id });
    expect(namesOf((await get(`/v3/roles?domain_id=${domain.id}`)).body.roles)).toEqual([role.name]);
    expect((await get(`/v3/roles?name=${role.name}`)).body.roles).toEqual([]);
    const user = await made('user', { password: 'pw' });
    expect((await put(`/v3/projects/${cloud.projectIds.demo}/users/${user.id}/roles/${role.id}`)).status).toBe(400);
    const project = await made('project', { domain_id: domain.id });
    expect((await put(`/v3/projects/${project.id}/users/${user.id}/roles/${role.id}`)).status).toBe(204);
    await expect(cloud.token(user.name, 'pw', { project: { id: project.id } })).rejects.toThrow('401');
    expect((await post('/v3/roles', { role: { name: 'x', domain_id: 'nowhere' } })).status).toBe(400);
    const cloudRole = (await get('/v3/roles?name=reader')).body.roles[0];
    expect((await put(`/v3/roles/${cloudRole.id}/implies/${role.id}`)).status).toBe(403);
  });
});

describe('role assignments', () => {
  it('are given, checked, listed and taken away on projects, domains and the system', async () => {
    const [user, group] = [await made('user'), await made('group')];
    const role = (await get('/v3/roles?name=reader')).body.roles[0];
    for (const target of [`projects/${cloud.projectIds.demo}`, 'domains/default', 'system']) {
      for (const actor of [`users/${user.id}`, `groups/${group.id}`]) {
        const path = `/v3/${target}/${actor}/roles`;
        expect((await get(`${path}/${role.id}`)).status).toBe(404);
        expect((await put(`${path}/${role.id}`)).status).toBe(204);
        expect((await put(`${path}/${role.id}`)).status).toBe(204);
        expect((await cloud.call('HEAD', `${path}/${role.id}`, admin)).status).toBe(204);
        expect(namesOf((await get(path)).body.roles)).toEqual(['reader']);
        expect((await remove(`${path}/${role.id}`)).status).toBe(204);
        expect((await remove(`${path}/${role.id}`)).status).toBe(404);
      }
    }
  });

  it('answer 404 for what is not there', async () => {
    const role = (await get('/v3/roles?name=reader')).body.roles[0];
    const user = await made('user');
    const demoProject = `/v3/projects/${cloud.projectIds.demo}`;
    expect((await put(`${demoProject}/users/nobody/roles/${role.id}`)).status).toBe(404);
    expect((await put(`${demoProject}/users/${user.id}/roles/nothing`)).status).toBe(404);
    expect((await put(`/v3/projects/nowhere/users/${user.id}/roles/${role.id}`)).status).toBe(404);
    expect((await put(`/v3/domains/${cloud.projectIds.demo}/users/${user.id}/roles/${role.id}`)).status).toBe(404);
  });

  it('are listed by user, group, role and scope, with names, and as they come to effect', async () => {
    const [user, group, project] = [await made('user'), await made('group'), await made('project')];
    const roles = Object.fromEntries(
      (await get('/v3/roles')).body.roles.map(({ id, name }: { id: string; name: string }) => [name, id]),
    );
    await put(`/v3/groups/${group.id}/users/${user.id}`);
    await put(`/v3/projects/${project.id}/groups/${group.id}/roles/${roles['member']}`);
    await put(`/v3/system/users/${user.id}/roles/${roles['reader']}`);
    await put(`/v3/domains/default/users/${user.id}/roles/${roles['manager']}`);
    const listed = async (query: string) => (await get(`/v3/role_assignments?${query}`)).body.role_assignments;
    expect(await listed(`user.id=${user.id}`)).toHaveLength(2);
    expect(await listed(`group.id=${group.id}`)).toHaveLength(1);
    expect(await listed(`user.id=${user.id}&scope.system=all`)).toEqual([
      expect.objectContaining({
        scope: { system: { all: true } },
        user: { id: user.id },
        role: { id: roles['reader'] },
      }),
    ]);
    expect(await listed(`user.id=${user.id}&scope.domain.id=default&role.id=${roles['manager']}`)).toHaveLength(1);
    expect(await listed(`scope.project.id=${project.id}`)).toHaveLength(1);
    const effective = await listed(`user.id=${user.id}&scope.project.id=${project.id}&effective&include_names`);
    expect(effective.map(({ role }: { role: { name: string } }) => role.name).sort()).toEqual(['member', 'reader']);
    expect(effective[0]).toMatchObject({
      user: { name: user.name, domain: { id: 'default', name: 'Default' } },
      scope: { project: { name: project.name, domain: { id: 'default', name: 'Default' } } },
      links: { membership: expect.stringContaining(group.id) },
    });
    const child = await made('project', { parent_id: project.id });
    await put(`/v3/projects/${child.id}/users/${user.id}/roles/${roles['reader']}`);
    expect(await listed(`scope.project.id=${project.id}&include_subtree=1`)).toHaveLength(2);
  });
});

describe('the catalog', () => {
  it('joins the services of this installation with those that were stored', async () => {
    const service = (await post('/v3/services', { service: { type: 'dns', name: 'designate', description: 'names' } }))
      .body.service;
    const endpoint = {
      service_id: service.id,
      interface: 'public',
      region: 'Elsewhere',
      url: 'http://dns.example/$(project_id)s',
    };
    const created = (await post('/v3/endpoints', { endpoint })).body.endpoint;
    expect((await get('/v3/regions/Elsewhere')).status).toBe(200);
    const catalog = (await get('/v3/auth/catalog', demo)).body.catalog;
    expect(catalog.find(({ type }: { type: string }) => type === 'dns').endpoints).toEqual([
      {
        id: created.id,
        interface: 'public',
        region: 'Elsewhere',
        region_id: 'Elsewhere',
        url: `http://dns.example/${cloud.projectIds.demo}`,
      },
    ]);
    expect((await get('/v3/services')).body.services).toHaveLength(4);
    expect((await get(`/v3/endpoints?service_id=${service.id}&interface=public`)).body.endpoints).toHaveLength(1);
    expect((await remove('/v3/regions/Elsewhere')).status).toBe(403);
    const off = await patch(`/v3/endpoints/${created.id}`, { endpoint: { enabled: false, region: 'Third' } });
    expect(off.body.endpoint.region_id).toBe('Third');
    const without = (await get('/v3/auth/catalog', demo)).body.catalog;
    expect(without.find(({ type }: { type: string }) => type === 'dns').endpoints).toEqual([]);
    await patch(`/v3/services/${service.id}`, { service: { enabled: false } });
    expect((await get('/v3/auth/catalog', demo)).body.catalog).toHaveLength(3);
    expect((await remove(`/v3/services/${service.id}`)).status).toBe(204);
    expect((await get(`/v3/endpoints/${created.id}`)).status).toBe(404);
    expect((await remove('/v3/regions/Elsewhere')).status).toBe(204);
  });

  it('refuses to change what is computed, and what does not fit', async () => {
    const [service] = (await get('/v3/services?type=image')).body.services;
    const [endpoint] = (await get(`/v3/endpoints?service_id=${service.id}`)).body.endpoints;
    expect((await get(`/v3/services/${service.id}`)).body.service.name).toBe('glance');
    expect((await get(`/v3/endpoints/${endpoint.id}`)).body.endpoint.url).toBe('http://127.0.0.1:9292');
    expect((await patch(`/v3/services/${service.id}`, { service: { name: 'x' } })).status).toBe(403);
    expect((await remove(`/v3/services/${service.id}`)).status).toBe(403);
    expect((await patch(`/v3/endpoints/${endpoint.id}`, { endpoint: { url: 'http://x' } })).status).toBe(403);
    expect((await remove(`/v3/endpoints/${endpoint.id}`)).status).toBe(403);
    expect(
      (await post('/v3/endpoints', { endpoint: { service_id: 'none', interface: 'public', url: 'http://x' } })).status,
    ).toBe(400);
    expect(
      (await post('/v3/endpoints', { endpoint: { service_id: service.id, interface: 'odd', url: 'http://x' } })).status,
    ).toBe(400);
    for (const kind of ['services', 'endpoints', 'regions']) {
      expect((await get(`/v3/${kind}/nothing`)).status).toBe(404);
      expect((await remove(`/v3/${kind}/nothing`)).status).toBe(404);
    }
    expect((await remove('/v3/regions/RegionOne')).status).toBe(403);
  });

  it('has regions in a tree', async () => {
    expect((await post('/v3/regions', { region: { id: 'top', description: 'd' } })).status).toBe(201);
    expect((await put('/v3/regions/inner', { region: { parent_region_id: 'top' } })).status).toBe(201);
    expect((await post('/v3/regions', { region: { id: 'top' } })).status).toBe(409);
    expect((await post('/v3/regions', { region: { parent_region_id: 'nowhere' } })).status).toBe(404);
    expect((await get('/v3/regions?parent_region_id=top')).body.regions).toHaveLength(1);
    expect((await patch('/v3/regions/inner', { region: { description: 'x' } })).body.region.description).toBe('x');
    expect((await patch('/v3/regions/inner', { region: { parent_region_id: 'inner' } })).status).toBe(400);
    expect((await remove('/v3/regions/top')).status).toBe(403);
    expect((await remove('/v3/regions/inner')).status).toBe(204);
    expect((await remove('/v3/regions/top')).status).toBe(204);
  });
});

describe('what is not built', () => {
  it.each(['/v3/OS-FEDERATION/identity_providers'])('%s answers 501 in words', async (path) => {
    const answer = await get(path);
    expect(answer.status).toBe(501);
    expect(answer.body.error).toMatchObject({ code: 501, title: 'Not Implemented' });
  });
});

describe('requests of all kinds', () => {
  it('may say JSON and send nothing', async () => {
    const headers = { 'x-auth-token': admin, 'content-type': 'application/json' };
    const answer = await cloud.service.app.inject({ method: 'DELETE', url: '/v3/users/nobody', headers, payload: '' });
    expect(answer.statusCode).toBe(404);
  });

  it('are refused when they are no JSON, poison an object, or are too large', async () => {
    const send = (payload: string) =>
      cloud.service.app.inject({
        method: 'POST',
        url: '/v3/users',
        headers: { 'x-auth-token': admin, 'content-type': 'application/json' },
        payload,
      });
    expect((await send('{')).statusCode).toBe(400);
    expect((await send('{"user":{"name":"x","__proto__":{"a":1}}}')).statusCode).toBe(400);
    expect((await send(JSON.stringify({ user: { name: 'x', padding: 'x'.repeat(120_000) } }))).statusCode).toBe(413);
    expect((await send('')).statusCode).toBe(400);
    expect(
      (
        await post('/v3/users', {
          user: { name: 'x', ...Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, i])) },
        })
      ).status,
    ).toBe(400);
  });

  it('answer an unknown path with 404 in the dialect', async () => {
    expect((await get('/v3/nothing')).body.error).toMatchObject({ code: 404, title: 'Not Found' });
  });

  it('leave no password in the store', async () => {
    const rows = await cloud.store.range({ start: 'auth-users/', end: 'auth-users0' });
    expect(rows.length).toBeGreaterThan(5);
    for (const secret of Object.values(PASSWORDS)) expect(rows.some(({ value }) => value.includes(secret))).toBe(false);
  });
});
