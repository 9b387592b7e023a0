import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketLifecycleCommand,
  DeleteObjectCommand,
  GetBucketLifecycleConfigurationCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type LifecycleRule,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIFECYCLE_SHARES, notedLifecycles } from '../../../../proxy/actions/note-lifecycle.ts';
import type { Duty } from '../../../../proxy/daemons/duty.ts';
import { Lifecycle } from '../../../../proxy/daemons/lifecycle.ts';
import type { Handler } from '../../../../proxy/message.ts';
import { createPipelines } from '../../../../proxy/pipeline.ts';
import { expiryOf, midnightAfter } from '../../../../proxy/s3/lifecycle/due.ts';
import { textOfConfiguration } from '../../../../proxy/s3/lifecycle/rules.ts';
import { parseXml } from '../../../../proxy/s3/xml/read.ts';
import { s3Client, startS3 } from '../../../support/s3/signing.ts';
import { ALL_OURS, NONE_OURS } from '../../../support/swift-fakes/duties.ts';
import type { FakeSwift } from '../../../support/swift-fakes/fake-swift.ts';

const DAY_MS = 86_400_000;
const Bucket = 'ruled';
const NOTES = '.s3_lifecycle';

let swift: FakeSwift;
let s3: S3Client;

beforeEach(async () => {
  ({ swift, client: s3 } = await startS3({ config: { s3: { domain: '', region: 'us-east-1', min_segment_size: 1 } } }));
  await s3.send(new CreateBucketCommand({ Bucket }));
});

afterEach(() => swift.stop());

const code = (name: string, message?: string) =>
  expect.objectContaining({ name, ...(message === undefined ? {} : { message }) });
const setRules = (...Rules: LifecycleRule[]) =>
  s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));
const rulesNow = async () => (await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))).Rules;
const put = (Key: string, Body = 'x') => s3.send(new PutObjectCommand({ Bucket, Key, Body }));
const keys = async () => ((await s3.send(new ListObjectsV2Command({ Bucket }))).Contents ?? []).map(({ Key }) => Key);

interface DaemonOptions {
  /** Later than the proxy's clock. */
  days: number;
  duty?: Duty;
  /** Sees each request of the daemon first. */
  before?: (method: string, object: string | undefined) => Promise<void>;
}

function daemonOf({ days, duty = ALL_OURS, before }: DaemonOptions): Lifecycle {
  const { cluster, containers } = swift.services;
  const clock = { nowMs: () => swift.nowMs + days * DAY_MS };
  const { s3: pipeline } = createPipelines(swift.services);
  const objects: Handler = async (request) => {
    await before?.(request.method, request.path.object);
    return pipeline(request);
  };
  const services = {
    objects,
    containers,
    clock,
    region: '',
    leastPartBytes: 1,
    isOwner: async () => true,
    noteLifecycle: async () => undefined,
  };
  const logger = pino({ level: 'silent' });
  return new Lifecycle({
    cluster: { ...cluster, clock },
    duty,
    services,
    logger,
    operatorRole: swift.services.config.operator_roles[0] ?? '',
    intervalMs: 1_000_000,
  });
}

const walkAfter = (days: number) => daemonOf({ days }).round();

