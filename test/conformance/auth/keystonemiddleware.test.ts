import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORDS, TestCloud } from '../../support/auth/test-cloud.ts';

const CONSUMER = join(import.meta.dirname, '../../support/auth/wsgi-consumer.py');

let cloud: TestCloud;
let consumer: ReturnType<typeof startConsumer>;
let url: string;

function startConsumer(authUrl: string) {
  // Debian's interpreter alone has Debian's modules.
  return execa('/usr/bin/python3', [CONSUMER, authUrl, PASSWORDS.service, 'image'], {
    reject: false,
    extendEnv: false,
    env: { PATH: '/usr/bin:/bin', PYTHONWARNINGS: 'ignore' },
  });
}

beforeAll(async () => {
  cloud = await TestCloud.start();
  const authUrl = `${await cloud.listen()}/v3`;
  consumer = startConsumer(authUrl);
  const port = await new Promise<string>((resolve, reject) => {
    consumer.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    void consumer.then(({ stderr }) => reject(new Error(`the consumer ended: ${stderr}`)));
  });
  url = `http://127.0.0.1:${port}`;
});
afterAll(async () => {
  consumer.kill('SIGKILL');
  await consumer;
  await cloud.stop();
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
