import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalQuery } from '../../../auth/ec2/signature-v4.ts';
import { PASSWORDS, passwordIdentity, projectScope, TestCloud, tokenIdentity } from '../../support/auth/test-cloud.ts';

/** What has gone wrong in Keystone, a test each. docs/security.md names the others, which stand with what they are about. */
let cloud: TestCloud;
let admin: string;
let demo: string;
let demoId: string;
let roles: Record<string, string>;

beforeAll(async () => {
  cloud = await TestCloud.start({ config: { lockout_failures: 2 } });
  admin = await cloud.adminToken();
  demo = await cloud.demoToken();
  demoId = (await cloud.ask('GET', demo, demo)).body.token.user.id;
  const listed = (await cloud.call('GET', '/v3/roles', admin)).body.roles as { id: string; name: string }[];
  roles = Object.fromEntries(listed.map(({ id, name }) => [name, id]));
});
afterAll(() => cloud.stop());

const headerToken = (answer: { headers: Record<string, unknown> }) => String(answer.headers['x-subject-token']);
const call = async (method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, token: string, body?: unknown) =>
  (await cloud.call(method, `/v3/${path}`, token, body)).status;

async function newUser(name: string, password = 'pw'): Promise<string> {
  const { body } = await cloud.call('POST', '/v3/users', admin, { user: { name, password } });
  await call('PUT', `projects/${cloud.projectIds.demo}/users/${body.user.id}/roles/${roles['member']}`, admin);
  return body.user.id;
}

/** Tokens of demo that somebody delegated: by an application credential, a trust, an EC2 key. */
async function delegatedTokens(): Promise<Record<string, string>> {
  const application = { application_credential: { name: `robot-${crypto.randomUUID()}` } };
  const path = `/v3/users/${demoId}/application_credentials`;
  const { id, secret } = (await cloud.call('POST', path, demo, application)).body.application_credential;
  const trust = {
    trustor_user_id: demoId,
    trustee_user_id: demoId,
    project_id: cloud.projectIds.demo,
    impersonation: true,
    roles: [{ name: 'member' }],
  };
  const { id: trustId } = (await cloud.call('POST', '/v3/OS-TRUST/trusts', demo, { trust })).body.trust;
  const ec2 = { tenant_id: cloud.projectIds.demo };
  const pair = (await cloud.call('POST', `/v3/users/${demoId}/credentials/OS-EC2`, demo, ec2)).body.credential;
  const proof = { methods: ['application_credential'], application_credential: { id, secret } };
  return {
    'an application credential': headerToken(await cloud.logIn(proof)),
    'a trust': headerToken(await cloud.logIn(tokenIdentity(demo), { 'OS-TRUST:trust': { id: trustId } })),
    'an EC2 key': headerToken(await cloud.call('POST', '/v3/ec2tokens', admin, { credentials: signedWith(pair) })),
  };
}

/** A signed request of version 2. */
function signedWith({ access, secret }: { access: string; secret: string }, offsetMs = 0) {
  const Timestamp = new Date(cloud.clock.nowMs() + offsetMs).toISOString();
  const params = { AWSAccessKeyId: access, SignatureVersion: '2', SignatureMethod: 'HmacSHA256', Timestamp };
  const text = `GET\nnova.example\n/\n${canonicalQuery(params)}`;
  const signature = createHmac('sha256', secret).update(text).digest('base64');
  return { access, signature, host: 'nova.example', verb: 'GET', path: '/', params, headers: {}, body_hash: '' };
}

describe('CVE-2026-42999: what a policy compares', () => {
  it('comes from stored records: no body and no query stands for one', async () => {
    const target = { user: { id: demoId, domain_id: 'default' }, 'target.user.id': demoId };
    const fields = { 'target.user.id': demoId, user_id: demoId };
    const body = { ...target, target, user: { name: 'x', domain_id: 'default', ...fields } };
    expect(await call('POST', 'users?target.user.domain_id=default&user_id=x', demo, body)).toBe(403);
    expect(await call('PATCH', `users/${demoId}?user_id=${demoId}`, demo, body)).toBe(403);
    expect(await call('GET', 'users?domain_id=default&target.domain.id=default', demo)).toBe(403);
    const project = { project: { id: cloud.projectIds.demo, domain_id: 'default' }, target };
    expect(await call('PATCH', `projects/${cloud.projectIds.admin}`, demo, project)).toBe(403);
  });
});

