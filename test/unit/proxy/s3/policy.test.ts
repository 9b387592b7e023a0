import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteBucketPolicyCommand,
  GetBucketAclCommand,
  GetBucketPolicyCommand,
  GetBucketPolicyStatusCommand,
  PutBucketAclCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeSigners, s3Client, startS3 } from '../../../support/s3/signing.ts';
import { type FakeSwift, identity } from '../../../support/swift-fakes/fake-swift.ts';

let swift: FakeSwift;
let s3: S3Client;
const Bucket = 'shared';
const BUCKET = `arn:aws:s3:::${Bucket}`;
const OBJECTS = `${BUCKET}/*`;
const code = (name: string) => expect.objectContaining({ name });

beforeAll(async () => {
  const signers = new FakeSigners();
  signers.keys.set('GUEST', { secret: 'the-secret-key', identity: identity('p1', 'u4', ['guest']) });
  ({ swift, client: s3 } = await startS3({ deps: { signers } }));
  swift.identities.set('guest', identity('p1', 'u4', ['guest']));
  swift.identities.set('other user', identity('p2', 'u5', ['member']));
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
});
afterAll(() => swift.stop());
beforeEach(async () => {
  await swift.request('POST', '/shared', { headers: { 'x-container-read': '', 'x-container-write': '' } });
  await s3.send(new DeleteBucketPolicyCommand({ Bucket }));
});

const allow = (Principal: unknown, Action: unknown, Resource: unknown = [BUCKET, OBJECTS]) => ({
  Effect: 'Allow',
  Principal,
  Action,
  Resource,
});
const textOf = (...Statement: unknown[]) => JSON.stringify({ Version: '2012-10-17', Statement });
const putText = (Policy: string, client = s3) => client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
const put = (...statements: unknown[]) => putText(textOf(...statements));
const get = async (client = s3) => (await client.send(new GetBucketPolicyCommand({ Bucket }))).Policy;
const isPublic = async () => (await s3.send(new GetBucketPolicyStatusCommand({ Bucket }))).PolicyStatus?.IsPublic;
const acls = async () => {
  const { headers } = await swift.request('HEAD', '/shared');
  return [headers.get('x-container-read'), headers.get('x-container-write')];
};
const statusOf = async (token: string, method: string, path: string) =>
  (await swift.request(method, path, { token, ...(method === 'PUT' ? { body: 'y' } : {}) })).status;
const read = allow({ AWS: 'arn:aws:iam::p2:root' }, ['s3:GetObject', 's3:ListBucket']);
const publicRead = allow('*', 's3:GetObject', OBJECTS);

