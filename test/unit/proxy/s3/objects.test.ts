import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { s3Client, startS3 } from '../../../support/s3/signing.ts';
import type { FakeSwift } from '../../../support/swift-fakes/fake-swift.ts';

let swift: FakeSwift;
let s3: S3Client;
beforeAll(async () => {
  ({ swift, client: s3 } = await startS3({ straight: true }));
  await s3.send(new CreateBucketCommand({ Bucket: 'photos' }));
});
afterAll(() => swift.stop());

const put = (Key: string, Body: string, more: object = {}) =>
  s3.send(new PutObjectCommand({ Bucket: 'photos', Key, Body, ...more }));
const text = async (Key: string, more: object = {}) =>
  (await s3.send(new GetObjectCommand({ Bucket: 'photos', Key, ...more }))).Body?.transformToString();
const code = (name: string) => expect.objectContaining({ name });

describe('buckets', () => {
  it('are made, found, listed and removed; they are containers of the project', async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'holiday' }));
    await s3.send(new HeadBucketCommand({ Bucket: 'holiday' }));
    expect((await swift.request('HEAD', '/holiday')).status).toBe(204);
    const { Buckets, Owner } = await s3.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toEqual(['holiday', 'photos']);
    expect(Owner?.ID).toBe('p1');
    await swift.request('PUT', '/b%20no%20bucket');
    const first = await s3.send(new ListBucketsCommand({ MaxBuckets: 1 }));
    expect(first.Buckets?.map(({ Name }) => Name)).toEqual(['holiday']);
    const { ContinuationToken } = first;
    const rest = await s3.send(new ListBucketsCommand({ MaxBuckets: 1, ContinuationToken }));
    expect(rest).toMatchObject({ Buckets: [{ Name: 'photos' }] });
    expect(rest.ContinuationToken).toBeUndefined();
    const prefixed = await s3.send(new ListBucketsCommand({ Prefix: 'h' }));
    expect(prefixed.Buckets?.map(({ Name }) => Name)).toEqual(['holiday']);
    await expect(s3.send(new ListBucketsCommand({ MaxBuckets: 10_001 }))).rejects.toEqual(code('InvalidArgument'));
    await s3.send(new DeleteBucketCommand({ Bucket: 'holiday' }));
    expect((await swift.request('HEAD', '/holiday')).status).toBe(404);
  });

  it('are refused: taken, unfit names, not there, not empty', async () => {
    await expect(s3.send(new CreateBucketCommand({ Bucket: 'photos' }))).rejects.toEqual(
      code('BucketAlreadyOwnedByYou'),
    );
    await expect(s3.send(new CreateBucketCommand({ Bucket: 'Photos' }))).rejects.toEqual(code('InvalidBucketName'));
    await expect(s3.send(new ListObjectsV2Command({ Bucket: 'nowhere' }))).rejects.toEqual(code('NoSuchBucket'));
    await put('there', 'x');
    await expect(s3.send(new DeleteBucketCommand({ Bucket: 'photos' }))).rejects.toEqual(code('BucketNotEmpty'));
    await s3.send(new DeleteObjectCommand({ Bucket: 'photos', Key: 'there' }));
  });

  it('are seen by readers and not written by them, and not by other projects', async () => {
    const reader = s3Client(swift, 'READER');
    await reader.send(new ListObjectsV2Command({ Bucket: 'photos' }));
    await expect(reader.send(new PutObjectCommand({ Bucket: 'photos', Key: 'k', Body: 'x' }))).rejects.toEqual(
      code('AccessDenied'),
    );
    const other = s3Client(swift, 'OTHER');
    await expect(other.send(new ListObjectsV2Command({ Bucket: 'photos' }))).rejects.toEqual(code('NoSuchBucket'));
  });
});

