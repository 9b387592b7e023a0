import { createHash, createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalQuery, signV4 } from '../../../auth/ec2/signature-v4.ts';
import { PASSWORDS, projectScope, TestCloud } from '../../support/auth/test-cloud.ts';

let cloud: TestCloud;
let admin: string;
let demo: string;
let demoId: string;
let service: string;

beforeAll(async () => {
  cloud = await TestCloud.start();
  admin = await cloud.adminToken();
  demo = await cloud.demoToken();
  demoId = (await cloud.ask('GET', demo, demo)).body.token.user.id;
  service = await cloud.token('swift', PASSWORDS.service, projectScope('service'));
});
afterAll(() => cloud.stop());

const post = (body: object, token = demo) => cloud.call('POST', '/v3/credentials', token, { credential: body });
const cert = (body: object = {}) => ({ type: 'cert', blob: 'very-secret-blob', user_id: demoId, ...body });
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

interface KeyPair {
  access: string;
  secret: string;
}

async function keyPair(): Promise<KeyPair> {
  const body = { tenant_id: cloud.projectIds.demo };
  const answer = await cloud.call('POST', `/v3/users/${demoId}/credentials/OS-EC2`, demo, body);
  expect(answer.status).toBe(201);
  return answer.body.credential;
}

describe('a credential', () => {
  it('is kept encrypted and given back to its user', async () => {
    const { credential } = (await post(cert())).body;
    expect((await cloud.call('GET', `/v3/credentials/${credential.id}`, demo)).body.credential).toEqual(credential);
    const stored = await cloud.store.get(`auth-credentials/${credential.id}`);
    expect(stored?.value).not.toContain('very-secret');
  });

  it('of type ec2 is found by its access key, which must be new and come with a secret and a project', async () => {
    const blob = JSON.stringify({ access: 'AK1', secret: 's' });
    const ec2 = { type: 'ec2', blob, user_id: demoId, project_id: cloud.projectIds.demo };
    expect((await post(ec2)).body.credential.id).toBe(sha256('AK1'));
    expect((await post(ec2)).status).toBe(409);
    expect((await post({ ...ec2, blob: 'no json' })).status).toBe(400);
    expect((await post({ ...ec2, blob: '{"access":"x"}' })).status).toBe(400);
    expect((await post({ ...ec2, blob: blob.replace('AK1', 'AK2'), project_id: null })).status).toBe(400);
    expect((await post({ ...ec2, blob: blob.replace('AK1', 'AK2'), project_id: 'gone' })).status).toBe(404);
  });

  it('is made by its user or an administrator, for nobody else', async () => {
    expect((await post(cert(), admin)).status).toBe(201);
    const adminId = (await cloud.ask('GET', admin, admin)).body.token.user.id;
    expect((await post(cert({ user_id: adminId }))).status).toBe(403);
    expect((await post(cert({ user_id: 'f'.repeat(32) }), admin)).status).toBe(404);
  });

  it('changes its blob, never its user, project, type or access key (CVE-2020-12691, CVE-2026-90460)', async () => {
    const blob = JSON.stringify({ access: 'AK3', secret: 's' });
    const made = { type: 'ec2', blob, user_id: demoId, project_id: cloud.projectIds.demo };
    const path = `/v3/credentials/${(await post(made)).body.credential.id}`;
    const patch = async (body: object, token = demo) =>
      (await cloud.call('PATCH', path, token, { credential: body })).status;
    expect(await patch({ project_id: cloud.projectIds.admin }, admin)).toBe(400);
    expect(await patch({ user_id: 'other' }, admin)).toBe(400);
    expect(await patch({ type: 'cert' })).toBe(400);
    expect(await patch({ blob: blob.replace('AK3', 'AK4') })).toBe(400);
    expect(await patch({ blob: 'no json' })).toBe(400);
    expect(await patch({ blob: JSON.stringify({ access: 'AK3', secret: 'new' }) })).toBe(200);
  });

  it('is listed to its user, all of them to administrators, and goes when it is deleted', async () => {
    const { id } = (await post(cert({ type: 'rare' }), admin)).body.credential;
    const list = async (query: string, token: string) =>
      (await cloud.call('GET', `/v3/credentials${query}`, token)).body.credentials.map(
        (each: { id: string }) => each.id,
      );
    expect(await list('?type=rare', demo)).toEqual([id]);
    expect(await list('', admin)).toContain(id);
    expect(await list(`?user_id=${demoId}`, service)).toEqual([]);
    expect((await cloud.call('GET', `/v3/credentials/${id}`, service)).status).toBe(404);
    expect((await cloud.call('DELETE', `/v3/credentials/${id}`, service)).status).toBe(404);
    expect((await cloud.call('DELETE', `/v3/credentials/${id}`, demo)).status).toBe(204);
    expect((await cloud.call('GET', `/v3/credentials/${id}`, admin)).status).toBe(404);
  });
});

