import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCorsCommand,
  DeleteBucketTaggingCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  GetBucketAclCommand,
  GetBucketCorsCommand,
  GetBucketLocationCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketAclCommand,
  PutBucketCorsCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { presign, send } from '../../../support/s3/raw-request.ts';
import { startS3 } from '../../../support/s3/signing.ts';
import type { FakeSwift } from '../../../support/swift-fakes/fake-swift.ts';

let swift: FakeSwift;
let s3: S3Client;
const Bucket = 'settings';
const object = { Bucket, Key: 'k' };
const code = (name: string) => expect.objectContaining({ name });
beforeAll(async () => {
  ({ swift, client: s3 } = await startS3());
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutObjectCommand({ ...object, Body: 'x', Metadata: { a: '1' }, CacheControl: 'no-cache' }));
});
afterAll(() => swift.stop());

describe('tags', () => {
  it('of an object are set, read and removed, and leave its metadata alone', async () => {
    const TagSet = [
      { Key: 'a b', Value: 'ü&=' },
      { Key: 'c', Value: '' },
    ];
    await s3.send(new PutObjectTaggingCommand({ ...object, Tagging: { TagSet } }));
    expect((await s3.send(new GetObjectTaggingCommand(object))).TagSet).toEqual(TagSet);
    const seen = await swift.request('HEAD', '/settings/k');
    expect(seen.headers.get('x-object-meta-a')).toBe('1');
    expect(seen.headers.get('cache-control')).toBe('no-cache');
    await s3.send(new DeleteObjectTaggingCommand(object));
    expect((await s3.send(new GetObjectTaggingCommand(object))).TagSet).toEqual([]);
  });

  it('that cannot be are refused', async () => {
    const put = (TagSet: { Key: string; Value: string }[]) =>
      s3.send(new PutObjectTaggingCommand({ ...object, Tagging: { TagSet } }));
    await expect(put([{ Key: '', Value: 'x' }])).rejects.toEqual(code('InvalidTag'));
    await expect(put([{ Key: 'k', Value: 'x'.repeat(257) }])).rejects.toEqual(code('InvalidTag'));
    await expect(put([{ Key: 'aws:k', Value: 'x' }])).rejects.toEqual(code('InvalidTag'));
    await expect(
      put([
        { Key: 'k', Value: '1' },
        { Key: 'k', Value: '2' },
      ]),
    ).rejects.toEqual(code('InvalidTag'));
    await expect(put(Array.from({ length: 11 }, (_, at) => ({ Key: `k${at}`, Value: '' })))).rejects.toEqual(
      code('InvalidTag'),
    );
  });

  it('of a bucket are set, read and removed', async () => {
    const TagSet = [{ Key: 'cost', Value: 'centre' }];
    await expect(s3.send(new GetBucketTaggingCommand({ Bucket }))).rejects.toEqual(code('NoSuchTagSet'));
    await s3.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }));
    expect((await s3.send(new GetBucketTaggingCommand({ Bucket }))).TagSet).toEqual(TagSet);
    await s3.send(new DeleteBucketTaggingCommand({ Bucket }));
    await expect(s3.send(new GetBucketTaggingCommand({ Bucket }))).rejects.toEqual(code('NoSuchTagSet'));
  });
});