describe('CVE-2026-43000, CVE-2026-43001, CVE-2026-33551, CVE-2026-80182, CVE-2026-80184, CVE-2020-12689: a delegated token', () => {
  it('is exchanged for no other: of no scope, by no method', async () => {
    for (const [kind, token] of Object.entries(await delegatedTokens())) {
      const scopes = [
        undefined,
        'unscoped',
        projectScope('demo'),
        { domain: { id: 'default' } },
        { system: { all: true } },
      ];
      for (const scope of scopes) {
        const { status } = await cloud.logIn(tokenIdentity(token), scope);
        expect([kind, scope, [401, 403].includes(status)]).toEqual([kind, scope, true]);
      }
    }
  });

  it('makes, changes, sees and removes nothing that gives tokens', async () => {
    const { id: credentialId } = (
      await cloud.call('POST', '/v3/credentials', demo, { credential: { type: 'cert', blob: 'x' } })
    ).body.credential;
    const { id: robotId } = (
      await cloud.call('POST', `/v3/users/${demoId}/application_credentials`, demo, {
        application_credential: { name: 'victim' },
      })
    ).body.application_credential;
    const own = `users/${demoId}`;
    const trust = {
      trustor_user_id: demoId,
      trustee_user_id: demoId,
      project_id: cloud.projectIds.demo,
      impersonation: true,
      roles: [{ name: 'member' }],
    };
    const attempts = [
      ['POST', 'credentials', { credential: { type: 'totp', blob: 'JBSWY3DPEHPK3PXP', user_id: demoId } }],
      ['GET', 'credentials'],
      ['GET', `credentials/${credentialId}`],
      ['PATCH', `credentials/${credentialId}`, { credential: { blob: 'y' } }],
      ['DELETE', `credentials/${credentialId}`],
      ['POST', `${own}/credentials/OS-EC2`, { tenant_id: cloud.projectIds.demo }],
      ['GET', `${own}/credentials/OS-EC2`],
      ['POST', `${own}/application_credentials`, { application_credential: { name: 'y', unrestricted: true } }],
      ['DELETE', `${own}/application_credentials/${robotId}`],
      ['DELETE', `${own}/access_rules/x`],
      ['POST', 'OS-TRUST/trusts', { trust }],
      ['GET', `OS-TRUST/trusts?trustor_user_id=${demoId}`],
      ['POST', 'OS-OAUTH1/consumers', { consumer: {} }],
      ['POST', 's3tokens', { credentials: { access: 'x', signature: 'x', token: 'x' } }],
      ['POST', 'martlet/signing-keys', { access: 'x' }],
    ] as const;
    for (const [kind, token] of Object.entries(await delegatedTokens())) {
      for (const [method, path, body] of attempts) {
        const status = await call(method, path, token, body);
        expect([kind, method, path, [401, 403].includes(status)]).toEqual([kind, method, path, true]);
      }
    }
    expect(await call('GET', `credentials/${credentialId}`, demo)).toBe(200);
  });

  it('of an administrator gives itself no credential either', async () => {
    const adminId = (await cloud.ask('GET', admin, admin)).body.token.user.id;
    const body = { application_credential: { name: 'robot', unrestricted: false } };
    const made = await cloud.call('POST', `/v3/users/${adminId}/application_credentials`, admin, body);
    const { id, secret } = made.body.application_credential;
    const token = headerToken(
      await cloud.logIn({ methods: ['application_credential'], application_credential: { id, secret } }),
    );
    const credential = { type: 'ec2', project_id: cloud.projectIds.demo, blob: '{"access":"a","secret":"s"}' };
    for (const user_id of [adminId, demoId])
      expect(await call('POST', 'credentials', token, { credential: { ...credential, user_id } })).toBe(403);
    expect(await call('POST', `users/${demoId}/credentials/OS-EC2`, token, { tenant_id: cloud.projectIds.demo })).toBe(
      403,
    );
    expect(await call('POST', 'martlet/signing-keys', token, { access: 'x' })).toBe(403);
  });
});

describe('CVE-2026-80183: null', () => {
  it('equals no other null: who has no domain sees nothing of what has none', async () => {
    const unscoped = await cloud.token('demo', PASSWORDS.demo, 'unscoped');
    for (const token of [demo, unscoped]) {
      for (const path of ['role_assignments', 'domains', 'domains/default', 'projects', 'users', 'roles']) {
        const status = await call('GET', path, token);
        // The project's own domain may be seen by who has a token for the project.
        const expected = path === 'domains/default' && token === demo ? 200 : 403;
        expect([path, status]).toEqual([path, expected]);
      }
      expect(await call('GET', `roles/${roles['admin']}`, token)).toBe(403);
      expect(await call('GET', `system/users/${demoId}/roles`, token)).toBe(403);
    }
  });
});

describe('CVE-2026-44394: a token that comes from a token', () => {
  it('ends when the first one ends, however often it is exchanged', async () => {
    const expiry = async (token: string) => (await cloud.ask('GET', token, token)).body.token.expires_at;
    const first = await cloud.token('demo', PASSWORDS.demo, 'unscoped');
    let token = first;
    for (const scope of [projectScope('demo'), 'unscoped', projectScope('demo')]) {
      cloud.clock.offsetMs += 60_000;
      token = headerToken(await cloud.logIn(tokenIdentity(token), scope));
      expect(await expiry(token)).toBe(await expiry(first));
    }
  });
});