describe('EC2 key pairs', () => {
  it('are made, listed, shown and deleted by their user', async () => {
    const pair = await keyPair();
    const path = `/v3/users/${demoId}/credentials/OS-EC2`;
    expect((await cloud.call('GET', path, demo)).body.credentials).toContainEqual(expect.objectContaining(pair));
    expect((await cloud.call('GET', `${path}/${pair.access}`, demo)).body.credential).toEqual(pair);
    expect((await cloud.call('GET', `${path}/${pair.access}`, service)).status).toBe(403);
    expect((await cloud.call('DELETE', `${path}/${pair.access}`, demo)).status).toBe(204);
    expect((await cloud.call('GET', `${path}/${pair.access}`, demo)).status).toBe(404);
    expect((await cloud.call('POST', path, demo, { tenant_id: 'gone' })).status).toBe(404);
    expect((await cloud.call('POST', path, service, { tenant_id: cloud.projectIds.demo })).status).toBe(403);
  });
});

const amzDate = (offsetMs = 0) => new Date(cloud.clock.nowMs() + offsetMs).toISOString().replace(/[-:]|\.\d+/g, '');

/** A request signed with version 4, as AWS's page on it says: written apart from ours, but for the key and the query. */
function signedV4({ access, secret }: KeyPair, date = amzDate(), changed: object = {}) {
  const scope = { date: date.slice(0, 8), region: 'RegionOne', service: 'ec2' };
  const scopeText = `${scope.date}/RegionOne/ec2/aws4_request`;
  const params = { Action: 'Describe Instances', 'Name*': "~a'b" };
  const bodyHash = sha256('');
  const canonical = [
    'GET',
    '/services/Cloud',
    canonicalQuery(params),
    'host:nova.example:8773',
    `x-amz-date:${date}`,
    '',
    'host;x-amz-date',
    bodyHash,
  ].join('\n');
  const signature = signV4(secret, scope, ['AWS4-HMAC-SHA256', date, scopeText, sha256(canonical)].join('\n'));
  const authorization = `AWS4-HMAC-SHA256 Credential=${access}/${scopeText}, SignedHeaders=host;x-amz-date, Signature=${signature}`;
  const headers = { Host: 'nova.example:8773', 'X-Amz-Date': date, Authorization: authorization };
  return {
    access,
    signature,
    host: 'nova.example:8773',
    verb: 'GET',
    path: '/services/Cloud',
    params,
    headers,
    body_hash: bodyHash,
    ...changed,
  };
}

function signedV2({ access, secret }: KeyPair, timestamp = new Date(cloud.clock.nowMs()).toISOString()) {
  const params = { AWSAccessKeyId: access, SignatureVersion: '2', SignatureMethod: 'HmacSHA256', Timestamp: timestamp };
  const text = `GET\nnova.example\n/\n${canonicalQuery(params)}`;
  const signature = createHmac('sha256', secret).update(text).digest('base64');
  return { access, signature, host: 'nova.example:8773', verb: 'GET', path: '/', params, headers: {}, body_hash: '' };
}

const ec2 = (credentials: object, token = service) => cloud.call('POST', '/v3/ec2tokens', token, { credentials });

describe('POST /v3/ec2tokens', () => {
  it('gives a token for who signed, with version 4 or 2', async () => {
    const pair = await keyPair();
    for (const proof of [signedV4(pair), signedV2(pair)]) {
      const answer = await ec2(proof);
      expect(answer.status).toBe(200);
      expect(answer.headers['x-subject-token']).toBeDefined();
      expect(answer.body.token).toMatchObject({
        user: { id: demoId },
        project: { id: cloud.projectIds.demo },
        methods: ['ec2credential'],
      });
    }
    expect((await cloud.call('POST', '/v3/ec2tokens', service, { ec2Credentials: signedV4(pair) })).status).toBe(200);
  });

  it('refuses what was changed after signing, signed by another, or long ago', async () => {
    const pair = await keyPair();
    const other = await keyPair();
    const refused = [
      { ...signedV4(pair), path: '/services/Admin' },
      { ...signedV4(pair), params: { Action: 'Other' } },
      { ...signedV4(pair), signature: 'f'.repeat(64) },
      { ...signedV4(other), access: pair.access },
      signedV4(pair, amzDate(-901_000)),
      signedV4(pair, amzDate(930_000)),
      signedV4({ ...pair, access: 'unknown' }),
      signedV2(pair, new Date(cloud.clock.nowMs() - 901_000).toISOString()),
      { ...signedV2(pair), params: {} },
    ];
    for (const proof of refused) expect((await ec2(proof)).status).toBe(401);
  });

  it('is asked by services and administrators only (CVE-2025-65073)', async () => {
    const proof = signedV4(await keyPair());
    expect((await ec2(proof, demo)).status).toBe(403);
    expect((await cloud.call('POST', '/v3/ec2tokens', undefined, { credentials: proof })).status).toBe(401);
    expect((await ec2({ access: 'x' })).status).toBe(400);
    expect((await cloud.call('POST', '/v3/ec2tokens', service, {})).status).toBe(400);
  });
});