describe('a bucket policy', () => {
  it('lets everybody read: the anonymous, other projects, users without a role of the project; not list', async () => {
    const document = ` ${textOf(publicRead)}\n`;
    await expect(get()).rejects.toEqual(code('NoSuchBucketPolicy'));
    expect(await statusOf('', 'GET', '/shared/k')).toBe(401);
    await putText(document);
    expect(await get()).toBe(document);
    expect(await isPublic()).toBe(true);
    for (const token of ['', 'stranger', 'guest']) expect(await statusOf(token, 'GET', '/shared/k')).toBe(200);
    expect(await statusOf('', 'GET', '/shared')).toBe(401);
    expect(await statusOf('stranger', 'PUT', '/shared/new')).toBe(403);
    await put(allow({ AWS: '*' }, ['s3:GetObject', 's3:ListBucket', 's3:GetBucketLocation']));
    expect(await statusOf('', 'GET', '/shared')).toBe(200);
    await s3.send(new DeleteBucketPolicyCommand({ Bucket }));
    await expect(isPublic()).rejects.toEqual(code('NoSuchBucketPolicy'));
    expect(await acls()).toEqual([null, null]);
    expect(await statusOf('', 'GET', '/shared/k')).toBe(401);
  });

  it('lets a project or one of its users read, or write, and nobody else', async () => {
    const user = { AWS: ['arn:aws:iam::p2:user/u3'] };
    await put(read, allow(user, ['s3:PutObject', 's3:DeleteObject'], OBJECTS));
    expect(await acls()).toEqual(['p2:*', 'p2:u3']);
    expect(await isPublic()).toBe(false);
    for (const token of ['stranger', 'other user']) expect(await statusOf(token, 'GET', '/shared/k')).toBe(200);
    expect(await statusOf('stranger', 'PUT', '/shared/new')).toBe(201);
    expect(await statusOf('stranger', 'DELETE', '/shared/new')).toBe(204);
    expect(await statusOf('other user', 'PUT', '/shared/new')).toBe(403);
    for (const token of ['guest', '']) expect(await statusOf(token, 'GET', '/shared/k')).toBeGreaterThan(400);
  });

  it('holds for those who sign, too', async () => {
    const guest = s3Client(swift, 'GUEST');
    const write = () => guest.send(new PutObjectCommand({ Bucket, Key: 'by-guest', Body: 'x' }));
    await expect(write()).rejects.toEqual(code('AccessDenied'));
    await put(allow({ AWS: 'arn:aws:iam::p1:user/u4' }, ['s3:PutObject', 's3:DeleteObject'], OBJECTS));
    await write();
    await swift.request('DELETE', '/shared/by-guest');
  });

  it('counts what several statements allow together', async () => {
    await put(
      publicRead,
      allow({ AWS: 'p2' }, 's3:ListBucket', BUCKET),
      allow({ AWS: 'arn:aws:iam::p2:user/u3' }, 's3:listbucket', BUCKET),
    );
    expect(await acls()).toEqual(['.r:*,p2:*', null]);
  });

  it('stands beside what ACLs allow: each goes without the other', async () => {
    await swift.request('POST', '/shared', { headers: { 'x-container-read': 'p3:*', 'x-container-write': 'p3:*' } });
    await put(read);
    expect(await acls()).toEqual(['p3:*,p2:*', 'p3:*']);
    const grants = async () => (await s3.send(new GetBucketAclCommand({ Bucket }))).Grants?.length;
    await put(publicRead);
    expect(await acls()).toEqual(['p3:*,.r:*', 'p3:*']);
    expect(await grants()).toBe(1);
    await s3.send(new PutBucketAclCommand({ Bucket, ACL: 'authenticated-read' }));
    expect(await acls()).toEqual(['*:*,.r:*', 'p3:*']);
    expect([await grants(), await get()]).toEqual([2, textOf(publicRead)]);
    await s3.send(new DeleteBucketPolicyCommand({ Bucket }));
    expect(await acls()).toEqual(['*:*', 'p3:*']);
    await s3.send(new PutBucketAclCommand({ Bucket, ACL: 'private' }));
  });

  it('is gone when Swift sets an ACL that it is part of, and what it allowed by the other goes with it', async () => {
    const both = allow({ AWS: 'p2' }, ['s3:GetObject', 's3:ListBucket', 's3:PutObject', 's3:DeleteObject']);
    await put(read);
    await swift.request('POST', '/shared', { headers: { 'x-container-write': 'p3:*' } });
    expect(await get()).toBe(textOf(read));
    await put(both);
    expect(await acls()).toEqual(['p2:*', 'p3:*,p2:*']);
    await swift.request('POST', '/shared', { headers: { 'x-container-read': 'p4:*' } });
    await expect(get()).rejects.toEqual(code('NoSuchBucketPolicy'));
    await expect(isPublic()).rejects.toEqual(code('NoSuchBucketPolicy'));
    await s3.send(new DeleteBucketPolicyCommand({ Bucket }));
    expect(await acls()).toEqual(['p4:*', 'p3:*']);
  });

  it('takes the last word over rules about referrers, and opens no listing that it does not name', async () => {
    await swift.request('POST', '/shared', { headers: { 'x-container-read': '.r:*,.r:-evil.example' } });
    await put(publicRead);
    const { status } = await swift.request('GET', '/shared/k', {
      token: '',
      headers: { referer: 'http://evil.example/' },
    });
    expect(status).toBe(200);
    await swift.request('POST', '/shared', { headers: { 'x-container-read': '.r:good.example,.rlistings' } });
    await expect(put(publicRead)).rejects.toEqual(code('NotImplemented'));
    expect((await acls())[0]).toBe('.r:good.example,.rlistings');
    await s3.send(new PutBucketAclCommand({ Bucket, ACL: 'public-read' }));
    await put(publicRead);
  });

  it('goes with its bucket', async () => {
    const gone = { Bucket: 'shared-and-gone' };
    await s3.send(new CreateBucketCommand(gone));
    const Policy = textOf(publicRead).replaceAll(BUCKET, 'arn:aws:s3:::shared-and-gone');
    await s3.send(new PutBucketPolicyCommand({ ...gone, Policy }));
    await s3.send(new DeleteBucketCommand(gone));
    await s3.send(new CreateBucketCommand(gone));
    await expect(s3.send(new GetBucketPolicyCommand(gone))).rejects.toEqual(code('NoSuchBucketPolicy'));
    expect((await swift.request('HEAD', '/shared-and-gone')).headers.get('x-container-read')).toBeNull();
  });

  it('is its owners’: nobody else sees or sets it', async () => {
    await put(allow('*', ['s3:GetObject', 's3:ListBucket']));
    for (const key of ['READER', 'GUEST']) {
      const client = s3Client(swift, key);
      await expect(get(client)).rejects.toEqual(code('AccessDenied'));
      await expect(putText(textOf(publicRead), client)).rejects.toEqual(code('AccessDenied'));
      await expect(client.send(new DeleteBucketPolicyCommand({ Bucket }))).rejects.toEqual(code('AccessDenied'));
    }
    await expect(get(s3Client(swift, 'OTHER'))).rejects.toEqual(code('NoSuchBucket'));
  });
});

