import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  createRemoteEpoch,
  createRemoteSigners,
  createRemoteVerifier,
  createServiceSession,
  login,
} from '../../../auth/client.ts';
import type { PasswordLogin, ServiceSession } from '../../../auth/contract.ts';
import { PASSWORDS, TestCloud } from '../../support/auth/test-cloud.ts';

let cloud: TestCloud;
let authUrl: string;

beforeAll(async () => {
  cloud = await TestCloud.start();
  authUrl = `${await cloud.listen()}/v3`;
});
afterAll(() => cloud.stop());

function loginOf(username: string, password: string, projectName: string): PasswordLogin {
  return { authUrl, username, password, projectName, userDomainId: 'default', projectDomainId: 'default' };
}

const glance = () => loginOf('glance', PASSWORDS.service, 'service');

describe('login', () => {
  it('gives the token and its body', async () => {
    const loggedIn = await login(loginOf('demo', PASSWORDS.demo, 'demo'));
    expect(loggedIn?.body.project?.id).toBe(cloud.projectIds.demo);
    expect(await cloud.service.verifier.verify(loggedIn?.token ?? '')).toBeDefined();
  });

  it('gives nothing for a wrong password or a project of others, and throws when nobody answers', async () => {
    expect(await login(loginOf('demo', 'wrong', 'demo'))).toBeUndefined();
    expect(await login(loginOf('demo', PASSWORDS.demo, 'admin'))).toBeUndefined();
    await expect(login({ ...glance(), authUrl: 'http://127.0.0.1:1/v3' })).rejects.toThrow();
  });
});

describe('a service session', () => {
  it('logs in once for many callers, and again when its token is near its end or was refused', async () => {
    const session = createServiceSession(glance(), cloud.clock);
    const [first, same] = await Promise.all([session.token(), session.token()]);
    expect(same).toBe(first);
    cloud.clock.offsetMs += 86_400_000 - 59_000;
    const [second, third] = await Promise.all([session.token(), session.token()]);
    expect(second).not.toBe(first);
    expect(third).toBe(second);
    session.forgetToken();
    expect(await session.token()).not.toBe(second);
  });

  it('finds the internal endpoint of a service with its project filled in', async () => {
    const session = createServiceSession(glance());
    expect(await session.endpoint('object-store')).toBe(`http://127.0.0.1:8080/v1/AUTH_${cloud.projectIds.service}`);
    await expect(session.endpoint('dns')).rejects.toThrow('no endpoint of type dns');
  });

  it('names the user that identity refuses, never the password, and tries again later', async () => {
    const bad = createServiceSession(loginOf('glance', 'very-wrong', 'service'));
    await expect(bad.token()).rejects.toThrow('identity refuses the service user glance');
    await expect(bad.token()).rejects.not.toThrow('very-wrong');
  });
});

describe('the remote directory of signers', () => {
  const SCOPE = '20261121/us-east-1/s3/aws4_request';

  async function keyPair() {
    const demo = await cloud.demoToken();
    const { id } = (await cloud.ask('GET', demo, demo)).body.token.user;
    const path = `/v3/users/${id}/credentials/OS-EC2`;
    const made = await cloud.call('POST', path, demo, { tenant_id: cloud.projectIds.demo });
    return { id, path, demo, ...(made.body.credential as { access: string; secret: string }) };
  }

  it('agrees with the one inside identity: whose a key is, and what it signs with', async () => {
    const { id, access, secret } = await keyPair();
    const session = createServiceSession(loginOf('swift', PASSWORDS.service, 'service'));
    const remote = createRemoteSigners({ authUrl, session });
    for (const scope of [undefined, SCOPE]) {
      const signer = await remote.find(access, scope);
      const local = await cloud.service.signers.find(access, scope);
      expect(signer?.identity).toMatchObject({ user: { id }, delegation: { kind: 'ec2' } });
      expect(signer?.identity.scope).toEqual(local?.identity.scope);
      expect(signer?.key).toEqual(local?.key);
    }
    expect(Buffer.from((await remote.find(access, undefined))?.key ?? []).toString()).toBe(secret);
    const derived = ['us-east-1', 's3', 'aws4_request'].reduce(
      (key, part) => createHmac('sha256', key).update(part).digest(),
      createHmac('sha256', `AWS4${secret}`).update('20261121').digest(),
    );
    expect(Buffer.from((await remote.find(access, SCOPE))?.key ?? [])).toEqual(derived);
  });

  it('knows nothing of another key or a scope that is none, without logging in again, and asks anew when its token was revoked', async () => {
    const { id, access } = await keyPair();
    const session = createServiceSession(loginOf('swift', PASSWORDS.service, 'service'));
    const remote = createRemoteSigners({ authUrl, session });
    const own = await session.token();
    expect(await remote.find('nobody', undefined)).toBeUndefined();
    expect(await remote.find(access, 'no scope')).toBeUndefined();
    expect(await session.token()).toBe(own);
    await cloud.ask('DELETE', own, own);
    expect(await remote.find(access, SCOPE)).toMatchObject({ identity: { user: { id } } });
  });

  it('tells nobody but a service or an administrator, and nobody with a delegated token', async () => {
    const { demo, access } = await keyPair();
    const ask = (token: string) => cloud.call('POST', '/v3/martlet/signing-keys', token, { access });
    expect((await ask(demo)).status).toBe(403);
    const admin = await cloud.adminToken();
    expect((await ask(admin)).status).toBe(200);
    const adminId = (await cloud.ask('GET', admin, admin)).body.token.user.id;
    const body = { application_credential: { name: 'delegated' } };
    const made = await cloud.call('POST', `/v3/users/${adminId}/application_credentials`, admin, body);
    const { id, secret } = made.body.application_credential;
    const proof = { methods: ['application_credential'], application_credential: { id, secret } };
    expect((await ask(String((await cloud.logIn(proof)).headers['x-subject-token']))).status).toBe(403);
  });

  it('forgets a key that was deleted at once, inside identity', async () => {
    const { path, demo, access } = await keyPair();
    expect(await cloud.service.signers.find(access, SCOPE)).toBeDefined();
    await cloud.call('DELETE', `${path}/${access}`, demo);
    expect(await cloud.service.signers.find(access, SCOPE)).toBeUndefined();
  });
});

