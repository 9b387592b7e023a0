import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Answer,
  PASSWORDS,
  passwordIdentity,
  projectScope,
  TestCloud,
  tokenIdentity,
} from '../../support/auth/test-cloud.ts';

let cloud: TestCloud;
let admin: string;
let demo: string;
let demoId: string;
let roles: Record<string, string>;
let made = 0;

beforeAll(async () => {
  cloud = await TestCloud.start();
  admin = await cloud.adminToken();
  demo = await cloud.demoToken();
  demoId = (await cloud.ask('GET', demo, demo)).body.token.user.id;
  const listed = (await cloud.call('GET', '/v3/roles', admin)).body.roles as { id: string; name: string }[];
  roles = Object.fromEntries(listed.map(({ id, name }) => [name, id]));
});
afterAll(() => cloud.stop());

interface Credential {
  id: string;
  name: string;
  secret: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  [key: string]: any;
}

function create(body: object = {}, token = demo, userId = demoId): Promise<Answer> {
  made += 1;
  const path = `/v3/users/${userId}/application_credentials`;
  return cloud.call('POST', path, token, { application_credential: { name: `cred-${made}`, ...body } });
}

async function credential(body: object = {}, token = demo, userId = demoId): Promise<Credential> {
  const answer = await create(body, token, userId);
  expect(answer.status).toBe(201);
  return answer.body.application_credential;
}

const proof = (parts: object) => ({ methods: ['application_credential'], application_credential: parts });
const logIn = ({ id, secret }: { id: string; secret: string }, scope?: unknown) =>
  cloud.logIn(proof({ id, secret }), scope);
const tokenOf = async (each: Credential) => String((await logIn(each)).headers['x-subject-token']);

/** A new user with a role on project demo. */
async function newUser(role = 'member') {
  made += 1;
  const name = `user-${made}`;
  const id = (await cloud.call('POST', '/v3/users', admin, { user: { name, password: 'pw' } })).body.user.id as string;
  await cloud.call('PUT', `/v3/projects/${cloud.projectIds.demo}/users/${id}/roles/${roles[role]}`, admin);
  return { id, name, token: await cloud.token(name, 'pw', projectScope('demo')) };
}

