import { createHash, randomBytes } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startS3 } from '../../../support/s3/signing.ts';
import type { FakeSwift } from '../../../support/swift-fakes/fake-swift.ts';

let swift: FakeSwift;
let s3: S3Client;
const first = randomBytes(10_000);
const second = randomBytes(1000);
const whole = Buffer.concat([first, second]);
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest();
const wholeEtag = `"${createHash('md5').update(md5(first)).update(md5(second)).digest('hex')}-2"`;
const code = (name: string) => expect.objectContaining({ name });

beforeAll(async () => {
  ({ swift, client: s3 } = await startS3({
    config: { s3: { domain: '', region: 'us-east-1', min_segment_size: first.length } },
  }));
  await s3.send(new CreateBucketCommand({ Bucket: 'big' }));
});
afterAll(() => swift.stop());

async function begin(Key: string, more: object = {}) {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket: 'big', Key, ...more }));
  const what = { Bucket: 'big', Key, UploadId };
  return {
    what,
    part: async (PartNumber: number, Body: Uint8Array, extra: object = {}) => ({
      PartNumber,
      ...(await s3.send(new UploadPartCommand({ ...what, PartNumber, Body, ...extra }))),
    }),
    complete: (Parts: object[], extra: object = {}) =>
      s3.send(new CompleteMultipartUploadCommand({ ...what, MultipartUpload: { Parts }, ...extra })),
  };
}

const partNames = async () => (await swift.text('/big+segments')).split('\n').filter(Boolean);
const read = async (Key: string, more: object = {}) =>
  (await s3.send(new GetObjectCommand({ Bucket: 'big', Key, ...more }))).Body?.transformToByteArray();