describe('the remote verifier', () => {
  it('tells what a delegated token was made from', async () => {
    const verifier = createRemoteVerifier({ authUrl, session: createServiceSession(glance()) });
    const demo = await cloud.demoToken();
    const { id } = (await cloud.ask('GET', demo, demo)).body.token.user;
    const access_rules = [{ service: 'image', method: 'GET', path: '/v2/**' }];
    const body = { application_credential: { name: 'remote', access_rules } };
    const made = await cloud.call('POST', `/v3/users/${id}/application_credentials`, demo, body);
    const { id: credentialId, secret } = made.body.application_credential;
    const proof = { methods: ['application_credential'], application_credential: { id: credentialId, secret } };
    const token = String((await cloud.logIn(proof)).headers['x-subject-token']);
    expect((await verifier.verify(token))?.delegation).toEqual(
      (await cloud.service.verifier.verify(token))?.delegation,
    );
    const trust = {
      trustor_user_id: id,
      trustee_user_id: id,
      project_id: cloud.projectIds.demo,
      impersonation: true,
      roles: [{ name: 'reader' }],
    };
    const trustId = (await cloud.call('POST', '/v3/OS-TRUST/trusts', demo, { trust })).body.trust.id;
    const trusted = await cloud.token('demo', PASSWORDS.demo, { 'OS-TRUST:trust': { id: trustId } });
    expect((await verifier.verify(trusted))?.delegation).toEqual({ kind: 'trust', id: trustId, unrestricted: false });
  });

  it('agrees with the one inside identity', async () => {
    const verifier = createRemoteVerifier({ authUrl, session: createServiceSession(glance()) });
    const admin = await cloud.adminToken();
    for (const scope of [undefined, 'unscoped', { system: { all: true } }]) {
      const token = await cloud.token('admin', PASSWORDS.admin, scope);
      expect(await verifier.verify(token)).toEqual(await cloud.service.verifier.verify(token));
    }
    expect(await verifier.verify(admin)).toBeDefined();
    for (const rubbish of ['rubbish', 'two words', 'line\nbreak', 'ü'])
      expect(await verifier.verify(rubbish)).toBeUndefined();
  });

  it('gets a new token of its own when the old one was revoked', async () => {
    const session = createServiceSession(glance());
    const verifier = createRemoteVerifier({ authUrl, session });
    const own = await session.token();
    await cloud.ask('DELETE', own, own);
    expect(await verifier.verify(await cloud.demoToken())).toBeDefined();
  });

  it('throws when identity cannot be asked, or will not tell', async () => {
    const unreachable: ServiceSession = {
      token: async () => 't',
      forgetToken: () => undefined,
      endpoint: async () => '',
    };
    await expect(
      createRemoteVerifier({ authUrl: 'http://127.0.0.1:1/v3', session: unreachable }).verify('t'),
    ).rejects.toThrow();
    await expect(createRemoteVerifier({ authUrl, session: unreachable }).verify('t')).rejects.toThrow('status 401');
    const session = createServiceSession(loginOf('demo', PASSWORDS.demo, 'demo'));
    const another = await createServiceSession(glance()).token();
    await expect(createRemoteVerifier({ authUrl, session }).verify(another)).rejects.toThrow('status 403');
  });
});

describe('the remote epoch', () => {
  it('says nothing until identity was heard, follows its changes, and says nothing once unheard for a second', async () => {
    const clock = { now: 0, nowMs: () => clock.now };
    const session = createServiceSession(glance());
    const epoch = createRemoteEpoch({ authUrl, session, clock });
    try {
      expect(epoch.current()).toBeNaN();
      await vi.waitFor(() => expect(epoch.current()).not.toBeNaN(), { timeout: 15_000 });
      const before = epoch.current();
      cloud.epoch.bump();
      await vi.waitFor(() => expect(epoch.current()).toBe(before + 1), { timeout: 15_000 });
      epoch.stop();
      clock.now += 1000;
      expect(epoch.current()).toBeNaN();
    } finally {
      epoch.stop();
    }
  });
});