describe('lifecycle rules', () => {
  it('are shown as they were put, in either form, and can be taken away', async () => {
    await expect(rulesNow()).rejects.toEqual(code('NoSuchLifecycleConfiguration'));
    const rules: LifecycleRule[] = [
      { ID: 'old form', Status: 'Enabled', Prefix: 'logs/', Expiration: { Days: 3 } },
      { ID: 'dated', Status: 'Disabled', Filter: { Prefix: 'ö<&' }, Expiration: { Date: new Date('2030-01-01') } },
      {
        ID: 'all',
        Status: 'Enabled',
        Filter: { Prefix: '' },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
      },
      {
        ID: 'sizes',
        Status: 'Enabled',
        Filter: { And: { Prefix: 'a', ObjectSizeGreaterThan: 1, ObjectSizeLessThan: 9 } },
        NoncurrentVersionExpiration: { NoncurrentDays: 2, NewerNoncurrentVersions: 3 },
      },
      { ID: 'small', Status: 'Enabled', Filter: { ObjectSizeLessThan: 5 }, Expiration: { Days: 1 } },
      { ID: 'markers', Status: 'Enabled', Filter: { Prefix: 'm' }, Expiration: { ExpiredObjectDeleteMarker: true } },
    ];
    await setRules(...rules);
    expect(await rulesNow()).toEqual(rules);
    const seen = await swift.request('HEAD', `/${Bucket}`);
    expect([...seen.headers.keys()].filter((name) => name.includes('lifecycle'))).toEqual([]);
    await s3.send(new DeleteBucketLifecycleCommand({ Bucket }));
    await expect(rulesNow()).rejects.toEqual(code('NoSuchLifecycleConfiguration'));
  });

  it('get an id where they have none', async () => {
    await setRules({ Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } });
    expect((await rulesNow())?.[0]?.ID).toMatch(/^[\w-]{24}$/);
  });

  it('are the business of who may write the bucket', async () => {
    const rules = { Rules: [{ Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } }] } as const;
    const reader = s3Client(swift, 'READER');
    const command = (name: string) =>
      new PutBucketLifecycleConfigurationCommand({ Bucket: name, LifecycleConfiguration: { Rules: [...rules.Rules] } });
    await expect(reader.send(command(Bucket))).rejects.toEqual(code('AccessDenied'));
    await expect(s3.send(command('absent'))).rejects.toEqual(code('NoSuchBucket'));
    await expect(rulesNow()).rejects.toEqual(code('NoSuchLifecycleConfiguration'));
  });
});