describe('an ACL', () => {
  const uris = async () =>
    (await s3.send(new GetBucketAclCommand({ Bucket }))).Grants?.map(({ Grantee }) => Grantee?.URI?.split('/').at(-1));

  it('of a bucket is the container’s', async () => {
    expect(await uris()).toEqual([undefined]);
    await s3.send(new PutBucketAclCommand({ Bucket, ACL: 'public-read' }));
    expect(await uris()).toEqual([undefined, 'AllUsers']);
    expect((await swift.request('GET', '/settings/k', { token: '' })).status).toBe(200);
    await s3.send(new PutObjectAclCommand({ ...object, ACL: 'public-read' }));
    expect((await s3.send(new GetObjectAclCommand(object))).Grants).toHaveLength(2);
    const acl = await s3.send(new GetBucketAclCommand({ Bucket }));
    await s3.send(new PutBucketAclCommand({ Bucket, ACL: 'authenticated-read' }));
    expect(await uris()).toEqual([undefined, 'AuthenticatedUsers']);
    await s3.send(new PutBucketAclCommand({ Bucket, AccessControlPolicy: { Owner: acl.Owner, Grants: acl.Grants } }));
    expect(await uris()).toEqual([undefined, 'AllUsers']);
    await s3.send(new PutBucketAclCommand({ Bucket, ACL: 'private' }));
    expect((await swift.request('GET', '/settings/k', { token: '' })).status).toBe(401);
  });

  it('that Swift’s model cannot say is refused', async () => {
    await expect(s3.send(new PutBucketAclCommand({ Bucket, ACL: 'public-read-write' }))).rejects.toEqual(
      code('NotImplemented'),
    );
    await expect(s3.send(new PutObjectAclCommand({ ...object, ACL: 'public-read' }))).rejects.toEqual(
      code('NotImplemented'),
    );
    await s3.send(new PutObjectAclCommand({ ...object, ACL: 'private' }));
    const Grants = [{ Grantee: { Type: 'CanonicalUser' as const, ID: 'else' }, Permission: 'READ' as const }];
    const policy = { Bucket, AccessControlPolicy: { Owner: { ID: 'p1' }, Grants } };
    await expect(s3.send(new PutBucketAclCommand(policy))).rejects.toEqual(code('NotImplemented'));
  });
});

describe('CORS rules', () => {
  it('are kept, and become Swift’s', async () => {
    await expect(s3.send(new GetBucketCorsCommand({ Bucket }))).rejects.toEqual(code('NoSuchCORSConfiguration'));
    const CORSRules = [
      {
        AllowedMethods: ['GET'],
        AllowedOrigins: ['http://a.example'],
        ExposeHeaders: ['x-amz-meta-a'],
        MaxAgeSeconds: 60,
      },
      { AllowedMethods: ['PUT'], AllowedOrigins: ['http://b.example'], AllowedHeaders: ['*'] },
    ];
    await s3.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }));
    expect((await s3.send(new GetBucketCorsCommand({ Bucket }))).CORSRules).toEqual(CORSRules);
    const { headers } = await swift.request('HEAD', '/settings');
    expect(headers.get('x-container-meta-access-control-allow-origin')).toBe('http://a.example http://b.example');
    expect(headers.get('x-container-meta-access-control-max-age')).toBe('60');
    await s3.send(new DeleteBucketCorsCommand({ Bucket }));
    const after = await swift.request('HEAD', '/settings');
    expect(after.headers.get('x-container-meta-access-control-allow-origin')).toBeNull();
  });

  it('let a page of another origin use a signed URL: preflight and answer', async () => {
    const CORSRules = [
      { AllowedMethods: ['GET'], AllowedOrigins: ['http://a.example'], ExposeHeaders: ['x-amz-meta-a'] },
    ];
    await s3.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }));
    const path = presign(swift, { method: 'GET', path: '/settings/k' });
    const ask = (method: string, origin: string, url = path) =>
      send(swift, { method, path: url, headers: { origin, 'access-control-request-method': 'GET' } });
    const asked = await ask('OPTIONS', 'http://a.example');
    expect(asked).toMatchObject({ status: 200, headers: { 'access-control-allow-origin': 'http://a.example' } });
    expect(await ask('OPTIONS', 'http://b.example')).toMatchObject({ status: 403, code: 'AccessDenied' });
    const unknown = path.replace('Credential=AK', 'Credential=NOBODY');
    expect((await ask('OPTIONS', 'http://a.example', unknown)).code).toBe('AccessDenied');
    const answer = await ask('GET', 'http://a.example');
    expect(answer).toMatchObject({
      status: 200,
      body: 'x',
      headers: { 'access-control-allow-origin': 'http://a.example' },
    });
    expect(answer.headers['access-control-expose-headers']).toContain('x-amz-meta-a');
    const absent = presign(swift, { method: 'GET', path: '/settings/absent' });
    expect(await ask('GET', 'http://a.example', absent)).toMatchObject({
      code: 'NoSuchKey',
      headers: { 'access-control-allow-origin': 'http://a.example' },
    });
    await s3.send(new DeleteBucketCorsCommand({ Bucket }));
  });

  it('that cannot be are refused', async () => {
    const put = (rule: { AllowedMethods: string[]; AllowedOrigins: string[] }) =>
      s3.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: [rule] } }));
    await expect(put({ AllowedMethods: ['PATCH'], AllowedOrigins: ['*'] })).rejects.toEqual(code('InvalidRequest'));
    await expect(put({ AllowedMethods: ['GET'], AllowedOrigins: ['http://*.a'] })).rejects.toEqual(
      code('NotImplemented'),
    );
    await expect(put({ AllowedMethods: [], AllowedOrigins: ['*'] })).rejects.toEqual(code('MalformedXML'));
  });
});