describe('an application credential', () => {
  it('is made with the roles of the token, shows its secret once, and stores only a hash', async () => {
    const { secret, ...shown } = await credential({ description: 'for a robot' });
    expect(secret).toMatch(/^[\w-]{86}$/);
    expect(shown).toMatchObject({ description: 'for a robot', unrestricted: false, expires_at: null, system: null });
    expect(shown['roles'].map(({ name }: { name: string }) => name).sort()).toEqual(['member', 'reader']);
    const path = `/v3/users/${demoId}/application_credentials/${shown['id']}`;
    expect((await cloud.call('GET', path, demo)).body.application_credential).toEqual(shown);
    const stored = await cloud.store.get(`auth-application-credentials/${shown['id']}`);
    expect(stored?.value).not.toContain(secret);
  });

  it('logs in by id, or by name and user, for its own project', async () => {
    const made = await credential();
    const body = (await logIn(made)).body.token;
    expect(body.project.id).toBe(cloud.projectIds.demo);
    expect(body.methods).toEqual(['application_credential']);
    expect(body.application_credential).toEqual({ id: made.id, name: made.name, restricted: true });
    const byName = { name: made.name, secret: made.secret, user: { name: 'demo', domain: { id: 'default' } } };
    expect((await cloud.logIn(proof(byName))).status).toBe(201);
  });

  it('is its owner’s, whatever user the request names (CVE-2026-42998)', async () => {
    const made = await credential();
    const named = { id: made.id, secret: made.secret, user: { name: 'admin', domain: { id: 'default' } } };
    expect((await cloud.logIn(proof(named))).body.token.user.id).toBe(demoId);
  });

  it('is refused with a wrong secret, an unknown id, a scope, or another proof beside it, always alike', async () => {
    const made = await credential();
    const other = await credential();
    const both = { ...proof({ id: made.id, secret: made.secret }), ...passwordIdentity('demo', PASSWORDS.demo) };
    const answers = [
      await logIn({ id: made.id, secret: other.secret }),
      await logIn({ id: 'f'.repeat(32), secret: made.secret }),
      await cloud.logIn(proof({ name: made.name, secret: 'x', user: { name: 'nobody', domain: { id: 'default' } } })),
      await logIn(made, projectScope('demo')),
      await logIn(made, 'unscoped'),
      await cloud.logIn({ ...both, methods: ['application_credential', 'password'] }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 401]);
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  });

  it('may have a secret that its owner chose', async () => {
    const made = await credential({ secret: 'chosen by hand' });
    expect(made.secret).toBe('chosen by hand');
    expect((await logIn(made)).status).toBe(201);
    expect((await logIn({ ...made, secret: 'chosen by foot' })).status).toBe(401);
  });

  it('carries a subset of the roles, never one that the token does not carry', async () => {
    const made = await credential({ roles: [{ name: 'reader' }] });
    expect((await logIn(made)).body.token.roles).toEqual([{ id: roles['reader'], name: 'reader' }]);
    expect((await create({ roles: [{ name: 'admin' }] })).status).toBe(400);
    expect((await create({ roles: [{ id: roles['manager'] }] })).status).toBe(400);
    expect((await create({ roles: [] })).status).toBe(400);
  });

  it('is named once per user, and made only by its user with a token for a project', async () => {
    const { name } = await credential();
    expect((await create({ name })).status).toBe(409);
    expect((await create({}, admin)).status).toBe(403);
    const unscoped = await cloud.token('demo', PASSWORDS.demo, 'unscoped');
    expect((await create({}, unscoped)).status).toBe(403);
    expect((await create({}, admin, 'f'.repeat(32))).status).toBe(403);
  });

  it('ends at its time, and so do its tokens (CVE-2022-2447)', async () => {
    const expiresAt = new Date(cloud.clock.nowMs() + 60_000).toISOString().replace('Z', '123');
    const made = await credential({ expires_at: expiresAt });
    expect(made['expires_at']).toBe(expiresAt);
    const issued = await logIn(made);
    const token = String(issued.headers['x-subject-token']);
    expect(Date.parse(issued.body.token.expires_at)).toBeLessThanOrEqual(Date.parse(`${expiresAt}Z`));
    expect((await cloud.call('GET', '/v3/auth/projects', token)).status).toBe(200);
    cloud.clock.offsetMs += 61_000;
    expect((await cloud.call('GET', '/v3/auth/projects', token)).status).toBe(401);
    expect((await logIn(made)).status).toBe(401);
    for (const bad of ['tomorrow', '2001-01-01T00:00:00']) expect((await create({ expires_at: bad })).status).toBe(400);
  });

  it('is listed to its user and the administrators, filtered by name, and to nobody else', async () => {
    const user = await newUser();
    const { name } = await credential({}, user.token, user.id);
    await credential({}, user.token, user.id);
    const path = `/v3/users/${user.id}/application_credentials`;
    expect((await cloud.call('GET', path, user.token)).body.application_credentials).toHaveLength(2);
    expect((await cloud.call('GET', `${path}?name=${name}`, admin)).body.application_credentials).toHaveLength(1);
    expect((await cloud.call('GET', path, demo)).status).toBe(403);
    const foreign = `/v3/users/${user.id}/application_credentials/${(await credential()).id}`;
    expect((await cloud.call('GET', foreign, user.token)).status).toBe(404);
  });

  it('survives a new password, and ends when it, its user or its project goes or is disabled', async () => {
    const user = await newUser();
    const first = await credential({}, user.token, user.id);
    const second = await credential({}, user.token, user.id);
    const token = await tokenOf(first);
    const path = `/v3/users/${user.id}`;
    await cloud.call('DELETE', `${path}/application_credentials/${first.id}`, user.token);
    expect(await cloud.service.verifier.verify(token)).toBeUndefined();
    expect((await logIn(first)).status).toBe(401);
    await cloud.call('PATCH', path, admin, { user: { password: 'new' } });
    cloud.clock.offsetMs += 1; // a login in the very millisecond of the change counts as before it
    expect((await logIn(second)).status).toBe(201);
    await cloud.call('PATCH', path, admin, { user: { enabled: false } });
    expect((await logIn(second)).status).toBe(401);
    await cloud.call('PATCH', path, admin, { user: { enabled: true } });
    await cloud.call('DELETE', path, admin);
    expect((await logIn(second)).status).toBe(401);
    expect(await cloud.store.get(`auth-application-credentials/${second.id}`)).toBeUndefined();
  });

  it('ends with the role, for good when the role is taken from its user', async () => {
    const user = await newUser();
    const made = await credential({}, user.token, user.id);
    const token = await tokenOf(made);
    const grant = `/v3/projects/${cloud.projectIds.demo}/users/${user.id}/roles/${roles['member']}`;
    await cloud.call('DELETE', grant, admin);
    expect(await cloud.service.verifier.verify(token)).toBeUndefined();
    await cloud.call('PUT', grant, admin);
    expect((await logIn(made)).status).toBe(401);
  });
});