describe('a policy that ACLs of containers cannot say is refused, and nothing of it kept', () => {
  const all = ['s3:GetObject', 's3:ListBucket'];
  const Condition = { StringLike: { 'aws:Referer': 'http://www.example.com/*' } };
  for (const [element, statement] of [
    ['Effect', { ...publicRead, Effect: 'Deny' }],
    ['Condition', { ...publicRead, Condition }],
    ['Condition', { ...publicRead, Condition: { IpAddress: { 'aws:SourceIp': ['10.0.0.0/8'] } } }],
    ['NotPrincipal', { Effect: 'Allow', NotPrincipal: { AWS: 'p2' }, Action: all, Resource: [BUCKET, OBJECTS] }],
    ['NotAction', { Effect: 'Allow', Principal: '*', NotAction: all, Resource: OBJECTS }],
    ['NotResource', { Effect: 'Allow', Principal: '*', Action: all, NotResource: OBJECTS }],
    ['Resource', allow('*', 's3:GetObject', `${BUCKET}/prefix/*`)],
    ['Resource', allow('*', 's3:GetObject', `${BUCKET}*`)],
    ['Action', allow('*', 's3:*')],
    ['Action', allow('*', '*')],
    ['Action', allow('*', 's3:GetObjectVersion', OBJECTS)],
    ['Action', allow('*', 's3:ListBucket', BUCKET)],
    ['Action', allow('*', ['s3:GetObject', 's3:GetBucketLocation'])],
    ['Action', allow({ AWS: 'p3' }, 's3:GetObject', OBJECTS)],
    ['Action', allow({ AWS: 'p2' }, 's3:PutObject', OBJECTS)],
    ['Principal', allow('*', 's3:PutObject', OBJECTS)],
    ['Principal', allow({ Service: 'logging.s3.amazonaws.com' }, all)],
    ['Principal', allow({ AWS: 'arn:aws:iam::p2:role/r' }, all)],
    ['Principal', allow({ AWS: 'arn:aws:iam::p2:user/a/b' }, all)],
    ['Principal', allow({ AWS: 'p2:*,.r' }, all)],
    ['Principal', allow({ AWS: '.r' }, all)],
    ['Principal', allow({ AWS: '*:root' }, all)],
  ] as const)
    it(`${element}: ${JSON.stringify(statement).slice(0, 150)}`, async () => {
      const refused = put(read, statement);
      await expect(refused).rejects.toMatchObject({ name: 'NotImplemented', Element: element });
      await expect(refused).rejects.toThrow(`policy's ${element}`);
      await expect(get()).rejects.toEqual(code('NoSuchBucketPolicy'));
      expect(await acls()).toEqual([null, null]);
    });
});