describe('a token from an EC2 key', () => {
  it('is refused by every service but object storage, and ends with its key', async () => {
    const pair = await keyPair();
    const token = String((await ec2(signedV4(pair))).headers['x-subject-token']);
    expect((await cloud.call('GET', '/v3/auth/projects', token)).status).toBe(401);
    expect((await cloud.service.verifier.verify(token))?.delegation).toMatchObject({ kind: 'ec2' });
    await cloud.call('DELETE', `/v3/users/${demoId}/credentials/OS-EC2/${pair.access}`, demo);
    expect(await cloud.service.verifier.verify(token)).toBeUndefined();
    expect((await ec2(signedV4(pair))).status).toBe(401);
  });

  it('carries what its application credential carries, where one made the key', async () => {
    const body = { application_credential: { name: 'robot', unrestricted: true, roles: [{ name: 'reader' }] } };
    const path = `/v3/users/${demoId}/application_credentials`;
    const { id, secret } = (await cloud.call('POST', path, demo, body)).body.application_credential;
    const proof = { methods: ['application_credential'], application_credential: { id, secret } };
    const token = String((await cloud.logIn(proof)).headers['x-subject-token']);
    const create = (projectId: string) =>
      cloud.call('POST', `/v3/users/${demoId}/credentials/OS-EC2`, token, { tenant_id: projectId });
    expect((await create(cloud.projectIds.admin)).status).toBe(403);
    const pair = (await create(cloud.projectIds.demo)).body.credential as KeyPair;
    expect((await ec2(signedV4(pair))).body.token.roles).toMatchObject([{ name: 'reader' }]);
    await cloud.call('DELETE', `${path}/${id}`, demo);
    expect((await ec2(signedV4(pair))).status).toBe(401);
  });
});

describe('POST /v3/s3tokens', () => {
  const s3 = (access: string, text: string, signature: string, token = service) =>
    cloud.call('POST', '/v3/s3tokens', token, {
      credentials: { access, signature, token: Buffer.from(text).toString('base64url') },
    });

  function v4Text(date: string, name = 's3') {
    return `AWS4-HMAC-SHA256\n${date}\n${date.slice(0, 8)}/us-east-1/${name}/aws4_request\n${sha256('canonical')}`;
  }
  function signText(secret: string, text: string, name = 's3') {
    return signV4(secret, { date: text.split('\n')[1]?.slice(0, 8) ?? '', region: 'us-east-1', service: name }, text);
  }

  it('says who signed with version 4 or the older scheme, and gives no token away', async () => {
    const { access, secret } = await keyPair();
    const text = v4Text(amzDate());
    const v4 = await s3(access, text, signText(secret, text));
    expect(v4.body.token).toMatchObject({ user: { id: demoId }, project: { id: cloud.projectIds.demo } });
    expect(v4.headers['x-subject-token']).toBeUndefined();
    const old = 'GET\n\n\nSat, 21 Nov 2026 00:00:00 GMT\n/bucket/key';
    const v2 = await s3(access, old, createHmac('sha1', secret).update(old).digest('base64'));
    expect(v2.status).toBe(200);
  });

  it('accepts a URL signed days ago, and refuses older ones, the future, other services and wrong signatures', async () => {
    const { access, secret } = await keyPair();
    const status = async (date: string, name = 's3') => {
      const text = v4Text(date, name);
      return (await s3(access, text, signText(secret, text, name))).status;
    };
    expect(await status(amzDate(-6 * 86_400_000))).toBe(200);
    expect(await status(amzDate(-8 * 86_400_000))).toBe(401);
    expect(await status(amzDate(901_000))).toBe(401);
    expect(await status(amzDate(), 'ec2')).toBe(401);
    expect((await s3(access, v4Text(amzDate()), 'f'.repeat(64))).status).toBe(401);
    expect((await s3('unknown', v4Text(amzDate()), 'f'.repeat(64))).status).toBe(401);
    expect((await s3(access, 'AWS4', 'x')).status).toBe(401);
  });

  it('is asked by services only', async () => {
    expect((await s3('a', 'b', 'c', demo)).status).toBe(403);
  });
});