describe('an upload in parts', () => {
  it('becomes one object, the same through both APIs, with the ETag that S3 gives it', async () => {
    const upload = await begin('film', { Metadata: { a: '1' }, ContentType: 'video/x' });
    const parts = [await upload.part(1, first), await upload.part(2, second)];
    expect((await upload.complete(parts)).ETag).toBe(wholeEtag);
    expect(whole.equals((await read('film')) ?? new Uint8Array())).toBe(true);
    expect(Buffer.from((await read('film', { Range: 'bytes=9990-10009' })) ?? [])).toEqual(whole.subarray(9990, 10010));
    const part = await s3.send(new GetObjectCommand({ Bucket: 'big', Key: 'film', PartNumber: 2 }));
    expect(part).toMatchObject({ PartsCount: 2, ContentRange: 'bytes 10000-10999/11000', ETag: wholeEtag });
    expect(second.equals((await part.Body?.transformToByteArray()) ?? new Uint8Array())).toBe(true);
    const partHead = await s3.send(new HeadObjectCommand({ Bucket: 'big', Key: 'film', PartNumber: 1 }));
    expect(partHead).toMatchObject({ PartsCount: 2, ContentLength: first.length });
    await expect(read('film', { PartNumber: 3 })).rejects.toEqual(code('InvalidPartNumber'));
    await expect(read('film', { PartNumber: 1, Range: 'bytes=0-1' })).rejects.toEqual(code('InvalidRequest'));
    const head = await s3.send(new HeadObjectCommand({ Bucket: 'big', Key: 'film', IfMatch: wholeEtag }));
    expect(head).toMatchObject({
      ETag: wholeEtag,
      ContentLength: whole.length,
      Metadata: { a: '1' },
      ContentType: 'video/x',
    });
    const listed = await s3.send(new ListObjectsV2Command({ Bucket: 'big', Prefix: 'film' }));
    expect(listed.Contents).toEqual([expect.objectContaining({ ETag: wholeEtag, Size: whole.length })]);
    const attributes = await s3.send(
      new GetObjectAttributesCommand({
        Bucket: 'big',
        Key: 'film',
        ObjectAttributes: ['ETag', 'ObjectSize', 'ObjectParts', 'Checksum'],
      }),
    );
    expect(attributes).toMatchObject({ ETag: wholeEtag.replaceAll('"', ''), ObjectSize: whole.length });
    expect(attributes.ObjectParts?.TotalPartsCount).toBe(2);
    const seen = await swift.request('GET', '/big/film');
    expect(whole.equals(Buffer.from(await seen.arrayBuffer()))).toBe(true);
    const rows = JSON.parse(await swift.text('/big?format=json')) as Record<string, string>[];
    expect(rows[0]).toMatchObject({ s3_etag: wholeEtag, hash: expect.stringMatching(/^[0-9a-f]{32}$/) });
    // Asked for again, by who has not heard the answer.
    expect((await upload.complete(parts)).ETag).toBe(wholeEtag);
    expect(await partNames()).toHaveLength(2);
  });

  it('takes its parts along when it is deleted or overwritten', async () => {
    for (const end of [
      () => s3.send(new DeleteObjectCommand({ Bucket: 'big', Key: 'gone' })),
      () => s3.send(new PutObjectCommand({ Bucket: 'big', Key: 'gone', Body: 'small' })),
    ]) {
      const before = await partNames();
      const upload = await begin('gone');
      await upload.complete([await upload.part(1, second)]);
      expect(await partNames()).toHaveLength(before.length + 1);
      await end();
      expect(await partNames()).toEqual(before);
    }
  });

  it('has the checksum of its parts or of the whole', async () => {
    const composite = await begin('composite', { ChecksumAlgorithm: 'SHA256' });
    const sha = { ChecksumAlgorithm: 'SHA256' };
    const done = await composite.complete([await composite.part(1, first, sha), await composite.part(2, second, sha)]);
    const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
    const expected = `${sha256(Buffer.concat([sha256(first), sha256(second)])).toString('base64')}-2`;
    expect(done).toMatchObject({ ChecksumSHA256: expected, ChecksumType: 'COMPOSITE' });
    for (const [algorithm, type] of [
      ['CRC64NVME', 'FULL_OBJECT'],
      ['CRC32', 'FULL_OBJECT'],
      ['CRC32C', 'FULL_OBJECT'],
    ] as const) {
      const one = await s3.send(
        new PutObjectCommand({ Bucket: 'big', Key: 'one', Body: whole, ChecksumAlgorithm: algorithm }),
      );
      const upload = await begin('sum', { ChecksumAlgorithm: algorithm, ChecksumType: type });
      const crc = { ChecksumAlgorithm: algorithm };
      await upload.complete([await upload.part(1, first, crc), await upload.part(2, second, crc)]);
      const head = await s3.send(new HeadObjectCommand({ Bucket: 'big', Key: 'sum', ChecksumMode: 'ENABLED' }));
      const field = `Checksum${algorithm}` as const;
      expect(head[field]).toBe(one[field]);
      expect(head.ChecksumType).toBe('FULL_OBJECT');
    }
  });

  it('is refused with parts that are absent, too small or in disorder, and goes on after that', async () => {
    const upload = await begin('picky');
    const small = await upload.part(1, second);
    const last = await upload.part(2, second);
    await expect(upload.complete([small, last])).rejects.toEqual(code('EntityTooSmall'));
    await expect(upload.complete([last, small])).rejects.toEqual(code('InvalidPartOrder'));
    await expect(upload.complete([{ ...small, PartNumber: 7 }])).rejects.toEqual(code('InvalidPart'));
    await expect(upload.complete([{ ...small, ETag: '"0123456789abcdef0123456789abcdef"' }])).rejects.toEqual(
      code('InvalidPart'),
    );
    await expect(upload.complete([])).rejects.toEqual(code('MalformedXML'));
    await upload.complete([small]);
    await expect(upload.part(3, second)).rejects.toEqual(code('NoSuchUpload'));
    await expect(upload.part(0, second)).rejects.toEqual(code('InvalidArgument'));
  });

  it('is listed with its parts until it is ended', async () => {
    const upload = await begin('dir/ended');
    await upload.part(2, second);
    await upload.part(10, second);
    const list = (more: object = {}) => s3.send(new ListPartsCommand({ ...upload.what, ...more }));
    expect((await list()).Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
      [2, 1000],
      [10, 1000],
    ]);
    expect(await list({ MaxParts: 1 })).toMatchObject({ IsTruncated: true, NextPartNumberMarker: '2' });
    const uploads = await s3.send(new ListMultipartUploadsCommand({ Bucket: 'big' }));
    expect(uploads.Uploads?.map(({ Key }) => Key)).toContain('dir/ended');
    const rolled = await s3.send(new ListMultipartUploadsCommand({ Bucket: 'big', Delimiter: '/' }));
    expect(rolled.CommonPrefixes).toEqual([{ Prefix: 'dir/' }]);
    await s3.send(new AbortMultipartUploadCommand(upload.what));
    await expect(list()).rejects.toEqual(code('NoSuchUpload'));
    await expect(s3.send(new AbortMultipartUploadCommand(upload.what))).rejects.toEqual(code('NoSuchUpload'));
    expect((await partNames()).filter((name) => name.startsWith('dir/'))).toEqual([]);
  });

  it('takes parts of other objects, whole or in part', async () => {
    await s3.send(new PutObjectCommand({ Bucket: 'big', Key: 'source', Body: whole }));
    const upload = await begin('pieced');
    const copy = async (PartNumber: number, range: string) => {
      const { CopyPartResult } = await s3.send(
        new UploadPartCopyCommand({ ...upload.what, PartNumber, CopySource: 'big/source', CopySourceRange: range }),
      );
      return { PartNumber, ETag: CopyPartResult?.ETag };
    };
    await expect(copy(1, 'bytes=0-99999999')).rejects.toEqual(code('InvalidArgument'));
    await upload.complete([
      await copy(1, `bytes=0-${first.length - 1}`),
      await copy(2, `bytes=${first.length}-${whole.length - 1}`),
    ]);
    expect(whole.equals((await read('pieced')) ?? new Uint8Array())).toBe(true);
  });

  it('goes with its bucket, where nobody ended it', async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'left' }));
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket: 'left', Key: 'k' }));
    await s3.send(new UploadPartCommand({ Bucket: 'left', Key: 'k', UploadId, PartNumber: 1, Body: 'x' }));
    await s3.send(new DeleteBucketCommand({ Bucket: 'left' }));
    expect((await swift.request('HEAD', '/left+segments')).status).toBe(404);
  });
});