describe('what is no policy is refused', () => {
  const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`;
  for (const [text, why] of [
    ['', 'not valid JSON'],
    ['{', 'not valid JSON'],
    ['[]', 'must be an object'],
    [deep, 'too deep'],
    [`{"Statement":${deep}}`, 'too deep'],
    ['{"Statement":[]}', 'missing or empty'],
    ['{"Version":"2020-01-01","Statement":[]}', 'Version'],
    ['{"Id":1,"Statement":[]}', 'Id'],
    ['{"Other":1,"Statement":[]}', 'unknown element "Other"'],
    [textOf({ ...publicRead, effect: 'Deny' }), 'unknown element "effect"'],
    [textOf(publicRead).replace('"Effect":', '"Effect":"Deny","Effect":'), 'name twice'],
    [textOf({ ...publicRead, Effect: 'allow' }), 'Effect'],
    [textOf({ ...publicRead, Principal: undefined }), 'no Principal'],
    [textOf({ ...publicRead, NotPrincipal: '*' }), 'both Principal and NotPrincipal'],
    [textOf({ ...publicRead, Principal: {} }), 'Principal is empty'],
    [textOf({ ...publicRead, Principal: 'p2' }), 'Principal must be an object'],
    [textOf({ ...publicRead, Principal: { Else: 'p2' } }), 'unknown element "Else"'],
    [textOf({ ...publicRead, Action: [] }), 'Action is empty'],
    [textOf({ ...publicRead, Action: [1] }), 'Action must be'],
    [textOf({ ...publicRead, Action: 'ec2:RunInstances' }), 'none of S3'],
    [textOf({ ...publicRead, Resource: 'arn:aws:s3:::another/*' }), 'not the bucket'],
    [textOf({ ...publicRead, Resource: `${BUCKET}-two/*` }), 'not the bucket'],
    [textOf({ ...publicRead, Resource: BUCKET }), 'applies to no resource'],
    [textOf({ ...publicRead, Condition: { StringLike: 'x' } }), 'Condition StringLike'],
    [textOf({ ...publicRead, Condition: { StringLike: { k: [{}] } } }), 'Condition StringLike'],
    [textOf({ ...publicRead, Sid: 1 }), 'Sid'],
    [textOf({ ...publicRead, Sid: 'a' }, { ...read, Sid: 'a' }), 'Sid "a" is said twice'],
    [textOf(...Array.from({ length: 257 }, () => ({}))), 'more than 256'],
  ] as const)
    it(`${why}: ${text.slice(0, 100)}`, async () => {
      const refused = putText(text);
      await expect(refused).rejects.toEqual(code('MalformedPolicy'));
      await expect(refused).rejects.toThrow(why);
      await expect(get()).rejects.toEqual(code('NoSuchBucketPolicy'));
    });

  it('too long: to be read, or to be kept', async () => {
    await expect(putText(' '.repeat((20 << 10) + 1))).rejects.toEqual(code('MaxMessageLengthExceeded'));
    const users = Array.from({ length: 500 }, (_, at) => `arn:aws:iam::p2:user/someone-or-other-${at}`);
    await expect(put(allow({ AWS: users }, ['s3:GetObject', 's3:ListBucket']))).rejects.toEqual(
      code('MaxMessageLengthExceeded'),
    );
    const fewer = users.map((user) => user.replace('arn:aws:iam::p2:user/', '')).slice(0, 400);
    const kept = put(allow({ AWS: fewer }, ['s3:GetObject', 's3:ListBucket']));
    await expect(kept).rejects.toMatchObject({ name: 'InvalidRequest', message: 'The policy is too long to be kept.' });
    expect(await acls()).toEqual([null, null]);
  });
});
