import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  GetObjectLegalHoldCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  type ObjectLockRetention,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readContainerInfo } from '../../../../proxy/actions/read-listing.ts';
import { Lifecycle } from '../../../../proxy/daemons/lifecycle.ts';
import { createPipelines } from '../../../../proxy/pipeline.ts';
import { askSigned } from '../../../support/s3/raw-request.ts';
import { s3Client, startS3 } from '../../../support/s3/signing.ts';
import { ALL_OURS } from '../../../support/swift-fakes/duties.ts';
import type { FakeSwift } from '../../../support/swift-fakes/fake-swift.ts';

const DAY_MS = 86_400_000;
const Bucket = 'locked';
const object = { Bucket, Key: 'k' };

let swift: FakeSwift;
let s3: S3Client;

beforeEach(async () => {
  ({ swift, client: s3 } = await startS3({ config: { s3: { domain: '', region: 'us-east-1', min_segment_size: 1 } } }));
  await s3.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
});

afterEach(() => swift.stop());

const code = (name: string) => expect.objectContaining({ name });
const inDays = (days: number) => new Date(Math.ceil(swift.nowMs) + days * DAY_MS);
const put = async (more: Partial<PutObjectCommandInput> = {}) =>
  String((await s3.send(new PutObjectCommand({ ...object, Body: 'x', ...more }))).VersionId);
const remove = (VersionId: string, BypassGovernanceRetention?: boolean) =>
  s3.send(new DeleteObjectCommand({ ...object, VersionId, BypassGovernanceRetention }));
const retain = (Retention: ObjectLockRetention, BypassGovernanceRetention?: boolean) =>
  s3.send(new PutObjectRetentionCommand({ ...object, Retention, BypassGovernanceRetention }));
const hold = (Status: 'ON' | 'OFF') => s3.send(new PutObjectLegalHoldCommand({ ...object, LegalHold: { Status } }));
const retentionNow = async (VersionId?: string) =>
  (await s3.send(new GetObjectRetentionCommand({ ...object, VersionId }))).Retention;
const configure = (DefaultRetention?: { Mode: 'GOVERNANCE' | 'COMPLIANCE'; Days?: number; Years?: number }) =>
  s3.send(
    new PutObjectLockConfigurationCommand({
      Bucket,
      ObjectLockConfiguration: {
        ObjectLockEnabled: 'Enabled',
        ...(DefaultRetention ? { Rule: { DefaultRetention } } : {}),
      },
    }),
  );
const compliance = (days = 2) => ({
  ObjectLockMode: 'COMPLIANCE' as const,
  ObjectLockRetainUntilDate: inDays(days),
});

