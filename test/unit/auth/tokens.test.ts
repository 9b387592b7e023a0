import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORDS, passwordIdentity, projectScope, TestCloud, tokenIdentity } from '../../support/auth/test-cloud.ts';

let cloud: TestCloud;
let admin: string;
let demo: string;

beforeAll(async () => {
  cloud = await TestCloud.start();
  admin = await cloud.adminToken();
  demo = await cloud.demoToken();
});
afterAll(() => cloud.stop());

const demoIdentity = passwordIdentity('demo', PASSWORDS.demo);

describe('discovery', () => {
  it('GET / answers 300 with the version, GET /v3 answers 200, neither asks for a token', async () => {
    const root = await cloud.call('GET', '/');
    expect(root.status).toBe(300);
    expect(root.body.versions.values[0]).toMatchObject({ id: 'v3.14', status: 'stable' });
    for (const path of ['/v3', '/v3/']) {
      const answer = await cloud.call('GET', path);
      expect(answer.status).toBe(200);
      expect(answer.body.version.links[0].href).toBe('http://id.example:5000/v3/');
    }
  });

  it('every answer varies by token and carries a request id', async () => {
    for (const path of ['/', '/v3/users', '/nowhere']) {
      const { headers } = await cloud.call('GET', path);
      expect(headers['vary']).toBe('X-Auth-Token');
      expect(headers['x-openstack-request-id']).toMatch(/^req-/);
    }
  });
});

