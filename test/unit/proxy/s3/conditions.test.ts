import { setImmediate } from 'node:timers/promises';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { askSigned } from '../../../support/s3/raw-request.ts';
import { startS3 } from '../../../support/s3/signing.ts';
import { refused } from '../../../support/swift-fakes/fake-object-store.ts';
import type { FakeSwift } from '../../../support/swift-fakes/fake-swift.ts';

let swift: FakeSwift;
let s3: S3Client;
const Bucket = 'conditional';
const code = (name: string) => expect.objectContaining({ name });
const HOUR_MS = 3_600_000;
let etag: string;
let before: Date;
let after: Date;

beforeAll(async () => {
  ({ swift, client: s3 } = await startS3());
  await s3.send(new CreateBucketCommand({ Bucket }));
});
afterAll(() => swift.stop());
afterEach(() => {
  vi.restoreAllMocks();
});
beforeEach(async () => {
  etag = await put('k', 'first');
  const { LastModified } = await s3.send(new HeadObjectCommand({ Bucket, Key: 'k' }));
  const modifiedMs = LastModified?.getTime() ?? 0;
  before = new Date(modifiedMs - HOUR_MS);
  after = new Date(modifiedMs + 1000);
});

const put = async (Key: string, Body: string, where = Bucket) =>
  (await s3.send(new PutObjectCommand({ Bucket: where, Key, Body }))).ETag ?? '';
const text = async (Key: string, more: object = {}) =>
  (await s3.send(new GetObjectCommand({ Bucket, Key, ...more }))).Body?.transformToString();