describe('a lifecycle configuration that cannot be', () => {
  const parse = (rules: string) =>
    textOfConfiguration(
      parseXml(`<LifecycleConfiguration>${rules}</LifecycleConfiguration>`, 'LifecycleConfiguration'),
    );
  const rule = (inner: string, keyed = '<Prefix/>') => `<Rule><Status>Enabled</Status>${keyed}${inner}</Rule>`;
  const days = (count: string) => `<Expiration><Days>${count}</Days></Expiration>`;
  const refused = (text: string) => {
    try {
      parse(text);
      return 'accepted';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  it.each([
    ['no rule', ''],
    ['too many', rule(days('1')).repeat(101)],
    ['a rule without a status', `<Rule><Prefix/>${days('1')}</Rule>`],
    ['an unknown status', `<Rule><Status>on</Status><Prefix/>${days('1')}</Rule>`],
    ['no prefix and no filter', rule(days('1'), '')],
    ['both', rule(days('1'), '<Prefix/><Filter/>')],
    ['a filter of two parts', rule(days('1'), '<Filter><Prefix/><ObjectSizeLessThan>1</ObjectSizeLessThan></Filter>')],
    ['an And of one part', rule(days('1'), '<Filter><And><Prefix>a</Prefix></And></Filter>')],
    ['a size that is none', rule(days('1'), '<Filter><ObjectSizeLessThan>x</ObjectSizeLessThan></Filter>')],
    ['a misspelled filter', rule(days('1'), '<Filter><prefix>a</prefix></Filter>')],
    ['two prefixes', rule(days('1'), '<Prefix>a</Prefix><Prefix>b</Prefix>')],
    ['days that are no number', rule(days('soon'))],
    ['days and a date', rule('<Expiration><Days>1</Days><Date>2030-01-01T00:00:00Z</Date></Expiration>')],
    ['an expiration without a moment', rule('<Expiration/>')],
    ['a date that is none', rule('<Expiration><Date>soon</Date></Expiration>')],
    [
      'a marker that is neither',
      rule('<Expiration><ExpiredObjectDeleteMarker>x</ExpiredObjectDeleteMarker></Expiration>'),
    ],
    ['an abort without days', rule('<AbortIncompleteMultipartUpload/>')],
    ['an unknown action', rule('<Explosion/>')],
    ['an unknown element', '<Rules/>'],
  ])('is malformed: %s', (_name, text) => {
    expect(refused(text)).toBe('MalformedXML');
  });

  it.each([
    ['days of 0', rule(days('0'))],
    ['negative days', rule(days('-1'))],
    ['days beyond all bounds', rule(days('2147483648'))],
    ['a date that is not midnight', rule('<Expiration><Date>2030-01-01T10:00:00Z</Date></Expiration>')],
    ['a long id', rule(`<ID>${'i'.repeat(256)}</ID>${days('1')}`)],
    ['the same id twice', rule(`<ID>i</ID>${days('1')}`).repeat(2)],
    [
      'more versions kept than may be',
      rule(
        '<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>101</NewerNoncurrentVersions></NoncurrentVersionExpiration>',
      ),
    ],
  ])('has an invalid argument: %s', (_name, text) => {
    expect(refused(text)).toBe('InvalidArgument');
  });

  it.each([
    ['no action', rule('')],
    [
      'an upload of a size',
      rule(
        '<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>',
        '<Filter><ObjectSizeLessThan>1</ObjectSizeLessThan></Filter>',
      ),
    ],
    [
      'sizes that no object has',
      rule(
        days('1'),
        '<Filter><And><ObjectSizeGreaterThan>2</ObjectSizeGreaterThan><ObjectSizeLessThan>1</ObjectSizeLessThan></And></Filter>',
      ),
    ],
    ['rules too long to keep', rule(days('1'), `<Prefix>${'p'.repeat(9000)}</Prefix>`)],
  ])('is an invalid request: %s', (_name, text) => {
    expect(refused(text)).toBe('InvalidRequest');
  });

  it.each([
    ['a transition', rule('<Transition><Days>1</Days></Transition>')],
    ['a transition of versions', rule('<NoncurrentVersionTransition/>')],
    ['a tag', rule(days('1'), '<Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter>')],
    [
      'a tag among others',
      rule(days('1'), '<Filter><And><Prefix/><Tag><Key>a</Key><Value>b</Value></Tag></And></Filter>'),
    ],
  ])('is not built: %s', (_name, text) => {
    expect(refused(text)).toBe('NotImplemented');
  });
});

describe('when objects go', () => {
  const at = (text: string) => Date.parse(text);

  it('is the midnight after so many days', () => {
    expect(midnightAfter(at('2026-01-15T10:30:00Z'), 3)).toBe(at('2026-01-19T00:00:00Z'));
    expect(midnightAfter(at('2026-01-15T00:00:00Z'), 3)).toBe(at('2026-01-18T00:00:00Z'));
  });

  it('is what the first of several rules says, and nothing that is switched off', () => {
    const rule = { isEnabled: true, prefix: '', form: 'Prefix' } as const;
    const object = { key: 'a/b', sizeBytes: 5, modifiedMs: at('2026-01-01T01:00:00Z') };
    const rules = [
      { ...rule, id: 'late', days: 9 },
      { ...rule, id: 'soon', days: 2, prefix: 'a/' },
      { ...rule, id: 'off', days: 1, isEnabled: false },
      { ...rule, id: 'other', days: 1, prefix: 'b/' },
      { ...rule, id: 'large', days: 1, largerThan: 5 },
      { ...rule, id: 'small', days: 1, smallerThan: 5 },
      { ...rule, id: 'uploads', abortDays: 1 },
    ];
    expect(expiryOf(rules, object)).toMatchObject({ rule: { id: 'soon' }, atMs: at('2026-01-04T00:00:00Z') });
    expect(expiryOf(rules.slice(2), object)).toBeUndefined();
    expect(expiryOf(rules.slice(4), { ...object, sizeBytes: undefined })).toBeUndefined();
    expect(expiryOf([{ ...rule, id: 'd', date: '2026-01-01T00:00:00.000Z' }], object)?.atMs).toBe(at('2026-01-01'));
  });

  it('is told by PUT, HEAD and GET, of current objects', async () => {
    const told = (id: string) => {
      const date = new Date(midnightAfter(swift.nowMs, 2)).toUTCString();
      return `expiry-date="${date}", rule-id="${id}"`;
    };
    await setRules({ ID: 'two days', Status: 'Enabled', Filter: { Prefix: 'logs/' }, Expiration: { Days: 2 } });
    expect((await put('logs/1')).Expiration).toBe(told('two%20days'));
    expect((await put('kept')).Expiration).toBeUndefined();
    const object = { Bucket, Key: 'logs/1' };
    expect((await s3.send(new HeadObjectCommand(object))).Expiration).toBe(told('two%20days'));
    expect((await s3.send(new GetObjectCommand({ ...object, Range: 'bytes=0-0' }))).Expiration).toBe(
      told('two%20days'),
    );
    expect((await s3.send(new HeadObjectCommand({ Bucket, Key: 'kept' }))).Expiration).toBeUndefined();
    await setRules({ ID: 'far', Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 2_147_483_647 } });
    expect((await s3.send(new HeadObjectCommand(object))).Expiration).toBeUndefined();
  });
});

describe('objects that are due', () => {
  it('are removed by the walk, and no others', async () => {
    for (const key of ['logs/1', 'logs/2', 'kept']) await put(key);
    await setRules({ Status: 'Enabled', Filter: { Prefix: 'logs/' }, Expiration: { Days: 3 } });
    expect(await walkAfter(2)).toEqual({ removed: 0, outdated: 0, failed: 0 });
    expect(await walkAfter(4)).toEqual({ removed: 2, outdated: 0, failed: 0 });
    expect(await keys()).toEqual(['kept']);
    expect(await walkAfter(4)).toEqual({ removed: 0, outdated: 0, failed: 0 });
  });

  it('stay where the rules are switched off or taken away, however old they are', async () => {
    await put('o');
    await setRules({ Status: 'Disabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } });
    expect(await walkAfter(9)).toMatchObject({ removed: 0 });
    await setRules({ Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } });
    await s3.send(new DeleteBucketLifecycleCommand({ Bucket }));
    expect(await walkAfter(9)).toMatchObject({ removed: 0 });
    expect(await keys()).toEqual(['o']);
  });

  it('are found by size and by date', async () => {
    await put('small', 'x');
    await put('large', 'x'.repeat(20));
    await setRules({ Status: 'Enabled', Filter: { ObjectSizeGreaterThan: 10 }, Expiration: { Days: 1 } });
    expect(await walkAfter(3)).toMatchObject({ removed: 1 });
    expect(await keys()).toEqual(['small']);
    await setRules({ Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Date: new Date('2020-01-01') } });
    expect(await walkAfter(0)).toMatchObject({ removed: 1 });
    expect(await keys()).toEqual([]);
  });

  it('are found on every page', async () => {
    await swift.request('PUT', `/${Bucket}`);
    for (let index = 0; index < 1003; index += 1) await swift.put(`/${Bucket}/k${String(index).padStart(4, '0')}`);
    await setRules({ Status: 'Enabled', Filter: { Prefix: 'k' }, Expiration: { Days: 1 } });
    expect(await walkAfter(3)).toEqual({ removed: 1003, outdated: 0, failed: 0 });
    expect(await keys()).toEqual([]);
  });

  it('stay where they are written again before their removal', async () => {
    await put('o', 'old');
    await setRules({ Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } });
    const before = async (method: string) => {
      if (method === 'DELETE') await put('o', 'new');
    };
    expect(await daemonOf({ days: 3, before }).round()).toEqual({ removed: 0, outdated: 1, failed: 0 });
    expect(await swift.text(`/${Bucket}/o`)).toBe('new');
  });

  it('are tried again where they cannot be removed', async () => {
    await put('o');
    await setRules({ Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } });
    const before = async (method: string) => {
      if (method === 'DELETE') throw new Error('no');
    };
    expect(await daemonOf({ days: 3, before }).round()).toEqual({ removed: 0, outdated: 0, failed: 1 });
    expect(await walkAfter(3)).toMatchObject({ removed: 1 });
  });

  it('are left to the node whose the bucket is', async () => {
    await put('o');
    await setRules({ Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } });
    expect(await daemonOf({ days: 9, duty: NONE_OURS }).round()).toMatchObject({ removed: 0 });
    expect(await walkAfter(9)).toMatchObject({ removed: 1 });
  });

  it('that were uploaded in parts go with their parts', async () => {
    const what = { Bucket, Key: 'in parts' };
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(what));
    const part = await s3.send(new UploadPartCommand({ ...what, UploadId, PartNumber: 1, Body: 'abc' }));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: part.ETag }] };
    await s3.send(new CompleteMultipartUploadCommand({ ...what, UploadId, MultipartUpload }));
    await setRules({ Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } });
    expect(await walkAfter(3)).toEqual({ removed: 1, outdated: 0, failed: 0 });
    expect(await swift.text(`/${Bucket}+segments`)).toBe('');
  });
});