describe('objects', () => {
  it('are the same through both APIs, with metadata', async () => {
    const { ETag } = await put('a/ü b+c&d', 'hello', {
      Metadata: { color: 'blue', under_score: '1' },
      ContentType: 'text/plain',
    });
    expect(ETag).toBe('"5d41402abc4b2a76b9719d911017c592"');
    const seen = await swift.request('GET', `/photos/${encodeURIComponent('a/ü b+c&d')}`);
    expect(await seen.text()).toBe('hello');
    expect(seen.headers.get('x-object-meta-color')).toBe('blue');
    expect([...seen.headers.keys()].filter((name) => name.includes('sysmeta'))).toEqual([]);
    await swift.put('/photos/from-swift', 'there', { 'x-object-meta-color': 'red', 'content-type': 'text/x' });
    const head = await s3.send(new HeadObjectCommand({ Bucket: 'photos', Key: 'from-swift' }));
    expect(head).toMatchObject({ Metadata: { color: 'red' }, ContentType: 'text/x', ContentLength: 5 });
    const got = await s3.send(new GetObjectCommand({ Bucket: 'photos', Key: 'a/ü b+c&d' }));
    expect(got.Metadata).toEqual({ color: 'blue', under_score: '1' });
    expect(await got.Body?.transformToString()).toBe('hello');
  });

  it('tell metadata that is not ASCII in encoded words, as headers can carry them', async () => {
    const long = 'ü€😀'.repeat(20);
    const asSent = (value: string) => Buffer.from(value).toString('latin1');
    await swift.put('/photos/told', 'x', {
      'x-object-meta-short': asSent('ü'),
      'x-object-meta-long': asSent(long),
      'x-object-meta-ascii': 'a=?b',
    });
    const { Metadata } = await s3.send(new HeadObjectCommand({ Bucket: 'photos', Key: 'told' }));
    expect(Metadata).toMatchObject({ short: '=?UTF-8?B?w7w=?=', ascii: 'a=?b' });
    const words = Metadata?.['long']?.split(' ') ?? [];
    expect(words.every((word) => word.length <= 75)).toBe(true);
    const decoded = words.map((word) => Buffer.from(word.slice('=?UTF-8?B?'.length, -2), 'base64').toString());
    expect(decoded.join('')).toBe(long);
    await s3.send(new CopyObjectCommand({ Bucket: 'photos', Key: 'told again', CopySource: 'photos/told' }));
    const copied = await swift.request('HEAD', '/photos/told%20again');
    expect(Buffer.from(copied.headers.get('x-object-meta-long') ?? '', 'latin1').toString()).toBe(long);
    for (const key of ['told', 'told again']) await s3.send(new DeleteObjectCommand({ Bucket: 'photos', Key: key }));
  });

  it('are read in ranges and on conditions', async () => {
    const { ETag } = await put('ranged', '0123456789');
    expect(await text('ranged', { Range: 'bytes=2-4' })).toBe('234');
    expect(await text('ranged', { Range: 'bytes=-2' })).toBe('89');
    expect(await text('ranged', { Range: 'bytes=0-1,5-6' })).toBe('0123456789');
    expect(await text('ranged', { IfMatch: ETag })).toBe('0123456789');
    await expect(text('ranged', { Range: 'bytes=50-' })).rejects.toEqual(code('InvalidRange'));
    await expect(text('ranged', { IfMatch: '"0"' })).rejects.toEqual(code('PreconditionFailed'));
    await expect(text('ranged', { IfNoneMatch: ETag })).rejects.toMatchObject({ $metadata: { httpStatusCode: 304 } });
    await expect(put('ranged', 'x', { IfNoneMatch: '*' })).rejects.toEqual(code('PreconditionFailed'));
    await expect(put('ranged', 'x', { IfNoneMatch: ETag })).rejects.toEqual(code('NotImplemented'));
  });

  it('keep their checksum and give it back; a wrong one is refused and leaves nothing', async () => {
    for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256']) {
      const sent = await put('summed', `of ${ChecksumAlgorithm}`, { ChecksumAlgorithm });
      const field = `Checksum${ChecksumAlgorithm}` as 'ChecksumCRC32';
      expect(sent[field]).toBeDefined();
      const head = await s3.send(new HeadObjectCommand({ Bucket: 'photos', Key: 'summed', ChecksumMode: 'ENABLED' }));
      expect(head[field]).toBe(sent[field]);
      expect(head.ChecksumType).toBe('FULL_OBJECT');
    }
    await expect(put('wrong', 'x', { ChecksumCRC32: 'AAAAAA==' })).rejects.toEqual(code('BadDigest'));
    await expect(put('wrong', 'x', { ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==' })).rejects.toEqual(code('BadDigest'));
    await expect(put('wrong', 'x', { ContentMD5: 'short' })).rejects.toEqual(code('InvalidDigest'));
    await expect(text('wrong')).rejects.toEqual(code('NoSuchKey'));
  });

  it('are copied with their metadata or with fresh metadata', async () => {
    await put('source', 'copied', { Metadata: { a: '1' }, Tagging: 'k=v' });
    const copy = (Key: string, more: object = {}) =>
      s3.send(new CopyObjectCommand({ Bucket: 'photos', Key, CopySource: 'photos/source', ...more }));
    const { CopyObjectResult } = await copy('copy');
    expect(CopyObjectResult?.ETag).toBe('"ac9f7584d3fd6d49faa7bcf5e1ebec1f"');
    const head = (Key: string) => s3.send(new HeadObjectCommand({ Bucket: 'photos', Key }));
    expect(await head('copy')).toMatchObject({ Metadata: { a: '1' }, TagCount: 1 });
    await copy('fresh', { MetadataDirective: 'REPLACE', Metadata: { b: '2' } });
    expect(await head('fresh')).toMatchObject({ Metadata: { b: '2' }, TagCount: 1 });
    await copy('retagged', { TaggingDirective: 'REPLACE' });
    expect((await head('retagged')).TagCount).toBeUndefined();
    expect(await text('fresh')).toBe('copied');
    await expect(copy('source')).rejects.toEqual(code('InvalidRequest'));
    await expect(copy('x', { CopySource: 'photos/absent' })).rejects.toEqual(code('NoSuchKey'));
    await expect(copy('x', { CopySourceIfMatch: '"0"' })).rejects.toEqual(code('PreconditionFailed'));
  });

  it('are deleted, one or many, and deleting what is not there is no error', async () => {
    await put('one', '1');
    await s3.send(new DeleteObjectCommand({ Bucket: 'photos', Key: 'one' }));
    await s3.send(new DeleteObjectCommand({ Bucket: 'photos', Key: 'one' }));
    for (const key of ['m1', 'm&2', 'm 3']) await put(key, key);
    const Objects = ['m1', 'm&2', 'm 3', 'never'].map((Key) => ({ Key }));
    const result = await s3.send(new DeleteObjectsCommand({ Bucket: 'photos', Delete: { Objects } }));
    expect(result.Deleted?.map(({ Key }) => Key)).toEqual(['m1', 'm&2', 'm 3', 'never']);
    expect(result.Errors).toBeUndefined();
    await expect(text('m&2')).rejects.toEqual(code('NoSuchKey'));
  });
});

describe('a listing', () => {
  beforeAll(async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'listed' }));
    for (const Key of ['a', 'b/1', 'b/2', 'c/1', 'd', 'e f'])
      await s3.send(new PutObjectCommand({ Bucket: 'listed', Key, Body: Key }));
  });

  it('comes in pages of keys and common prefixes, by token', async () => {
    const pages: unknown[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await s3.send(
        new ListObjectsV2Command({ Bucket: 'listed', Delimiter: '/', MaxKeys: 2, ContinuationToken }),
      );
      pages.push([page.Contents?.map(({ Key }) => Key), page.CommonPrefixes?.map(({ Prefix }) => Prefix)]);
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken);
    expect(pages).toEqual([
      [['a'], ['b/']],
      [['d'], ['c/']],
      [['e f'], undefined],
    ]);
  });

  it('comes in pages of the first kind, by marker, encoded where that is asked for', async () => {
    const first = await s3.send(new ListObjectsCommand({ Bucket: 'listed', Delimiter: '/', MaxKeys: 2 }));
    expect(first).toMatchObject({ IsTruncated: true, NextMarker: 'b/', MaxKeys: 2 });
    const rest = await s3.send(new ListObjectsCommand({ Bucket: 'listed', Marker: 'd', EncodingType: 'url' }));
    expect(rest.Contents?.map(({ Key }) => Key)).toEqual(['e%20f']);
    expect(rest.Contents?.[0]).toMatchObject({ Size: 3, StorageClass: 'STANDARD', Owner: { ID: 'p1' } });
    const prefixed = await s3.send(new ListObjectsCommand({ Bucket: 'listed', Prefix: 'b/' }));
    expect(prefixed.Contents?.map(({ Key }) => Key)).toEqual(['b/1', 'b/2']);
    expect(prefixed.Contents?.[0]?.LastModified?.getMilliseconds()).toBe(0);
  });

  it('refuses tokens and sizes that are none', async () => {
    const list = (more: object) => s3.send(new ListObjectsV2Command({ Bucket: 'listed', ...more }));
    await expect(list({ ContinuationToken: '!' })).rejects.toEqual(code('InvalidArgument'));
    await expect(list({ MaxKeys: -1 })).rejects.toEqual(code('InvalidArgument'));
    expect((await list({ MaxKeys: 0 })).Contents).toBeUndefined();
    expect((await list({ StartAfter: 'd' })).KeyCount).toBe(1);
  });
});