describe('a bucket for locked objects', () => {
  it('says so, with its default retention, and keeps versions for good', async () => {
    const read = async () => (await s3.send(new GetObjectLockConfigurationCommand({ Bucket }))).ObjectLockConfiguration;
    expect(await read()).toEqual({ ObjectLockEnabled: 'Enabled' });
    const DefaultRetention = { Mode: 'GOVERNANCE', Days: 3 } as const;
    await configure(DefaultRetention);
    expect(await read()).toEqual({ ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention } });
    const VersioningConfiguration = { Status: 'Suspended' } as const;
    const suspend = s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    await expect(suspend).rejects.toEqual(code('InvalidBucketState'));
    const bySwift = await swift.request('POST', `/${Bucket}`, { headers: { 'x-versions-enabled': 'false' } });
    expect(bySwift.status).toBe(409);
  });

  it('can be made of one that keeps versions, and of no other', async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'other' }));
    const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled' } as const;
    const enable = () => s3.send(new PutObjectLockConfigurationCommand({ Bucket: 'other', ObjectLockConfiguration }));
    await expect(enable()).rejects.toEqual(code('InvalidBucketState'));
    await expect(s3.send(new GetObjectLockConfigurationCommand({ Bucket: 'other' }))).rejects.toEqual(
      code('ObjectLockConfigurationNotFoundError'),
    );
    const target = { ...object, Bucket: 'other' };
    await expect(s3.send(new PutObjectCommand({ ...target, Body: 'x', ...compliance() }))).rejects.toEqual(
      code('InvalidRequest'),
    );
    await s3.send(new PutObjectCommand({ ...target, Body: 'x' }));
    await expect(s3.send(new GetObjectRetentionCommand(target))).rejects.toEqual(code('InvalidRequest'));
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await s3.send(new PutBucketVersioningCommand({ Bucket: 'other', VersioningConfiguration }));
    await enable();
    // From before versions: it has no id.
    const Retention = { Mode: 'COMPLIANCE', RetainUntilDate: inDays(1) } as const;
    await expect(s3.send(new PutObjectRetentionCommand({ ...target, Retention }))).rejects.toEqual(
      code('InvalidRequest'),
    );
  });

  it.each([
    ['<ObjectLockConfiguration/>', 'MalformedXML'],
    [rule('<Mode>GOVERNANCE</Mode>'), 'MalformedXML'],
    [rule('<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>'), 'MalformedXML'],
    [rule('<Mode>OTHER</Mode><Days>1</Days>'), 'MalformedXML'],
    [rule('<Mode>GOVERNANCE</Mode><Days>soon</Days>'), 'MalformedXML'],
    [rule('<Mode>GOVERNANCE</Mode><Days>0</Days>'), 'InvalidArgument'],
    [rule('<Mode>GOVERNANCE</Mode><Days>36501</Days>'), 'InvalidArgument'],
    [rule('<Mode>GOVERNANCE</Mode><Years>101</Years>'), 'InvalidArgument'],
  ])('refuses %s', async (body, expected) => {
    expect((await askSigned(swift, { method: 'PUT', path: `/${Bucket}?object-lock=`, body })).code).toBe(expected);
  });

  function rule(inner: string): string {
    return `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>${inner}</DefaultRetention></Rule></ObjectLockConfiguration>`;
  }

  it('is removed when it is empty, and leaves nothing', async () => {
    const VersionId = await put();
    await hold('ON');
    await expect(s3.send(new DeleteBucketCommand({ Bucket }))).rejects.toEqual(code('BucketNotEmpty'));
    await hold('OFF');
    await remove(VersionId);
    await s3.send(new DeleteBucketCommand({ Bucket }));
    const { cluster } = swift.services;
    for (const name of [`/locks/${Bucket}`, `/versions/${Bucket}`, `${Bucket}+segments`])
      expect(await readContainerInfo(cluster, 'AUTH_p1', name)).toBeUndefined();
  });
});