describe('notes of buckets with rules', () => {
  const notes = async () => {
    const { cluster } = swift.services;
    return (await Promise.all(LIFECYCLE_SHARES.map((share) => notedLifecycles(cluster, share, '', 100)))).flat();
  };

  it('are there before the rules, and are crossed out when there are none, but not while they are young', async () => {
    await setRules({ Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } });
    expect(await notes()).toEqual([`AUTH_p1/${Bucket}`]);
    await s3.send(new DeleteBucketLifecycleCommand({ Bucket }));
    await walkAfter(0);
    expect(await notes()).toEqual([`AUTH_p1/${Bucket}`]);
    await walkAfter(0.1);
    expect(await notes()).toEqual([]);
  });

  it('of buckets that are gone do no harm', async () => {
    await setRules({ Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } });
    await swift.request('DELETE', `/${Bucket}`);
    expect(await walkAfter(1)).toEqual({ removed: 0, outdated: 0, failed: 0 });
    expect(await notes()).toEqual([]);
  });

  it('lie in an account that clients do not reach', async () => {
    await setRules({ Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } });
    const response = await fetch(`${swift.url}/v1/${NOTES}/00`, { headers: { 'x-auth-token': 'member' } });
    expect(response.status).toBe(403);
  });
});

describe('uploads in parts that nobody ends', () => {
  const what = { Bucket, Key: 'u' };
  const uploads = async () => (await s3.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads ?? [];
  const rule: LifecycleRule = {
    Status: 'Enabled',
    Filter: { Prefix: '' },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 },
  };

  it('are aborted, with their parts', async () => {
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(what));
    await s3.send(new UploadPartCommand({ ...what, UploadId, PartNumber: 1, Body: 'abc' }));
    await put('kept');
    await setRules(rule);
    expect(await walkAfter(1)).toMatchObject({ removed: 0 });
    expect(await walkAfter(4)).toEqual({ removed: 1, outdated: 0, failed: 0 });
    expect(await uploads()).toEqual([]);
    expect(await swift.text(`/${Bucket}+segments`)).toBe('');
    expect(await keys()).toEqual(['kept']);
  });

  it.each(['Suspended', 'Enabled'] as const)(
    'keep the parts of an object that a crash kept from ending them: versions %s',
    async (Status) => {
      await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));
      const { UploadId } = await s3.send(new CreateMultipartUploadCommand(what));
      const part = await s3.send(new UploadPartCommand({ ...what, UploadId, PartNumber: 1, Body: 'abc' }));
      const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: part.ETag }] };
      await s3.send(new CompleteMultipartUploadCommand({ ...what, UploadId, MultipartUpload }));
      // What completing removes last is there again, as if it had not come so far.
      await swift.put(`/${Bucket}+segments/u/${UploadId}`);
      if (Status === 'Enabled') await put('u', 'newer');
      await s3.send(new AbortMultipartUploadCommand({ ...what, UploadId }));
      expect(await uploads()).toEqual([]);
      const versions = (await s3.send(new ListObjectVersionsCommand({ Bucket }))).Versions ?? [];
      const VersionId = versions.at(-1)?.VersionId;
      const read = await s3.send(new GetObjectCommand(Status === 'Enabled' ? { ...what, VersionId } : what));
      expect(await read.Body?.transformToString()).toBe('abc');
    },
  );
});