describe('a copy', () => {
  const copy = (Key: string, more: object = {}) =>
    s3.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/k`, ...more }));

  it('is made where the conditions on its source hold, and refused where they do not', async () => {
    await put('to', 'old');
    for (const more of [
      { CopySourceIfNoneMatch: etag },
      { CopySourceIfMatch: '"0"' },
      { CopySourceIfModifiedSince: after },
      { CopySourceIfUnmodifiedSince: before },
      { CopySourceIfNoneMatch: etag, CopySourceIfModifiedSince: before },
    ])
      await expect(copy('to', more)).rejects.toEqual(code('PreconditionFailed'));
    expect(await text('to')).toBe('old');
    for (const more of [
      { CopySourceIfNoneMatch: '"0"' },
      { CopySourceIfModifiedSince: before },
      { CopySourceIfUnmodifiedSince: after },
      { CopySourceIfMatch: etag, CopySourceIfUnmodifiedSince: before },
    ]) {
      await put('to', 'old');
      await copy('to', more);
      expect(await text('to')).toBe('first');
    }
  });

  it('of what has to be new is made, once', async () => {
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'new' }));
    await copy('new', { IfNoneMatch: '*' });
    expect(await text('new')).toBe('first');
    await put('k', 'second');
    await expect(copy('new', { IfNoneMatch: '*' })).rejects.toEqual(code('PreconditionFailed'));
    expect(await text('new')).toBe('first');
    await copy('newer', { IfNoneMatch: '*', CopySourceIfNoneMatch: etag });
    expect(await text('newer')).toBe('second');
  });

  it('of a part is refused in the same way', async () => {
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'in parts' }));
    const part = { Bucket, Key: 'in parts', UploadId, PartNumber: 1, CopySource: `${Bucket}/k` };
    await expect(s3.send(new UploadPartCopyCommand({ ...part, CopySourceIfNoneMatch: etag }))).rejects.toEqual(
      code('PreconditionFailed'),
    );
    const { CopyPartResult } = await s3.send(new UploadPartCopyCommand({ ...part, CopySourceIfMatch: etag }));
    expect(CopyPartResult?.ETag).toBe(etag);
  });
});

it('an upload in parts that has to be new is not completed over what is there, and can be later', async () => {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'k' }));
  const upload = { Bucket, Key: 'k', UploadId };
  const { ETag } = await s3.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: 'of parts' }));
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
  const complete = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload, IfNoneMatch: '*' });
  await expect(s3.send(complete)).rejects.toEqual(code('PreconditionFailed'));
  expect(await text('k')).toBe('first');
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'k' }));
  const wrongSize = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload, MpuObjectSize: 7 });
  await expect(s3.send(wrongSize)).rejects.toEqual(code('InvalidRequest'));
  await s3.send(complete);
  expect(await text('k')).toBe('of parts');
});

it('reading goes by the ETag where a date is said, too', async () => {
  expect(await text('k', { IfMatch: etag, IfUnmodifiedSince: before })).toBe('first');
  await expect(text('k', { IfNoneMatch: etag, IfModifiedSince: before })).rejects.toMatchObject({
    $metadata: { httpStatusCode: 304 },
  });
  expect(await text('k', { IfNoneMatch: '"0"', IfModifiedSince: after })).toBe('first');
  await expect(text('k', { IfUnmodifiedSince: before })).rejects.toEqual(code('PreconditionFailed'));
});

describe('a write that has to match', () => {
  const replace = (Body: string, IfMatch: string, Key = 'k') =>
    s3.send(new PutObjectCommand({ Bucket, Key, Body, IfMatch }));
  const begin = async (Body: string, Key = 'k', where = Bucket) => {
    const upload = { Bucket: where, Key };
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(upload));
    const { ETag } = await s3.send(new UploadPartCommand({ ...upload, UploadId, PartNumber: 1, Body }));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    return (IfMatch: string) =>
      s3.send(new CompleteMultipartUploadCommand({ ...upload, UploadId, MultipartUpload, IfMatch }));
  };
  /** Has `meanwhile` happen once, when the replicas are asked to begin a version. */
  const beforeUpload = (meanwhile: () => Promise<unknown>) => {
    let done: Promise<unknown> | undefined;
    const spies = [...swift.objects.values()].map((store) => {
      const create = store.create.bind(store);
      return vi.spyOn(store, 'create').mockImplementation(async (target, version) => {
        done ??= meanwhile();
        if (version.onlyIfUnchangedSince !== undefined) await done;
        return create(target, version);
      });
    });
    return () => {
      expect(done).toBeDefined();
      for (const spy of spies) spy.mockRestore();
    };
  };
  /** Has `work` happen, for the rest of the test, before each commit on each replica. */
  const beforeCommits = (work: () => Promise<void>) => {
    for (const store of swift.objects.values()) {
      const create = store.create.bind(store);
      vi.spyOn(store, 'create').mockImplementation(async (target, version) => {
        const upload = await create(target, version);
        const commit: typeof upload.commit = async (footer) => {
          await work();
          await upload.commit(footer);
        };
        return { ...upload, commit };
      });
    }
  };

  it('replaces what matches, and nothing else', async () => {
    await expect(replace('x', '"0"')).rejects.toEqual(code('PreconditionFailed'));
    await expect(replace('x', etag, 'never')).rejects.toEqual(code('NoSuchKey'));
    expect(await text('k')).toBe('first');
    const { ETag } = await replace('second', etag);
    expect(await text('k')).toBe('second');
    await expect(replace('x', etag)).rejects.toEqual(code('PreconditionFailed'));
    await replace('third', ETag?.replaceAll('"', '') ?? '');
    await replace('fourth', '*');
    expect(await text('k')).toBe('fourth');
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'k' }));
    for (const ifMatch of [etag, '*']) await expect(replace('x', ifMatch)).rejects.toEqual(code('NoSuchKey'));
    const both = new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', IfMatch: etag, IfNoneMatch: '*' });
    await expect(s3.send(both)).rejects.toEqual(code('NotImplemented'));
  });

  it('is a large body, too', async () => {
    const large = 'large '.repeat(50_000);
    const { ETag = '' } = await replace(large, etag);
    await expect(replace(`${large}!`, etag)).rejects.toEqual(code('PreconditionFailed'));
    expect(await text('k')).toBe(large);
    await replace('small', ETag);
    expect(await text('k')).toBe('small');
  });

  it('is a copy, too', async () => {
    const was = await put('to', 'old');
    const copy = (IfMatch: string, more: object = {}) =>
      s3.send(new CopyObjectCommand({ Bucket, Key: 'to', CopySource: `${Bucket}/k`, IfMatch, ...more }));
    await expect(copy(etag)).rejects.toEqual(code('PreconditionFailed'));
    await expect(copy(was, { CopySourceIfNoneMatch: etag })).rejects.toEqual(code('PreconditionFailed'));
    await expect(copy(was, { Key: 'never' })).rejects.toEqual(code('NoSuchKey'));
    expect(await text('to')).toBe('old');
    await copy(was, { CopySourceIfMatch: etag });
    expect(await text('to')).toBe('first');
  });

  it('is an upload in parts, too, whose ETag is that of an upload in parts', async () => {
    const complete = await begin('of parts');
    await expect(complete('"0"')).rejects.toEqual(code('PreconditionFailed'));
    expect(await text('k')).toBe('first');
    const { ETag = '' } = await complete(etag);
    expect(ETag).toMatch(/^"[0-9a-f]{32}-1"$/);
    expect(await text('k')).toBe('of parts');
    const again = await begin('of other parts');
    await expect(again(etag)).rejects.toEqual(code('PreconditionFailed'));
    await again(ETag);
    expect(await text('k')).toBe('of other parts');
    await expect(replace('x', ETag)).rejects.toEqual(code('PreconditionFailed'));
    const { ETag: newest = '' } = await s3.send(new HeadObjectCommand({ Bucket, Key: 'k' }));
    await replace('whole', newest);
    expect(await text('k')).toBe('whole');
  });

  it('is refused for what is written or deleted after it has looked', async () => {
    let restore = beforeUpload(() => put('k', 'meanwhile'));
    await expect(replace('x', etag)).rejects.toEqual(code('PreconditionFailed'));
    restore();
    expect(await text('k')).toBe('meanwhile');
    restore = beforeUpload(() => s3.send(new DeleteObjectCommand({ Bucket, Key: 'k' })));
    await expect(replace('x', '*')).rejects.toEqual(code('PreconditionFailed'));
    restore();
    await expect(text('k')).rejects.toEqual(code('NoSuchKey'));
  });

  it('wins over all that race with it, or leaves nothing, whatever order replicas hear of them in', async () => {
    let commits = 0;
    beforeCommits(async () => {
      commits += 1;
      for (let turns = (commits * 37) % 11; turns > 0; turns -= 1) await setImmediate();
    });
    for (let round = 0; round < 5; round += 1) {
      for (const condition of [{ IfMatch: etag }, { IfNoneMatch: '*' }]) {
        const Key = 'IfMatch' in condition ? 'k' : `new ${round}`;
        const bodies = Array.from({ length: 8 }, (_, index) => `of ${round} ${index}`);
        const outcomes = await Promise.allSettled(
          bodies.map((Body) => s3.send(new PutObjectCommand({ Bucket, Key, Body, ...condition }))),
        );
        const winners = bodies.filter((_, index) => outcomes[index]?.status === 'fulfilled');
        expect(winners).toHaveLength(1);
        for (const outcome of outcomes)
          if (outcome.status === 'rejected') expect(outcome.reason).toEqual(code('PreconditionFailed'));
        expect(await text(Key)).toBe(winners[0]);
        const stored = [...swift.objects.values()].flatMap(({ objects }) => [...objects]);
        for (const [name, { data }] of stored)
          if (name.endsWith(`"${Key}"]`) && data) expect(data.bytes.toString()).toBe(winners[0]);
      }
      etag = await put('k', 'first');
    }
  });

  it('goes on without a replica that cannot say whether it holds', async () => {
    let current = etag;
    for (const store of swift.objects.values()) {
      store.faults.commitFails = true;
      current = (await replace(`${current} replaced`, current)).ETag ?? '';
      store.faults.commitFails = false;
      await expect(replace('x', etag)).rejects.toEqual(code('PreconditionFailed'));
    }
    expect(new Set([current, etag]).size).toBe(2);
  });

  it('is not called refused once one replica has it', async () => {
    let commits = 0;
    beforeCommits(async () => {
      commits += 1;
      if (commits > 1) throw refused(412, 'ObjectChanged');
    });
    await expect(replace('x', etag)).rejects.toEqual(code('ServiceUnavailable'));
    expect(commits).toBe(3);
  });

  it('leaves no version where versions are kept and another write was faster', async () => {
    const kept = { Bucket: 'matching-versions', Key: 'k' };
    await s3.send(new CreateBucketCommand(kept));
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await s3.send(new PutBucketVersioningCommand({ Bucket: kept.Bucket, VersioningConfiguration }));
    const was = await put('k', 'older', kept.Bucket);
    const bodies = ['a', 'b', 'c', 'd'];
    const outcomes = await Promise.allSettled(
      bodies.map((Body) => s3.send(new PutObjectCommand({ ...kept, Body, IfMatch: was }))),
    );
    const winners = bodies.filter((_, index) => outcomes[index]?.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    const { Body } = await s3.send(new GetObjectCommand(kept));
    expect(await Body?.transformToString()).toBe(winners[0]);
    const { Versions } = await s3.send(new ListObjectVersionsCommand({ Bucket: kept.Bucket }));
    expect(Versions).toHaveLength(2);
    const complete = await begin('of parts', 'k', kept.Bucket);
    await expect(complete(was)).rejects.toEqual(code('PreconditionFailed'));
    await complete(outcomes.flatMap((each) => (each.status === 'fulfilled' ? (each.value.ETag ?? '') : [])).join());
  });
});

describe('a DELETE', () => {
  const remove = (Key: string, IfMatch: string) => s3.send(new DeleteObjectCommand({ Bucket, Key, IfMatch }));

  it('that has to match takes what matches, and nothing else', async () => {
    await expect(remove('k', '"0"')).rejects.toEqual(code('PreconditionFailed'));
    expect(await text('k')).toBe('first');
    await remove('k', etag);
    await expect(text('k')).rejects.toEqual(code('NoSuchKey'));
    await expect(remove('k', etag)).rejects.toEqual(code('NoSuchKey'));
    await expect(remove('k', '*')).rejects.toEqual(code('NoSuchKey'));
    await put('k', 'again');
    await remove('k', '*');
    await expect(text('k')).rejects.toEqual(code('NoSuchKey'));
  });

  it('leaves what is written after it has looked', async () => {
    const stores = [...swift.objects.values()];
    let written: Promise<string> | undefined;
    const spies = stores.map((store) => {
      const remove = store.remove.bind(store);
      return vi.spyOn(store, 'remove').mockImplementation(async (target, removal) => {
        written ??= put('k', 'meanwhile');
        await written;
        return remove(target, removal);
      });
    });
    await expect(remove('k', etag)).rejects.toEqual(code('PreconditionFailed'));
    for (const spy of spies) spy.mockRestore();
    expect(written).toBeDefined();
    expect(await text('k')).toBe('meanwhile');
  });

  it('of many says of each whether it matched', async () => {
    await put('other', 'x');
    const Objects = [
      { Key: 'k', ETag: etag },
      { Key: 'other', ETag: '"0"' },
      { Key: 'never', ETag: '"0"' },
    ];
    const { Deleted, Errors } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect(Deleted?.map(({ Key }) => Key)).toEqual(['k']);
    expect(Errors?.map(({ Key, Code }) => [Key, Code])).toEqual([
      ['other', 'PreconditionFailed'],
      ['never', 'NoSuchKey'],
    ]);
    expect(await text('other')).toBe('x');
  });

  it('leaves a marker where versions are kept', async () => {
    const kept = { Bucket: 'conditional-versions', Key: 'k' };
    await s3.send(new CreateBucketCommand(kept));
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await s3.send(new PutBucketVersioningCommand({ Bucket: kept.Bucket, VersioningConfiguration }));
    await put('k', 'older', kept.Bucket);
    const newest = await put('k', 'newer', kept.Bucket);
    await expect(s3.send(new DeleteObjectCommand({ ...kept, IfMatch: etag }))).rejects.toEqual(
      code('PreconditionFailed'),
    );
    const { DeleteMarker } = await s3.send(new DeleteObjectCommand({ ...kept, IfMatch: newest }));
    expect(DeleteMarker).toBe(true);
    const { Versions, DeleteMarkers } = await s3.send(new ListObjectVersionsCommand({ Bucket: kept.Bucket }));
    expect([Versions?.length, DeleteMarkers?.map(({ IsLatest }) => IsLatest)]).toEqual([2, [true]]);
    const VersionId = Versions?.[0]?.VersionId;
    await expect(s3.send(new DeleteObjectCommand({ ...kept, VersionId, IfMatch: newest }))).rejects.toEqual(
      code('NotImplemented'),
    );
  });

  it('on a size or a time is refused', async () => {
    for (const [name, value] of [
      ['x-amz-if-match-size', '5'],
      ['x-amz-if-match-last-modified-time', 'Sat, 21 Nov 2026 12:00:00 GMT'],
    ] as const)
      expect(
        await askSigned(swift, { method: 'DELETE', path: '/conditional/k', headers: { [name]: value } }),
      ).toMatchObject({ status: 501, code: 'NotImplemented' });
    const Objects = [{ Key: 'k', Size: 5 }];
    await expect(s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))).rejects.toEqual(
      code('NotImplemented'),
    );
    expect(await text('k')).toBe('first');
  });
});

it('what names a part of a bucket or object that there is not changes nothing of the whole', async () => {
  await swift.request('PUT', '/empty');
  for (const [method, path] of [
    ['PUT', '/conditional/k?renameObject='],
    ['PUT', '/conditional/k?encryption='],
    ['DELETE', '/empty?metadataConfiguration='],
    ['DELETE', '/empty?metadataTable='],
    ['PUT', '/empty?abac='],
  ] as const)
    expect(await askSigned(swift, { method, path })).toMatchObject({ status: 501, code: 'NotImplemented' });
  expect(await text('k')).toBe('first');
  expect((await swift.request('HEAD', '/empty')).status).toBe(204);
});