describe('a token from an application credential', () => {
  it('makes no other token, of whatever scope', async () => {
    const token = await tokenOf(await credential());
    for (const scope of [undefined, 'unscoped', projectScope('demo'), { domain: { id: 'default' } }])
      expect((await cloud.logIn(tokenIdentity(token), scope)).status).toBe(403);
  });

  it('makes and removes no application credential, credential or trust while it is restricted', async () => {
    const made = await credential();
    const token = await tokenOf(made);
    expect((await create({}, token)).status).toBe(403);
    const own = `/v3/users/${demoId}`;
    const attempts = [
      ['DELETE', `${own}/application_credentials/${made.id}`],
      ['DELETE', `${own}/access_rules/x`],
      ['POST', '/v3/credentials', { credential: { type: 'cert', blob: 'x', user_id: demoId } }],
      ['GET', '/v3/credentials'],
      ['POST', `${own}/credentials/OS-EC2`, { tenant_id: cloud.projectIds.demo }],
      ['GET', `${own}/credentials/OS-EC2`],
      ['GET', '/v3/OS-TRUST/trusts'],
    ] as const;
    for (const [method, path, body] of attempts)
      expect([path, (await cloud.call(method, path, token, body)).status]).toEqual([path, 403]);
    expect((await cloud.call('GET', `${own}/application_credentials`, token)).status).toBe(200);
  });

  it('makes others where it is unrestricted: within its roles, and living no longer than it', async () => {
    const parent = await credential({ unrestricted: true, roles: [{ name: 'reader' }] });
    const token = await tokenOf(parent);
    expect((await create({ roles: [{ name: 'member' }] }, token)).status).toBe(400);
    const child = await credential({}, token);
    expect((await logIn(child)).body.token.roles).toEqual([{ id: roles['reader'], name: 'reader' }]);
    const childToken = await tokenOf(child);
    await cloud.call('DELETE', `/v3/users/${demoId}/application_credentials/${parent.id}`, demo);
    expect((await logIn(child)).status).toBe(401);
    expect(await cloud.service.verifier.verify(childToken)).toBeUndefined();
  });

  it('cannot pile delegation on delegation without end', async () => {
    let token = demo;
    const statuses: number[] = [];
    for (let depth = 0; depth < 7; depth += 1) {
      const answer = await create({ unrestricted: true }, token);
      statuses.push(answer.status);
      if (answer.status !== 201) break;
      token = await tokenOf(answer.body.application_credential);
    }
    expect(statuses.at(-1)).toBe(403);
  });
});

describe('access rules', () => {
  const rule = { service: 'identity', method: 'GET', path: '/v3/users/*' };

  it('let through what one of them names and refuse the rest', async () => {
    const made = await credential({ access_rules: [rule, { service: 'image', method: 'GET', path: '/v2/**' }] });
    const token = await tokenOf(made);
    expect((await cloud.call('GET', `/v3/users/${demoId}`, token)).status).toBe(200);
    expect((await cloud.call('GET', `/v3/users/${demoId}/projects`, token)).status).toBe(401);
    expect((await cloud.call('GET', '/v3/auth/projects', token)).status).toBe(401);
  });

  it('are kept for the next credential, cannot go while one uses them, and can afterwards', async () => {
    const first = await credential({ access_rules: [rule] });
    const ruleId = first['access_rules'][0].id;
    const again = await credential({ access_rules: [{ id: ruleId }, rule] });
    expect(again['access_rules']).toEqual(first['access_rules']);
    const path = `/v3/users/${demoId}/access_rules`;
    expect((await cloud.call('GET', `${path}/${ruleId}`, demo)).body.access_rule).toMatchObject(rule);
    expect((await cloud.call('DELETE', `${path}/${ruleId}`, demo)).status).toBe(403);
    for (const { id } of (await cloud.call('GET', `/v3/users/${demoId}/application_credentials`, demo)).body
      .application_credentials)
      await cloud.call('DELETE', `/v3/users/${demoId}/application_credentials/${id}`, demo);
    expect((await cloud.call('DELETE', `${path}/${ruleId}`, demo)).status).toBe(204);
    expect((await cloud.call('GET', `${path}/${ruleId}`, demo)).status).toBe(404);
    expect((await create({ access_rules: [{ id: ruleId }] })).status).toBe(400);
    expect((await create({ access_rules: [{ service: 'image', method: 'LOOK', path: '/x' }] })).status).toBe(400);
  });

  it('are told only to a service that says it heeds them', async () => {
    const token = await tokenOf(await credential({ access_rules: [rule] }));
    const ask = (headers: Record<string, string>) =>
      cloud.service.app.inject({
        method: 'GET',
        url: '/v3/auth/tokens',
        headers: { 'x-auth-token': admin, 'x-subject-token': token, ...headers },
      });
    expect((await ask({})).statusCode).toBe(404);
    const heeded = await ask({ 'openstack-identity-access-rules': '1.0' });
    expect(heeded.json().token.application_credential.access_rules).toMatchObject([rule]);
  });

  it('go with nothing wider: who has them delegates nothing, not even unrestricted', async () => {
    const made = await credential({
      unrestricted: true,
      access_rules: [{ service: 'identity', method: 'POST', path: '/v3/**' }],
    });
    expect((await create({}, await tokenOf(made))).status).toBe(403);
  });
});