describe('POST /v3/auth/tokens', () => {
  it('gives a project token with roles, implied ones included, and the catalog', async () => {
    const answer = await cloud.logIn(demoIdentity, projectScope('demo'));
    expect(answer.status).toBe(201);
    expect(String(answer.headers['x-subject-token']).length).toBeLessThan(255);
    const { token } = answer.body;
    expect(token).toMatchObject({
      methods: ['password'],
      user: { name: 'demo', domain: { id: 'default', name: 'Default' }, password_expires_at: null },
      project: { id: cloud.projectIds.demo, name: 'demo', domain: { id: 'default', name: 'Default' } },
      is_domain: false,
    });
    expect(token.roles.map(({ name }: { name: string }) => name).sort()).toEqual(['member', 'reader']);
    expect(token.audit_ids).toHaveLength(1);
    expect(token.expires_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(Date.parse(token.expires_at) - Date.parse(token.issued_at)).toBe(86_400_000);
    const swift = token.catalog.find(({ type }: { type: string }) => type === 'object-store');
    expect(swift.endpoints).toHaveLength(3);
    expect(swift.endpoints[0].url).toBe(`http://127.0.0.1:8080/v1/AUTH_${cloud.projectIds.demo}`);
  });

  it('leaves the catalog out when asked to', async () => {
    const body = { auth: { identity: demoIdentity, scope: projectScope('demo') } };
    const answer = await cloud.call('POST', '/v3/auth/tokens?nocatalog', undefined, body);
    expect(answer.body.token).not.toHaveProperty('catalog');
  });

  it('falls back on the default project, and gives no scope where asked for none', async () => {
    expect((await cloud.logIn(demoIdentity)).body.token.project.name).toBe('demo');
    const unscoped = (await cloud.logIn(demoIdentity, 'unscoped')).body.token;
    for (const part of ['project', 'roles', 'catalog', 'domain', 'system']) expect(unscoped).not.toHaveProperty(part);
    expect((await cloud.logIn(demoIdentity, { unscoped: {} })).body.token).not.toHaveProperty('project');
  });

  it('takes user, domain and project by id and by name', async () => {
    const byDomainName = {
      methods: ['password'],
      password: { user: { name: 'demo', domain: { name: 'Default' }, password: PASSWORDS.demo } },
    };
    const named = await cloud.logIn(byDomainName, { project: { name: 'demo', domain: { name: 'Default' } } });
    expect(named.status).toBe(201);
    const byId = {
      methods: ['password'],
      password: { user: { id: named.body.token.user.id, password: PASSWORDS.demo } },
    };
    expect((await cloud.logIn(byId, { project: { id: cloud.projectIds.demo } })).status).toBe(201);
  });

  it('answers 404 to a token that does not hold', async () => {
    expect((await cloud.logIn(tokenIdentity('gAAAAA'))).status).toBe(404);
  });

  it('gives a system token to who has a role on the system, and to nobody else', async () => {
    const answer = await cloud.logIn(passwordIdentity('admin', PASSWORDS.admin), { system: { all: true } });
    expect(answer.body.token.system).toEqual({ all: true });
    expect((await cloud.logIn(demoIdentity, { system: { all: true } })).status).toBe(401);
  });

  it('gives a domain token to who has a role on the domain', async () => {
    const user = (await cloud.call('GET', '/v3/users?name=demo', admin)).body.users[0];
    const role = (await cloud.call('GET', '/v3/roles?name=reader', admin)).body.roles[0];
    expect((await cloud.logIn(demoIdentity, { domain: { id: 'default' } })).status).toBe(401);
    await cloud.call('PUT', `/v3/domains/default/users/${user.id}/roles/${role.id}`, admin);
    const answer = await cloud.logIn(demoIdentity, { domain: { name: 'Default' } });
    expect(answer.body.token.domain).toEqual({ id: 'default', name: 'Default' });
    const types = answer.body.token.catalog.find(({ type }: { type: string }) => type === 'object-store');
    expect(types.endpoints).toEqual([]);
  });

  it.each([
    ['a wrong password', passwordIdentity('demo', 'wrong'), projectScope('demo')],
    ['an unknown user', passwordIdentity('nobody', 'wrong'), projectScope('demo')],
    ['an unknown domain', passwordIdentity('demo', PASSWORDS.demo, 'nowhere'), projectScope('demo')],
    ['a project of others', passwordIdentity('demo', PASSWORDS.demo), projectScope('admin')],
    ['an unknown project', passwordIdentity('demo', PASSWORDS.demo), projectScope('nothing')],
    ['an unknown method', { methods: ['oauth1'] }, undefined],
    [
      'one wrong method beside a right one',
      { ...passwordIdentity('demo', PASSWORDS.demo), methods: ['password', 'oauth1'] },
      undefined,
    ],
  ])('answers the same 401 to %s', async (_name, identity, scope) => {
    const answer = await cloud.logIn(identity, scope);
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Keystone uri="http://id.example:5000/v3"');
    expect(answer.body).toEqual({
      error: { code: 401, message: 'The request you have made requires authentication.', title: 'Unauthorized' },
    });
  });

  it('refuses two proofs that name two users', async () => {
    const identity = {
      ...passwordIdentity('admin', PASSWORDS.admin),
      methods: ['password', 'token'],
      token: { id: demo },
    };
    expect((await cloud.logIn(identity)).status).toBe(401);
  });

  it.each([[], ['dance']])('refuses to log in by no method that there is: %j', async (...methods) => {
    expect((await cloud.logIn({ methods: methods.flat() })).status).toBe(401);
  });

  it.each([
    {},
    { auth: {} },
    { auth: { identity: { methods: ['password'] } } },
    { auth: { identity: { methods: ['token'] } } },
    { auth: { identity: { methods: ['password'], password: { user: { name: 'demo', password: 'x' } } } } },
    {
      auth: {
        identity: { methods: ['password'], password: { user: { name: 7, domain: { id: 'default' }, password: 'x' } } },
      },
    },
    { auth: { identity: demoIdentity, scope: {} } },
    { auth: { identity: demoIdentity, scope: { project: { name: 'demo' } } } },
    { auth: { identity: demoIdentity, scope: { project: { id: 'a' }, domain: { id: 'b' } } } },
    { auth: { identity: demoIdentity, scope: { domain: {} } } },
    { auth: { identity: demoIdentity, scope: 'everything' } },
  ])('answers 400 to the body %j', async (body) => {
    const answer = await cloud.call('POST', '/v3/auth/tokens', undefined, body);
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({ code: 400, title: 'Bad Request' });
    expect(JSON.stringify(answer.body)).not.toContain(PASSWORDS.demo);
  });
});

describe('rescoping', () => {
  it('keeps the end, the chain and the methods of the first token', async () => {
    const first = await cloud.logIn(demoIdentity, 'unscoped');
    const firstToken = String(first.headers['x-subject-token']);
    const second = await cloud.logIn(tokenIdentity(firstToken), projectScope('demo'));
    const third = await cloud.logIn(tokenIdentity(String(second.headers['x-subject-token'])), 'unscoped');
    const { audit_ids: chain, expires_at } = first.body.token;
    for (const { body } of [second, third]) {
      expect(body.token.expires_at).toBe(expires_at);
      expect(body.token.methods).toEqual(['password', 'token']);
      expect(body.token.audit_ids).toHaveLength(2);
      expect(body.token.audit_ids[1]).toBe(chain[0]);
    }
  });
});

describe('GET and HEAD /v3/auth/tokens', () => {
  it('shows a token to its owner, to a service and to an administrator', async () => {
    const service = await cloud.token('glance', PASSWORDS.service, projectScope('service'));
    for (const asker of [demo, service, admin]) {
      const answer = await cloud.ask('GET', asker, demo);
      expect(answer.status).toBe(200);
      expect(answer.body.token.user.name).toBe('demo');
      expect(answer.headers['x-subject-token']).toBe(demo);
    }
    expect((await cloud.ask('HEAD', service, demo)).status).toBe(200);
    expect((await cloud.ask('GET', service, demo, '?nocatalog')).body.token).not.toHaveProperty('catalog');
  });

  it('is the same token as was issued', async () => {
    const issued = await cloud.logIn(demoIdentity, projectScope('demo'));
    const token = String(issued.headers['x-subject-token']);
    expect((await cloud.ask('GET', token, token)).body).toEqual(issued.body);
  });

  it('refuses others with 403, and answers 404 for what is no token, or one no more', async () => {
    expect((await cloud.ask('GET', demo, admin)).status).toBe(403);
    const ended = await cloud.token('demo', PASSWORDS.demo, projectScope('demo'));
    expect((await cloud.ask('DELETE', demo, ended)).status).toBe(204);
    expect((await cloud.ask('GET', demo, ended)).status).toBe(404);
    const service = await cloud.token('glance', PASSWORDS.service, projectScope('service'));
    const missing = await cloud.ask('GET', service, 'rubbish');
    expect(missing.status).toBe(404);
    expect(missing.body.error.title).toBe('Not Found');
    expect(JSON.stringify(missing.body)).not.toContain('rubbish');
  });

  it('needs both tokens', async () => {
    expect((await cloud.call('GET', '/v3/auth/tokens', demo)).status).toBe(404);
    expect((await cloud.call('GET', '/v3/auth/tokens')).status).toBe(401);
    expect((await cloud.ask('GET', 'rubbish', demo)).status).toBe(401);
  });
});

describe('what a token can become', () => {
  it('lists the projects and domains of the caller only', async () => {
    const projects = (await cloud.call('GET', '/v3/auth/projects', demo)).body.projects;
    expect(projects.map(({ name }: { name: string }) => name)).toEqual(['demo']);
    expect((await cloud.call('GET', '/v3/auth/domains', admin)).body.domains).toEqual([]);
  });

  it('tells of the system scope', async () => {
    expect((await cloud.call('GET', '/v3/auth/system', admin)).body.system).toEqual([{ all: true }]);
    expect((await cloud.call('GET', '/v3/auth/system', demo)).body.system).toEqual([]);
  });

  it('shows the catalog to a scoped token only', async () => {
    const { body } = await cloud.call('GET', '/v3/auth/catalog', demo);
    expect(body.catalog.map(({ type }: { type: string }) => type)).toEqual(['identity', 'object-store', 'image']);
    const unscoped = await cloud.token('demo', PASSWORDS.demo, 'unscoped');
    expect((await cloud.call('GET', '/v3/auth/catalog', unscoped)).status).toBe(403);
  });
});

describe('the revocation epoch', () => {
  it('is told to services and administrators only', async () => {
    const service = await cloud.token('swift', PASSWORDS.service, projectScope('service'));
    const { status, body } = await cloud.call('GET', '/v3/martlet/revocation-epoch', service);
    expect(status).toBe(200);
    expect(body).toEqual({ instance: expect.any(String), epoch: cloud.epoch.current() });
    expect((await cloud.call('GET', '/v3/martlet/revocation-epoch', demo)).status).toBe(403);
  });
});