describe('in a bucket with versions', () => {
  beforeEach(async () => {
    await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  });
  const versions = async () => {
    const { Versions = [], DeleteMarkers = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
    return { versions: Versions.map(({ VersionId }) => VersionId), markers: DeleteMarkers.length };
  };

  it('an object that is due becomes a version under a delete marker', async () => {
    const { VersionId } = await put('o');
    await setRules({ Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } });
    expect(await walkAfter(3)).toEqual({ removed: 1, outdated: 0, failed: 0 });
    expect(await keys()).toEqual([]);
    expect(await versions()).toEqual({ versions: [VersionId], markers: 1 });
    expect(await walkAfter(3)).toMatchObject({ removed: 0 });
  });

  it('an object that is written again before its removal stays the current one', async () => {
    await put('o', 'old');
    await setRules({ Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } });
    let isWritten = false;
    const before = async (method: string) => {
      if (method !== 'DELETE' || isWritten) return;
      isWritten = true;
      await put('o', 'new');
    };
    expect(await daemonOf({ days: 3, before }).round()).toMatchObject({ removed: 0, outdated: 1 });
    expect(await swift.text(`/${Bucket}/o`)).toBe('new');
  });

  it('versions go that have long not been the current one, but for the newest of them', async () => {
    const ids: (string | undefined)[] = [];
    for (let index = 0; index < 4; index += 1) ids.unshift((await put('o', String(index))).VersionId);
    await put('p');
    const rule = (kept?: number): LifecycleRule => ({
      Status: 'Enabled',
      Filter: { Prefix: '' },
      NoncurrentVersionExpiration: {
        NoncurrentDays: 2,
        ...(kept === undefined ? {} : { NewerNoncurrentVersions: kept }),
      },
    });
    await setRules(rule(2));
    expect(await walkAfter(1)).toMatchObject({ removed: 0 });
    expect(await walkAfter(4)).toEqual({ removed: 1, outdated: 0, failed: 0 });
    expect((await versions()).versions.slice(0, 3)).toEqual(ids.slice(0, 3));
    await setRules(rule());
    expect(await walkAfter(4)).toEqual({ removed: 2, outdated: 0, failed: 0 });
    expect((await versions()).versions).toHaveLength(2);
    expect(await swift.text(`/${Bucket}/o`)).toBe('3');
  });

  it('a version that becomes the current one again stays', async () => {
    const { VersionId } = await put('o', 'old');
    await put('o', 'new');
    const rule: LifecycleRule = {
      Status: 'Enabled',
      Filter: { Prefix: '' },
      NoncurrentVersionExpiration: { NoncurrentDays: 1 },
    };
    await setRules(rule);
    let isRestored = false;
    const before = async (method: string) => {
      if (method !== 'DELETE' || isRestored) return;
      isRestored = true;
      await swift.request('PUT', `/${Bucket}/o?version-id=${VersionId}`);
    };
    expect(await daemonOf({ days: 3, before }).round()).toMatchObject({ removed: 0, outdated: 1 });
    expect(await swift.text(`/${Bucket}/o`)).toBe('old');
  });

  it('a delete marker goes when it is all that is left', async () => {
    const { VersionId } = await put('o');
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'o' }));
    await put('p');
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'p' }));
    await setRules({ Status: 'Enabled', Filter: { Prefix: 'o' }, Expiration: { ExpiredObjectDeleteMarker: true } });
    expect(await walkAfter(9)).toMatchObject({ removed: 0 });
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'o', VersionId }));
    expect(await walkAfter(9)).toEqual({ removed: 1, outdated: 0, failed: 0 });
    expect(await versions()).toMatchObject({ markers: 1 });
  });
});