describe('a version that is retained', () => {
  it('in compliance is removed by nobody before its time, in neither dialect', async () => {
    const VersionId = await put(compliance());
    expect(await retentionNow()).toMatchObject({ Mode: 'COMPLIANCE' });
    await expect(remove(VersionId)).rejects.toThrow('protected by object lock');
    await expect(remove(VersionId, true)).rejects.toEqual(code('AccessDenied'));
    const many = await s3.send(
      new DeleteObjectsCommand({
        Bucket,
        Delete: { Objects: [{ Key: 'k', VersionId }] },
        BypassGovernanceRetention: true,
      }),
    );
    expect(many.Errors).toMatchObject([{ Code: 'AccessDenied' }]);
    const bySwift = await swift.request('DELETE', `/${Bucket}/k?version-id=${VersionId}`, {
      headers: { 'x-backend-bypass-governance': 'true' },
    });
    expect(bySwift.status).toBe(403);
    expect(await (await s3.send(new GetObjectCommand(object))).Body?.transformToString()).toBe('x');
    await s3.send(new DeleteObjectCommand(object));
    expect((await s3.send(new HeadObjectCommand({ ...object, VersionId }))).ObjectLockMode).toBe('COMPLIANCE');
    swift.nowMs += 3 * DAY_MS;
    expect((await swift.request('DELETE', `/${Bucket}/k?version-id=${VersionId}`)).status).toBe(204);
  });

  it('in governance is removed by who says so, through S3', async () => {
    const VersionId = await put({ ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: inDays(2) });
    await expect(remove(VersionId)).rejects.toEqual(code('AccessDenied'));
    await remove(VersionId, true);
    await expect(s3.send(new HeadObjectCommand({ ...object, VersionId }))).rejects.toThrow();
  });

  it('keeps its lock when Swift’s dialect changes its metadata', async () => {
    const VersionId = await put(compliance());
    const headers = { 'x-object-meta-a': 'b', 'x-delete-after': '1', 'x-object-sysmeta-s3-lock': '{}' };
    await swift.request('POST', `/${Bucket}/k`, { headers });
    await expect(remove(VersionId)).rejects.toEqual(code('AccessDenied'));
    expect(await retentionNow(VersionId)).toMatchObject({ Mode: 'COMPLIANCE' });
  });

  it('is retained for longer, and for shorter only past governance', async () => {
    await put({ ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: inDays(5) });
    const governance = (days: number) => ({ Mode: 'GOVERNANCE', RetainUntilDate: inDays(days) }) as const;
    await expect(retain(governance(2))).rejects.toEqual(code('AccessDenied'));
    await expect(retain({})).rejects.toEqual(code('AccessDenied'));
    await retain(governance(9));
    await retain(governance(2), true);
    await retain({}, true);
    await expect(retentionNow()).rejects.toEqual(code('NoSuchObjectLockConfiguration'));
    await retain({ Mode: 'COMPLIANCE', RetainUntilDate: inDays(2) });
    await expect(retain(governance(9), true)).rejects.toEqual(code('AccessDenied'));
    await expect(retain({}, true)).rejects.toEqual(code('AccessDenied'));
    const later = inDays(9);
    await retain({ Mode: 'COMPLIANCE', RetainUntilDate: later });
    expect(await retentionNow()).toEqual({ Mode: 'COMPLIANCE', RetainUntilDate: later });
  });

  it('by its bucket’s default, whoever writes it, but not a copy’s source’s', async () => {
    const free = await put();
    await configure({ Mode: 'COMPLIANCE', Years: 1 });
    await remove(free);
    const byS3 = await put();
    const until = (await retentionNow(byS3))?.RetainUntilDate?.getTime() ?? 0;
    expect(Math.abs(until - swift.nowMs - 365 * DAY_MS)).toBeLessThan(DAY_MS);
    const bySwift = (await swift.put(`/${Bucket}/k`, 'y')).headers.get('x-object-version-id') ?? '';
    await expect(remove(bySwift)).rejects.toEqual(code('AccessDenied'));
    await configure();
    const copied = await s3.send(
      new CopyObjectCommand({ ...object, CopySource: `${Bucket}/k`, MetadataDirective: 'REPLACE' }),
    );
    await remove(String(copied.VersionId));
  });

  it('under a legal hold is kept until that is taken away', async () => {
    const VersionId = await put();
    await expect(s3.send(new GetObjectLegalHoldCommand(object))).rejects.toEqual(code('NoSuchObjectLockConfiguration'));
    await hold('ON');
    expect((await s3.send(new GetObjectLegalHoldCommand(object))).LegalHold?.Status).toBe('ON');
    expect((await s3.send(new HeadObjectCommand(object))).ObjectLockLegalHoldStatus).toBe('ON');
    await expect(remove(VersionId, true)).rejects.toEqual(code('AccessDenied'));
    await hold('OFF');
    await remove(VersionId);
    const held = await put({ ObjectLockLegalHoldStatus: 'ON' });
    await expect(remove(held)).rejects.toEqual(code('AccessDenied'));
  });

  it('stays when what is said of it cannot be read', async () => {
    const VersionId = await put();
    for (const store of swift.objects.values())
      Object.assign(store, { open: async () => Promise.reject(new Error('unreadable')) });
    await expect(remove(VersionId)).rejects.toEqual(code('ServiceUnavailable'));
  });

  it('is not removed by the rules of its bucket', async () => {
    const VersionId = await put(compliance(100));
    await put();
    await s3.send(
      new PutBucketLifecycleConfigurationCommand({
        Bucket,
        LifecycleConfiguration: {
          Rules: [{ Status: 'Enabled', Filter: { Prefix: '' }, NoncurrentVersionExpiration: { NoncurrentDays: 1 } }],
        },
      }),
    );
    const { cluster, containers, config } = swift.services;
    const clock = { nowMs: () => swift.nowMs + 5 * DAY_MS };
    const lifecycle = new Lifecycle({
      cluster: { ...cluster, clock },
      duty: ALL_OURS,
      services: {
        objects: createPipelines(swift.services).s3,
        containers,
        clock,
        region: '',
        leastPartBytes: 1,
        isOwner: async () => true,
        noteLifecycle: async () => undefined,
      },
      logger: pino({ level: 'silent' }),
      operatorRole: config.operator_roles[0] ?? '',
      intervalMs: 1_000_000,
    });
    expect(await lifecycle.round()).toEqual({ removed: 0, outdated: 1, failed: 0 });
    expect(await retentionNow(VersionId)).toMatchObject({ Mode: 'COMPLIANCE' });
  });

  it('keeps its parts, which Swift’s dialect does not touch', async () => {
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...object, ...compliance() }));
    const part = await s3.send(new UploadPartCommand({ ...object, UploadId, PartNumber: 1, Body: 'abc' }));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: part.ETag }] };
    const { VersionId } = await s3.send(new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload }));
    const path = `/${Bucket}+segments/k/${UploadId}/1`;
    expect((await swift.request('DELETE', path)).status).toBe(403);
    expect((await swift.put(path, 'other')).status).toBe(403);
    expect((await swift.request('POST', path, { headers: { 'x-delete-after': '1' } })).status).toBe(403);
    expect((await swift.request('DELETE', `/${Bucket}/k?multipart-manifest=delete&async=true`)).status).toBe(403);
    await swift.request('DELETE', `/${Bucket}/k?multipart-manifest=delete`);
    await expect(remove(String(VersionId))).rejects.toEqual(code('AccessDenied'));
    const read = await s3.send(new GetObjectCommand({ ...object, VersionId }));
    expect(await read.Body?.transformToString()).toBe('abc');
    swift.nowMs += 3 * DAY_MS;
    expect((await swift.request('DELETE', `/${Bucket}/k?version-id=${VersionId}`)).status).toBe(204);
  });

  it.each(['k', 'other'])('keeps its parts when a copy of its manifest is removed, of the name %s', async (Key) => {
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(object));
    const part = await s3.send(new UploadPartCommand({ ...object, UploadId, PartNumber: 1, Body: 'abc' }));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: part.ETag }] };
    const { VersionId } = await s3.send(new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload }));
    await hold('ON');
    const copied = await swift.request('PUT', `/${Bucket}/${Key}?multipart-manifest=get`, {
      headers: { 'x-copy-from': `/${Bucket}/k` },
    });
    expect(copied.status).toBe(201);
    const copy = String((await s3.send(new HeadObjectCommand({ Bucket, Key }))).VersionId);
    expect(copy).not.toBe(VersionId);
    await s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId: copy }));
    const read = await s3.send(new GetObjectCommand({ ...object, VersionId }));
    expect(await read.Body?.transformToString()).toBe('abc');
  });
});