it('a bucket tells its region', async () => {
  expect((await s3.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint).toBeUndefined();
});

describe('versioning', () => {
  const versioned = { Bucket: 'versioned', Key: 'k' };
  const put = async (Body: string) => (await s3.send(new PutObjectCommand({ ...versioned, Body }))).VersionId ?? '';
  const read = async (VersionId?: string) =>
    (await s3.send(new GetObjectCommand({ ...versioned, VersionId }))).Body?.transformToString();
  const status = async () => (await s3.send(new GetBucketVersioningCommand({ Bucket: 'versioned' }))).Status;
  const setStatus = (Status: 'Enabled' | 'Suspended') =>
    s3.send(new PutBucketVersioningCommand({ Bucket: 'versioned', VersioningConfiguration: { Status } }));

  it('keeps what was there, by id, and lists it with its delete markers', async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'versioned' }));
    expect(await status()).toBeUndefined();
    await s3.send(new PutObjectCommand({ ...versioned, Body: 'zero' }));
    await setStatus('Enabled');
    expect(await status()).toBe('Enabled');
    const one = await put('one');
    const two = await put('two');
    expect([await read(), await read(one), await read(two)]).toEqual(['two', 'one', 'two']);
    const gone = await s3.send(new DeleteObjectCommand(versioned));
    expect(gone.DeleteMarker).toBe(true);
    await expect(read()).rejects.toEqual(code('NoSuchKey'));
    await expect(read(gone.VersionId)).rejects.toEqual(code('MethodNotAllowed'));
    await expect(read('1.00000')).rejects.toEqual(code('NoSuchVersion'));
    await expect(read('never')).rejects.toEqual(code('InvalidArgument'));
    const list = await s3.send(new ListObjectVersionsCommand({ Bucket: 'versioned' }));
    expect(list.Versions?.map(({ VersionId, IsLatest, Size }) => [VersionId, IsLatest, Size])).toEqual([
      [two, false, 3],
      [one, false, 3],
      [expect.stringMatching(/^\d+\.\d+$/), false, 4],
    ]);
    // What was there before gets an id with the first version after it, as in Swift.
    expect(await read(list.Versions?.at(-1)?.VersionId)).toBe('zero');
    expect(list.DeleteMarkers?.map(({ VersionId, IsLatest }) => [VersionId, IsLatest])).toEqual([
      [gone.VersionId, true],
    ]);
    expect((await s3.send(new ListObjectsV2Command({ Bucket: 'versioned' }))).Contents).toBeUndefined();
    await s3.send(new DeleteObjectCommand({ ...versioned, VersionId: gone.VersionId }));
    const copied = await s3.send(new CopyObjectCommand({ ...versioned, CopySource: `versioned/k?versionId=${one}` }));
    expect(copied.CopySourceVersionId).toBe(one);
    expect(await read()).toBe('one');
    await setStatus('Suspended');
    expect(await status()).toBe('Suspended');
    const Objects = [one, two].map((VersionId) => ({ Key: 'k', VersionId }));
    const removed = await s3.send(new DeleteObjectsCommand({ Bucket: 'versioned', Delete: { Objects } }));
    expect(removed.Deleted?.map(({ VersionId }) => VersionId)).toEqual([one, two]);
    await expect(read(one)).rejects.toEqual(code('NoSuchVersion'));
  });

  it('comes in pages', async () => {
    const ids: (string | undefined)[] = [];
    let marker: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
    for (let pages = 0; pages < 9; pages += 1) {
      const page = await s3.send(new ListObjectVersionsCommand({ Bucket: 'versioned', MaxKeys: 1, ...marker }));
      for (const { VersionId } of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]) ids.push(VersionId);
      if (!page.IsTruncated) break;
      marker = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
    }
    const all = await s3.send(new ListObjectVersionsCommand({ Bucket: 'versioned' }));
    expect(ids.sort()).toEqual(
      [...(all.Versions ?? []), ...(all.DeleteMarkers ?? [])].map(({ VersionId }) => VersionId).sort(),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });
});
