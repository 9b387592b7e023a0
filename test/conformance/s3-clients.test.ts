import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLifecycleConfigurationCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type LifecycleRule,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Martlet } from '../support/martlet.ts';
import { client, openstack, openstackQuietly } from '../support/openstack.ts';

/** A tree that every machine with these clients has. */
const TREE = '/usr/lib/python3/dist-packages/boto3';
const PART_BYTES = 5 << 20;

interface KeyPair {
  access: string;
  secret: string;
}

/** The S3 API, by the SDK of today and by Debian's boto3, s3cmd, rclone and restic, with keys that OpenStack's client makes. */
describe('the S3 API', () => {
  let martlet: Martlet;
  let folder: string;
  let keys: KeyPair;
  const large = randomBytes(12_000_000);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-s3-'));
    const config = join(folder, 'martlet.yaml');
    await writeFile(config, 'proxy:\n  lifecycle_interval: 1\n');
    martlet = await Martlet.start({ args: ['--config', config] });
    keys = await openstack<KeyPair>(martlet, ['ec2', 'credentials', 'create']);
    await writeFile(join(folder, 'large.bin'), large);
    await cp(TREE, join(folder, 'tree'), { recursive: true, filter: (path) => !path.includes('__pycache__') });
    await writeFile(join(folder, 'tree', 'an ödd name+&%41.bin'), large.subarray(0, 6_000_000));
  });

  afterAll(async () => {
    await martlet.remove();
    await rm(folder, { recursive: true });
  });

  const endpoint = () => martlet.url(8080);
  const sdk = ({ access, secret }: KeyPair = keys) =>
    new S3Client({
      endpoint: endpoint(),
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: access, secretAccessKey: secret },
    });
  const run = (program: string, args: readonly string[], environment: Record<string, string> = {}) =>
    execa(`/usr/bin/${program}`, args, {
      cwd: folder,
      env: { PATH: '/usr/bin:/bin', HOME: folder, ...environment },
      extendEnv: false,
      maxBuffer: 64 << 20,
    });

  /** A token of a user whose only role is in a project of its own. */
  async function anotherProject(): Promise<{ token: string; id: string }> {
    const { id } = await openstack<{ id: string }>(martlet, ['project', 'create', 'guests'], 'admin');
    const password = 'only for a test';
    const made = ['user', 'create', 'guest', '--password', password];
    await openstack(martlet, made, 'admin');
    await openstackQuietly(martlet, ['role', 'add', '--project', 'guests', '--user', 'guest', 'member'], 'admin');
    const { OS_AUTH_URL } = await martlet.environment();
    const domain = { id: 'default' };
    const auth = {
      identity: { methods: ['password'], password: { user: { name: 'guest', domain, password } } },
      scope: { project: { id } },
    };
    const answer = await fetch(`${OS_AUTH_URL}/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ auth }),
    });
    return { token: answer.headers.get('x-subject-token') ?? '', id };
  }

  it('takes what today’s SDK sends with no options: streams with trailing checksums, parts, removals without MD5', async () => {
    const s3 = sdk();
    const Bucket = 'by-sdk';
    await s3.send(new CreateBucketCommand({ Bucket }));
    const Body = Readable.from([large.subarray(0, 3_000_000), large.subarray(3_000_000)]);
    await s3.send(new PutObjectCommand({ Bucket, Key: 'streamed', Body, ContentLength: large.length }));
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'in parts' }));
    const what = { Bucket, Key: 'in parts', UploadId };
    const Parts = [];
    for (let PartNumber = 1; (PartNumber - 1) * PART_BYTES < large.length; PartNumber += 1) {
      const part = large.subarray((PartNumber - 1) * PART_BYTES, PartNumber * PART_BYTES);
      Parts.push({ PartNumber, ...(await s3.send(new UploadPartCommand({ ...what, PartNumber, Body: part }))) });
    }
    await s3.send(new CompleteMultipartUploadCommand({ ...what, MultipartUpload: { Parts } }));
    for (const Key of ['streamed', 'in parts']) {
      const { Body: read } = await s3.send(new GetObjectCommand({ Bucket, Key }));
      expect(large.equals((await read?.transformToByteArray()) ?? new Uint8Array())).toBe(true);
      await client(martlet, 'swift', ['download', Bucket, Key, '-o', join(folder, 'by-swift')]);
      expect(large.equals(await readFile(join(folder, 'by-swift')))).toBe(true);
    }
    const Objects = ['streamed', 'in parts'].map((Key) => ({ Key }));
    expect((await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))).Deleted).toHaveLength(2);
    expect((await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(0);
    expect((await client(martlet, 'swift', ['list', `${Bucket}+segments`])).stdout).toBe('');
  });

  it('loses no step of a counter that many clients replace by what they have read', async () => {
    const counter = { Bucket: 'counted', Key: 'counter' };
    await sdk().send(new CreateBucketCommand(counter));
    const clients = Array.from({ length: 6 }, () => sdk());
    const made = clients.map((s3) => s3.send(new PutObjectCommand({ ...counter, Body: '0', IfNoneMatch: '*' })));
    expect((await Promise.allSettled(made)).filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const steps = 10;
    let refusals = 0;
    const count = async (s3: S3Client) => {
      for (let step = 0; step < steps; ) {
        const { Body, ETag } = await s3.send(new GetObjectCommand(counter));
        const next = String(Number(await Body?.transformToString()) + 1);
        try {
          await s3.send(new PutObjectCommand({ ...counter, Body: next, IfMatch: ETag }));
          step += 1;
        } catch (error) {
          expect(error).toMatchObject({ name: 'PreconditionFailed' });
          refusals += 1;
        }
      }
    };
    await Promise.all(clients.map(count));
    const { Body } = await sdk().send(new GetObjectCommand(counter));
    expect(await Body?.transformToString()).toBe(String(clients.length * steps));
    expect(refusals).toBeGreaterThan(0);
  });

  it('keeps lifecycle rules, and removes by them what is due', async () => {
    const s3 = sdk();
    const Bucket = 'ruled';
    await s3.send(new CreateBucketCommand({ Bucket }));
    for (const Key of ['logs/1', 'kept']) await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    const Rules: LifecycleRule[] = [
      { ID: 'r', Status: 'Enabled', Filter: { Prefix: 'logs/' }, Expiration: { Date: new Date('2020-01-01') } },
      {
        ID: 'u',
        Status: 'Enabled',
        Filter: { Prefix: '' },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
      },
    ];
    await s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));
    expect((await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))).Rules).toEqual(Rules);
    await expect
      .poll(async () => (await s3.send(new ListObjectsV2Command({ Bucket }))).Contents?.map(({ Key }) => Key), {
        timeout: 20_000,
      })
      .toEqual(['kept']);
  });

  it('opens a bucket by its policy: to readers without a name, and to another project', async () => {
    const s3 = sdk();
    const what = { Bucket: 'by-policy', Key: 'k' };
    await s3.send(new CreateBucketCommand({ Bucket: what.Bucket }));
    await s3.send(new PutObjectCommand({ ...what, Body: 'open' }));
    const project = (await s3.send(new ListBucketsCommand({}))).Owner?.ID;
    const url = `${endpoint()}/v1/AUTH_${project}/by-policy/k`;
    const { token, id } = await anotherProject();
    const status = async (headers: Record<string, string>) => (await fetch(url, { headers })).status;
    const put = (Principal: object | string, Action: string[]) => {
      const Resource = ['arn:aws:s3:::by-policy', 'arn:aws:s3:::by-policy/*'];
      const Policy = JSON.stringify({ Statement: { Effect: 'Allow', Principal, Action, Resource } });
      return s3.send(new PutBucketPolicyCommand({ Bucket: what.Bucket, Policy }));
    };
    expect([await status({}), await status({ 'x-auth-token': token })]).toEqual([401, 403]);
    await put({ AWS: `arn:aws:iam::${id}:root` }, ['s3:GetObject', 's3:ListBucket']);
    expect([await status({}), await status({ 'x-auth-token': token })]).toEqual([401, 200]);
    await put('*', ['s3:GetObject', 's3:ListBucket']);
    expect([await status({}), await status({ 'x-auth-token': token })]).toEqual([200, 200]);
    await s3.send(new DeleteBucketPolicyCommand({ Bucket: what.Bucket }));
    expect([await status({}), await status({ 'x-auth-token': token })]).toEqual([401, 403]);
  });

  it('locks versions against removal, in Swift’s dialect too', async () => {
    const s3 = sdk();
    const what = { Bucket: 'locked', Key: 'k' };
    await s3.send(new CreateBucketCommand({ Bucket: what.Bucket, ObjectLockEnabledForBucket: true }));
    const ObjectLockRetainUntilDate = new Date(Date.now() + 3_600_000);
    const lock = { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate } as const;
    const { VersionId } = await s3.send(new PutObjectCommand({ ...what, Body: 'x', ...lock }));
    await expect(s3.send(new DeleteObjectCommand({ ...what, VersionId }))).rejects.toThrow('object lock');
    await client(martlet, 'swift', ['delete', 'locked', 'k']);
    await client(martlet, 'swift', ['delete', 'locked', 'k', '--version-id', String(VersionId)]).catch(() => undefined);
    expect(await s3.send(new HeadObjectCommand({ ...what, VersionId }))).toMatchObject(lock);
  });

  it('takes what Debian’s boto3 sends, by both signatures, in headers and in URLs', async () => {
    await writeFile(join(folder, 'boto.py'), BOTO3);
    const { stdout } = await run('python3', ['boto.py', keys.access, keys.secret, endpoint()]);
    expect(stdout.trim().split('\n')).toEqual(['s3v4 done', 's3 done']);
  });

  it('takes what s3cmd sends', async () => {
    const host = new URL(endpoint()).host;
    const config = join(folder, 's3cfg');
    await writeFile(
      config,
      `[default]\naccess_key = ${keys.access}\nsecret_key = ${keys.secret}\nhost_base = ${host}\nhost_bucket = ${host}\nuse_https = False\n`,
    );
    const s3cmd = (...args: string[]) => run('s3cmd', ['-c', config, ...args]);
    await s3cmd('mb', 's3://by-s3cmd');
    await s3cmd('put', '--multipart-chunk-size-mb=5', 'large.bin', 's3://by-s3cmd/a/large.bin');
    await s3cmd('sync', 'tree/', 's3://by-s3cmd/tree/');
    expect((await s3cmd('sync', '--dry-run', 'tree/', 's3://by-s3cmd/tree/')).stdout).not.toMatch(/upload:/);
    await s3cmd('cp', 's3://by-s3cmd/a/large.bin', 's3://by-s3cmd/b');
    await s3cmd('--signature-v2', 'get', '--force', 's3://by-s3cmd/b', 'back.bin');
    expect(large.equals(await readFile(join(folder, 'back.bin')))).toBe(true);
    const url = (await s3cmd('signurl', 's3://by-s3cmd/a/large.bin', '+60')).stdout.trim();
    expect(large.equals(Buffer.from(await (await fetch(url)).arrayBuffer()))).toBe(true);
    await s3cmd('setacl', '--acl-public', 's3://by-s3cmd');
    expect((await s3cmd('info', 's3://by-s3cmd')).stdout).toMatch(/\*anon\*: READ/);
    await s3cmd('del', '-r', '--force', 's3://by-s3cmd');
    await s3cmd('rb', 's3://by-s3cmd');
  });

  it('takes what rclone sends: sync, check, move, odd names, parts; the same tree is Swift’s', async () => {
    const config = join(folder, 'rclone.conf');
    const { OS_PASSWORD, OS_AUTH_URL } = await martlet.environment();
    await writeFile(
      config,
      [
        '[s3]',
        'type = s3\nprovider = Other',
        `access_key_id = ${keys.access}\nsecret_access_key = ${keys.secret}\nendpoint = ${endpoint()}`,
        '[swift]',
        `type = swift\nuser = demo\nkey = ${OS_PASSWORD}\nauth = ${OS_AUTH_URL}\ntenant = demo`,
        'domain = Default\ntenant_domain = Default\nauth_version = 3\nregion = RegionOne\n',
      ].join('\n'),
    );
    const rclone = (...args: string[]) => run('rclone', ['--config', config, ...args]);
    await rclone('sync', 'tree', 's3:by-rclone', '--s3-chunk-size', '5M', '--s3-upload-cutoff', '5M');
    await rclone('check', 'tree', 's3:by-rclone', '--download');
    await rclone('check', 'tree', 'swift:by-rclone', '--download');
    expect((await rclone('sync', 'tree', 's3:by-rclone', '-v')).stderr).not.toMatch(/Copied/);
    await rclone('moveto', 's3:by-rclone/session.py', 's3:by-rclone/moved/session.py');
    expect((await rclone('lsf', 's3:by-rclone/moved')).stdout.trim()).toBe('session.py');
    await rclone('purge', 's3:by-rclone');
  });

  it('keeps a restic repository: backup, check, restore, prune', async () => {
    const environment = {
      AWS_ACCESS_KEY_ID: keys.access,
      AWS_SECRET_ACCESS_KEY: keys.secret,
      RESTIC_PASSWORD: 'for a test',
    };
    const restic = (...args: string[]) => run('restic', ['-r', `s3:${endpoint()}/by-restic`, ...args], environment);
    await restic('init');
    await restic('backup', 'tree');
    await restic('backup', 'tree', 'large.bin');
    expect((await restic('check', '--read-data')).stdout).toMatch(/no errors were found/);
    await mkdir(join(folder, 'restored'));
    await restic('restore', 'latest', '--target', 'restored');
    await run('diff', ['-r', 'tree', 'restored/tree']);
    expect(large.equals(await readFile(join(folder, 'restored', 'large.bin')))).toBe(true);
    await restic('forget', '--prune', '--keep-last', '1');
    expect((await restic('check')).stdout).toMatch(/no errors were found/);
    expect(await readdir(join(folder, 'restored'))).toContain('tree');
  });

  it('knows a key no longer when it has been deleted', async () => {
    const { access, secret } = await openstack<KeyPair>(martlet, ['ec2', 'credentials', 'create']);
    const s3 = sdk({ access, secret });
    await s3.send(new ListBucketsCommand({}));
    await openstackQuietly(martlet, ['ec2', 'credentials', 'delete', access]);
    await expect(s3.send(new ListBucketsCommand({}))).rejects.toMatchObject({ name: 'InvalidAccessKeyId' });
  });
});

/** Debian's boto3 signs parameters of the query twice by version 2: only whole objects go by that one. */
const BOTO3 = `
import io, sys, urllib.request
import boto3
from boto3.s3.transfer import TransferConfig
from botocore.client import Config

access, secret, endpoint = sys.argv[1:4]
data = open('large.bin', 'rb').read()
for version in ('s3v4', 's3'):
    s3 = boto3.client('s3', endpoint_url=endpoint, aws_access_key_id=access, aws_secret_access_key=secret,
                      region_name='RegionOne',
                      config=Config(signature_version=version, s3={'addressing_style': 'path'}))
    bucket, key = 'by-boto3-' + version, 'k/ü &+x'
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=key, Body=b'hello', Metadata={'under_score': 'v'})
    got = s3.get_object(Bucket=bucket, Key=key)
    assert got['Body'].read() == b'hello' and got['Metadata'] == {'under_score': 'v'}, got
    mebibyte = 1 << 20
    threshold = 5 * mebibyte if version == 's3v4' else 100 * mebibyte
    s3.upload_fileobj(io.BytesIO(data), bucket, 'big',
                      Config=TransferConfig(multipart_threshold=threshold, multipart_chunksize=5 * mebibyte))
    back = io.BytesIO()
    s3.download_fileobj(bucket, 'big', back)
    assert back.getvalue() == data
    signed = s3.generate_presigned_url('get_object', Params={'Bucket': bucket, 'Key': key}, ExpiresIn=60)
    assert urllib.request.urlopen(signed).read() == b'hello'
    signed = s3.generate_presigned_url('put_object', Params={'Bucket': bucket, 'Key': 'signed'}, ExpiresIn=60)
    headers = {'Content-Type': ''} if version == 's3' else {}
    urllib.request.urlopen(urllib.request.Request(signed, data=b'by url', method='PUT', headers=headers))
    if version == 's3':
        print(version, 'done')
        continue
    assert [row['Key'] for row in s3.list_objects_v2(Bucket=bucket)['Contents']] == ['big', key, 'signed']
    tags = [{'Key': 'x', 'Value': '1 2'}]
    s3.put_object_tagging(Bucket=bucket, Key='signed', Tagging={'TagSet': tags})
    assert s3.get_object_tagging(Bucket=bucket, Key='signed')['TagSet'] == tags
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={'Status': 'Enabled'})
    first = s3.put_object(Bucket=bucket, Key='v', Body=b'1')['VersionId']
    s3.put_object(Bucket=bucket, Key='v', Body=b'2')
    assert s3.get_object(Bucket=bucket, Key='v', VersionId=first)['Body'].read() == b'1'
    for page in s3.get_paginator('list_object_versions').paginate(Bucket=bucket):
        for row in page.get('Versions', []) + page.get('DeleteMarkers', []):
            s3.delete_object(Bucket=bucket, Key=row['Key'], VersionId=row['VersionId'])
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={'Status': 'Suspended'})
    s3.delete_bucket(Bucket=bucket)
    print(version, 'done')
`;
