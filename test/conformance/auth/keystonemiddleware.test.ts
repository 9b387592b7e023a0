import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORDS, projectScope, TestCloud } from '../../support/auth/test-cloud.ts';

const PROGRAMS = join(import.meta.dirname, '../../support/auth');

let cloud: TestCloud;
let folder: string;
let consumer: Consumer;
let swift: Consumer;
let url: string;

interface Consumer {
  url: string;
  end(): Promise<unknown>;
}

/** A service in another process, which prints the port that it listens on. */
async function startConsumer(program: string, args: readonly string[]): Promise<Consumer> {
  // Debian's interpreter alone has Debian's modules.
  const running = execa('/usr/bin/python3', [join(PROGRAMS, program), ...args], {
    reject: false,
    extendEnv: false,
    env: { PATH: '/usr/bin:/bin', PYTHONWARNINGS: 'ignore' },
  });
  const port = await new Promise<string>((resolve, reject) => {
    running.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    void running.then(({ stderr }) => reject(new Error(`the consumer ended: ${stderr}`)));
  });
  const end = () => {
    running.kill('SIGKILL');
    return running;
  };
  return { url: `http://127.0.0.1:${port}`, end };
}

beforeAll(async () => {
  cloud = await TestCloud.start();
  folder = await mkdtemp(join(tmpdir(), 'martlet-swift-'));
  const authUrl = `${await cloud.listen()}/v3`;
  consumer = await startConsumer('wsgi-consumer.py', [authUrl, PASSWORDS.service, 'image']);
  swift = await startConsumer('swift-proxy.py', [folder, authUrl, PASSWORDS.service]);
  ({ url } = consumer);
}, 60_000);
afterAll(async () => {
  await consumer.end();
  await swift.end();
  await cloud.stop();
  await rm(folder, { recursive: true, force: true });
});

const ask = (token: string, path = '/v2/images') => fetch(`${url}${path}`, { headers: { 'x-auth-token': token } });

/** OpenStack's own middleware, in front of a service of somebody else. */
describe('keystonemiddleware', () => {
  it('accepts a token of ours, tells the service who calls, and refuses what is none', async () => {
    const answer = await ask(await cloud.demoToken());
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      HTTP_X_USER_NAME: 'demo',
      HTTP_X_PROJECT_ID: cloud.projectIds.demo,
      HTTP_X_ROLES: expect.stringMatching(/member/),
    });
    const refusal = await ask('rubbish');
    expect(refusal.status).toBe(401);
    expect(refusal.headers.get('www-authenticate')).toContain('Keystone uri=');
  });

  it('sees a revocation', async () => {
    const token = await cloud.demoToken();
    expect((await ask(token)).status).toBe(200);
    await cloud.ask('DELETE', token, token);
    expect((await ask(token)).status).toBe(401);
  });

  it('heeds the access rules of an application credential', async () => {
    const demo = await cloud.demoToken();
    const { id: userId } = (await cloud.ask('GET', demo, demo)).body.token.user;
    const rule = { service: 'image', method: 'GET', path: '/v2/images/*' };
    const body = { application_credential: { name: 'reader', access_rules: [rule] } };
    const path = `/v3/users/${userId}/application_credentials`;
    const { id, secret } = (await cloud.call('POST', path, demo, body)).body.application_credential;
    const proof = { methods: ['application_credential'], application_credential: { id, secret } };
    const token = String((await cloud.logIn(proof)).headers['x-subject-token']);
    expect((await ask(token, '/v2/images/1')).status).toBe(200);
    expect((await ask(token, '/v2/images')).status).toBe(401);
  });
});

/** OpenStack's own object storage: keystonemiddleware, and keystoneauth behind it, in the pipeline of its proxy. */
describe('Swift’s proxy', () => {
  const swiftAsks = (method: string, token: string, path: string, options: RequestInit = {}) =>
    fetch(`${swift.url}/v1/AUTH_${cloud.projectIds.demo}${path}`, {
      method,
      ...options,
      headers: { 'x-auth-token': token, ...options.headers },
    });

  it('stores and serves for a token of ours, in the account of its project alone', async () => {
    const token = await cloud.demoToken();
    expect((await swiftAsks('PUT', token, '/birds')).status).toBe(201);
    expect((await swiftAsks('PUT', token, '/birds/swift', { body: 'apus apus' })).status).toBe(201);
    expect(await (await swiftAsks('GET', token, '/birds/swift')).text()).toBe('apus apus');
    const elsewhere = await fetch(`${swift.url}/v1/AUTH_${cloud.projectIds.admin}/birds`, {
      method: 'PUT',
      headers: { 'x-auth-token': token },
    });
    expect(elsewhere.status).toBe(403);
    expect((await swiftAsks('GET', 'rubbish', '/birds/swift')).status).toBe(401);
  });

  it('sees the roles of a token: a reader’s list lets it read and nothing else', async () => {
    const owner = await cloud.demoToken();
    await swiftAsks('PUT', owner, '/shared');
    const admin = await cloud.adminToken();
    const { id: roleId } = (await cloud.call('GET', '/v3/roles?name=reader', admin)).body.roles[0];
    const user = { user: { name: 'guest', password: 'pw', domain_id: 'default' } };
    const { id: guestId } = (await cloud.call('POST', '/v3/users', admin, user)).body.user;
    await cloud.call('PUT', `/v3/projects/${cloud.projectIds.demo}/users/${guestId}/roles/${roleId}`, admin);
    const guest = await cloud.token('guest', 'pw', projectScope('demo'));
    expect((await swiftAsks('GET', guest, '/shared')).status).toBe(403);
    await swiftAsks('POST', owner, '/shared', {
      headers: { 'x-container-read': `${cloud.projectIds.demo}:${guestId}` },
    });
    expect((await swiftAsks('GET', guest, '/shared')).status).toBe(204);
    expect((await swiftAsks('PUT', guest, '/shared/x', { body: 'x' })).status).toBe(403);
  });

  it('sees a revocation, and the end of a user', async () => {
    const [first, second] = [await cloud.demoToken(), await cloud.demoToken()];
    for (const token of [first, second]) expect((await swiftAsks('HEAD', token, '')).status).toBe(204);
    await cloud.ask('DELETE', first, first);
    expect((await swiftAsks('HEAD', first, '')).status).toBe(401);
    const { id } = (await cloud.ask('GET', second, second)).body.token.user;
    const admin = await cloud.adminToken();
    expect((await swiftAsks('HEAD', second, '')).status).toBe(204);
    await cloud.call('PATCH', `/v3/users/${id}`, admin, { user: { enabled: false } });
    expect((await swiftAsks('HEAD', second, '')).status).toBe(401);
    await cloud.call('PATCH', `/v3/users/${id}`, admin, { user: { enabled: true } });
  });

  it('heeds the access rules of an application credential', async () => {
    const demo = await cloud.demoToken();
    const { id: userId } = (await cloud.ask('GET', demo, demo)).body.token.user;
    const rule = { service: 'object-store', method: 'GET', path: '/v1/*/birds/**' };
    const path = `/v3/users/${userId}/application_credentials`;
    const body = { application_credential: { name: 'watcher', access_rules: [rule] } };
    const { id, secret } = (await cloud.call('POST', path, demo, body)).body.application_credential;
    const proof = { methods: ['application_credential'], application_credential: { id, secret } };
    const token = String((await cloud.logIn(proof)).headers['x-subject-token']);
    expect((await swiftAsks('GET', token, '/birds/swift')).status).toBe(200);
    expect((await swiftAsks('DELETE', token, '/birds/swift')).status).toBe(401);
  });
});