describe('CVE-2021-3563: the end of a long secret', () => {
  it('counts: passwords and secrets are compared whole', async () => {
    const long = 'x'.repeat(100);
    const userId = await newUser('long', `${long}a`);
    expect((await cloud.logIn(passwordIdentity('long', `${long}b`))).status).toBe(401);
    const token = await cloud.token('long', `${long}a`, projectScope('demo'));
    const body = { application_credential: { name: 'long', secret: `${long}a` } };
    const made = await cloud.call('POST', `/v3/users/${userId}/application_credentials`, token, body);
    const { id } = made.body.application_credential;
    const logIn = async (secret: string) =>
      (await cloud.logIn({ methods: ['application_credential'], application_credential: { id, secret } })).status;
    expect([await logIn(`${long}b`), await logIn(long), await logIn(`${long}a`)]).toEqual([401, 401, 201]);
  });
});

describe('CVE-2021-38155: who is locked out', () => {
  it('is answered like anybody who is wrong, and like nobody at all', async () => {
    await newUser('locked');
    for (let time = 0; time < 3; time += 1) await cloud.logIn(passwordIdentity('locked', 'wrong'));
    const answers = await Promise.all([
      cloud.logIn(passwordIdentity('locked', 'pw')),
      cloud.logIn(passwordIdentity('locked', 'wrong')),
      cloud.logIn(passwordIdentity('nobody', 'pw')),
    ]);
    for (const { status, body } of answers) {
      expect(status).toBe(401);
      expect(body).toEqual(answers[0]?.body);
    }
  });
});

describe('CVE-2020-12692: a signed request', () => {
  it('is good for a quarter of an hour and no longer', async () => {
    const path = `/v3/users/${demoId}/credentials/OS-EC2`;
    const pair = (await cloud.call('POST', path, demo, { tenant_id: cloud.projectIds.demo })).body.credential;
    const ask = async (offsetMs: number) =>
      (await cloud.call('POST', '/v3/ec2tokens', admin, { credentials: signedWith(pair, offsetMs) })).status;
    expect([await ask(0), await ask(-890_000), await ask(-901_000), await ask(901_000)]).toEqual([200, 200, 401, 401]);
  });
});

describe('CVE-2019-19687: credentials of others', () => {
  it('are in nobody’s list but an administrator’s, however it is asked for', async () => {
    const credential = { type: 'cert', blob: 'admin’s secret' };
    await cloud.call('POST', '/v3/credentials', admin, { credential });
    const adminId = (await cloud.ask('GET', admin, admin)).body.token.user.id;
    for (const query of ['', '?type=cert', `?user_id=${adminId}`]) {
      const { body } = await cloud.call('GET', `/v3/credentials${query}`, demo);
      expect(JSON.stringify(body)).not.toContain('admin’s secret');
    }
  });
});

describe('CVE-2016-4911, CVE-2015-7546, CVE-2013-2059: a token that was revoked', () => {
  it('is used for nothing any more, not even for another token', async () => {
    const first = await cloud.demoToken();
    const second = headerToken(await cloud.logIn(tokenIdentity(first), projectScope('demo')));
    expect(await cloud.service.verifier.verify(second)).toBeDefined();
    await cloud.ask('DELETE', first, first);
    for (const token of [first, second]) {
      expect((await cloud.logIn(tokenIdentity(token), projectScope('demo'))).status).toBe(404);
      expect(await cloud.service.verifier.verify(token)).toBeUndefined();
      expect((await cloud.ask('GET', admin, token)).status).toBe(404);
      expect((await cloud.ask('GET', admin, token, '?allow_expired=1')).status).toBe(404);
    }
  });

  it('of a user who was deleted does not come back with one of the same name', async () => {
    const id = await newUser('phoenix');
    const token = await cloud.token('phoenix', 'pw', projectScope('demo'));
    await call('DELETE', `users/${id}`, admin);
    await newUser('phoenix');
    expect(await cloud.service.verifier.verify(token)).toBeUndefined();
  });
});

describe('CVE-2013-1664, CVE-2013-1665: XML', () => {
  it('is not read at all', async () => {
    const xml = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><auth>&a;</auth>';
    for (const type of ['application/xml', 'text/xml']) {
      const response = await cloud.service.app.inject({
        method: 'POST',
        url: '/v3/auth/tokens',
        headers: { 'content-type': type },
        payload: xml,
      });
      expect([400, 415]).toContain(response.statusCode);
      expect(response.body).not.toContain('root:');
    }
  });
});

describe('docs/security.md', () => {
  it('names for each weakness of identity a test file that names it too', async () => {
    const root = join(import.meta.dirname, '../../..');
    const text = await readFile(join(root, 'docs/security.md'), 'utf8');
    const rows = text.split('\n').filter((line) => /^\| CVE/.test(line));
    expect(rows.length).toBeGreaterThan(15);
    for (const row of rows) {
      const [, weakness = '', , , tests = ''] = row.split('|');
      const files = [...tests.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
      expect([row, files.length]).not.toEqual([row, 0]);
      const contents = await Promise.all(files.map((file) => readFile(join(root, file), 'utf8')));
      for (const id of weakness.match(/CVE-\d+-\d+/g) ?? [])
        expect([id, contents.some((content) => content.includes(id))]).toEqual([id, true]);
    }
  });
});
