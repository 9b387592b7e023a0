import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startS3 } from '../../../support/s3/signing.ts';
import { rootSecrets } from '../../../support/swift-fakes/root-secrets.ts';

const Bucket = 'sealed';
let there: Awaited<ReturnType<typeof startS3>>;
beforeAll(async () => {
  there = await startS3({ deps: { rootSecrets: rootSecrets(['one']) } });
  await there.client.send(new CreateBucketCommand({ Bucket }));
});
afterAll(() => there.swift.stop());

it('objects that are encrypted at rest have the ETags, checksums, ranges and listings of plain ones', async () => {
  const s3 = there.client;
  const object = { Bucket, Key: 'k' };
  const { ETag } = await s3.send(new PutObjectCommand({ ...object, Body: 'hello', ChecksumAlgorithm: 'SHA256' }));
  expect(ETag).toBe('"5d41402abc4b2a76b9719d911017c592"');
  const got = await s3.send(new GetObjectCommand({ ...object, Range: 'bytes=1-3', IfMatch: ETag }));
  expect(await got.Body?.transformToString()).toBe('ell');
  const head = await s3.send(new HeadObjectCommand({ ...object, ChecksumMode: 'ENABLED' }));
  expect(head.ChecksumSHA256).toBe('LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=');
  await s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/k` }));
  const upload = { Bucket, Key: 'parts' };
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand(upload));
  const part = await s3.send(new UploadPartCommand({ ...upload, UploadId, PartNumber: 1, Body: 'hello' }));
  const Parts = [{ PartNumber: 1, ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32 }];
  const done = await s3.send(new CompleteMultipartUploadCommand({ ...upload, UploadId, MultipartUpload: { Parts } }));
  expect(done.ETag).toMatch(/^"[0-9a-f]{32}-1"$/);
  const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket }));
  expect(Contents?.map(({ Key, ETag: etag, Size }) => [Key, etag, Size])).toEqual([
    ['copy', ETag, 5],
    ['k', ETag, 5],
    ['parts', done.ETag, 5],
  ]);
  const whole = await s3.send(new GetObjectCommand({ ...upload, IfMatch: done.ETag }));
  expect(await whole.Body?.transformToString()).toBe('hello');
  for (const matching of [ETag, done.ETag]) {
    const Key = matching === ETag ? 'k' : 'parts';
    const replace = (IfMatch: string | undefined) =>
      s3.send(new PutObjectCommand({ Bucket, Key, Body: 'hello', IfMatch }));
    await expect(replace('"0"')).rejects.toMatchObject({ name: 'PreconditionFailed' });
    expect((await replace(matching)).ETag).toBe(ETag);
  }
  await s3.send(
    new PutObjectCommand({ ...object, Body: 'hello', ChecksumAlgorithm: 'SHA256', Tagging: 'mood=private' }),
  );
  expect((await s3.send(new GetObjectTaggingCommand(object))).TagSet).toEqual([{ Key: 'mood', Value: 'private' }]);
  await s3.send(new PutObjectTaggingCommand({ ...object, Tagging: { TagSet: [{ Key: 'mood', Value: 'angry' }] } }));
  const again = await s3.send(new HeadObjectCommand({ ...object, ChecksumMode: 'ENABLED' }));
  expect(again).toMatchObject({ ChecksumSHA256: head.ChecksumSHA256, TagCount: 1 });
  // Nothing on any device tells of the text or of its tags.
  const stored = [...there.swift.objects.values()].flatMap((store) => [...store.objects.values()]);
  const kept = JSON.stringify(
    stored.map(({ data, change }) => [data?.fixedMetadata, data?.version.metadata, change?.metadata]),
  );
  expect(kept).toContain('x-object-sysmeta-crypto-s3-checksum-sha256');
  for (const plain of [head.ChecksumSHA256, done.ETag, part.ChecksumCRC32, 'mood', 'private', 'angry'])
    expect(kept).not.toContain(plain?.replaceAll('"', ''));
});