describe('what is said of locks', () => {
  it('is refused where it cannot be', async () => {
    await expect(put({ ObjectLockMode: 'COMPLIANCE' })).rejects.toEqual(code('InvalidArgument'));
    await expect(put({ ...compliance(-1) })).rejects.toEqual(code('InvalidArgument'));
    await expect(put({ ...compliance(), ObjectLockMode: 'OTHER' as 'COMPLIANCE' })).rejects.toEqual(
      code('InvalidArgument'),
    );
    await expect(put({ ObjectLockLegalHoldStatus: 'on' as 'ON' })).rejects.toEqual(code('InvalidArgument'));
    await put();
    await expect(retain({ Mode: 'COMPLIANCE' })).rejects.toEqual(code('MalformedXML'));
    await expect(hold('on' as 'ON')).rejects.toEqual(code('MalformedXML'));
    const body = '<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>soon</RetainUntilDate></Retention>';
    const refused = await askSigned(swift, { method: 'PUT', path: `/${Bucket}/k?retention=`, body });
    expect(refused.code).toBe('InvalidArgument');
    await expect(s3.send(new GetObjectRetentionCommand({ ...object, Key: 'absent' }))).rejects.toEqual(
      code('NoSuchKey'),
    );
  });

  it('is the business of who may write', async () => {
    await put();
    const Retention = { Mode: 'COMPLIANCE', RetainUntilDate: inDays(1) } as const;
    const byReader = s3Client(swift, 'READER').send(new PutObjectRetentionCommand({ ...object, Retention }));
    await expect(byReader).rejects.toEqual(code('AccessDenied'));
    await expect(retentionNow()).rejects.toEqual(code('NoSuchObjectLockConfiguration'));
  });
});
