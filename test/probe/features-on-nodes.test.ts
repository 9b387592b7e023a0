import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Martlet } from '../support/martlet.ts';
import { ThreeNodes } from '../support/three-nodes.ts';

const DAY_MS = 86_400_000;
const PART_BYTES = 5 << 20;
/** For what a daemon does within a second or two, on a busy machine. */
const DAEMON_MS = 20_000;
const policy = (index: number, name: string, rest: object) => ({ index, name, ...rest });

/** Each feature on three nodes, two of them with a proxy: what is written through one is read through both, also while a node is dead. */
describe('the features on several nodes', () => {
  let cloud: ThreeNodes;
  let secretsFolder: string;
  let account: string;
  let headers: Record<string, string>;
  let keys: { access: string; secret: string };

  beforeAll(async () => {
    secretsFolder = await mkdtemp(join(tmpdir(), 'martlet-secrets-'));
    const secrets = join(secretsFolder, 'secrets.json');
    await writeSecret(secrets);
    cloud = await ThreeNodes.start({
      log_level: 'info',
      proxy: {
        expirer_interval: 1,
        lifecycle_interval: 1,
        reconstructor_interval: 5,
        reconstructor_rate: 200,
        duty_interval: 0.5,
        node_timeout: 5,
        encryption: { root_secrets: secrets },
        container_sync: { allowed_hosts: ['127.0.0.1'], accept_keys: true, interval: 1 },
        policies: [
          policy(0, 'gold', { default: true }),
          policy(1, 'silver', { replicas: 2 }),
          policy(2, 'coded', { type: 'erasure_coding', data_fragments: 4, parity_fragments: 2 }),
        ],
      },
    });
    const { OS_USERNAME: name = '', OS_PASSWORD: password = '' } = await cloud.first.environment();
    const login = await fetch(cloud.first.url(8080, '/auth/v1.0'), {
      headers: { 'x-auth-user': `demo:${name}`, 'x-auth-key': password },
    });
    account = new URL(login.headers.get('x-storage-url') ?? '').pathname;
    headers = { 'x-auth-token': login.headers.get('x-auth-token') ?? '' };
    keys = await newKeys();
  }, 120_000);

  afterAll(async () => {
    await cloud?.remove();
    await rm(secretsFolder, { recursive: true, force: true });
  });

  async function writeSecret(path: string): Promise<void> {
    const secret = randomBytes(32).toString('base64');
    await writeFile(path, JSON.stringify({ active: '1', secrets: { 1: secret } }), { mode: 0o600 });
  }

  /** Access keys of the user, as `openstack ec2 credentials create` makes them. */
  async function newKeys(): Promise<{ access: string; secret: string }> {
    const v3 = cloud.first.url(5000, '/v3');
    const mine = { ...headers, 'content-type': 'application/json' };
    const about = await fetch(`${v3}/auth/tokens`, {
      headers: { ...mine, 'x-subject-token': headers['x-auth-token'] ?? '' },
    });
    const { token } = (await about.json()) as { token: { user: { id: string }; project: { id: string } } };
    const made = await fetch(`${v3}/users/${token.user.id}/credentials/OS-EC2`, {
      method: 'POST',
      headers: mine,
      body: JSON.stringify({ tenant_id: token.project.id }),
    });
    return ((await made.json()) as { credential: { access: string; secret: string } }).credential;
  }

  const s3At = (node: Martlet) =>
    new S3Client({
      endpoint: node.url(8080),
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: keys.access, secretAccessKey: keys.secret },
    });

  const ask = (node: Martlet, method: string, path: string, more: RequestInit = {}) =>
    fetch(node.url(8080, account + path), { method, ...more, headers: { ...headers, ...more.headers } });

  async function put(node: Martlet, path: string, body: string | Uint8Array = '', more: Record<string, string> = {}) {
    const answer = await ask(node, 'PUT', path, { body, headers: more });
    expect([path, answer.status, answer.status < 300 ? '' : await answer.text()]).toEqual([path, answer.status, '']);
    return answer;
  }

  async function bytes(node: Martlet, path: string, more: Record<string, string> = {}): Promise<Buffer> {
    const answer = await ask(node, 'GET', path, { headers: more });
    expect([path, answer.ok]).toEqual([path, true]);
    return Buffer.from(await answer.arrayBuffer());
  }

  const text = async (node: Martlet, path: string) => (await bytes(node, path)).toString();
  const status = async (node: Martlet, path: string) => (await ask(node, 'HEAD', path)).status;
  const large = randomBytes(3_000_000);

  interface Feature {
    name: string;
    /** Uses it, under names that begin with `c`. */
    make(node: Martlet, c: string): Promise<void>;
    /** What has been made is there. */
    check(node: Martlet, c: string): Promise<void>;
  }

  const FEATURES: readonly Feature[] = [
    {
      name: 'a policy with two replicas, encrypted',
      async make(node, c) {
        await put(node, `/${c}`, '', { 'x-storage-policy': 'silver', 'x-container-read': '.r:*,.rlistings' });
        for (let index = 0; index < 10; index += 1)
          await put(node, `/${c}/${index}`, large.subarray(0, 1 + index * 30_000), { 'x-object-meta-of': 'silver' });
      },
      async check(node, c) {
        for (let index = 0; index < 10; index += 1)
          expect((await bytes(node, `/${c}/${index}`)).equals(large.subarray(0, 1 + index * 30_000))).toBe(true);
        expect((await ask(node, 'HEAD', `/${c}/3`)).headers.get('x-object-meta-of')).toBe('silver');
        expect((await text(node, `/${c}`)).trim().split('\n')).toHaveLength(10);
      },
    },
    {
      name: 'erasure coding',
      async make(node, c) {
        await put(node, `/${c}`, '', { 'x-storage-policy': 'coded', 'x-container-read': '.r:*' });
        for (const length of [1, 70_000, large.length]) await put(node, `/${c}/${length}`, large.subarray(0, length));
        await put(node, `/${c}/again`, 'first');
        await put(node, `/${c}/again`, 'second');
      },
      async check(node, c) {
        for (const length of [1, 70_000, large.length])
          expect((await bytes(node, `/${c}/${length}`)).equals(large.subarray(0, length))).toBe(true);
        const part = await bytes(node, `/${c}/${large.length}`, { range: 'bytes=1048570-2097160' });
        expect(part.equals(large.subarray(1_048_570, 2_097_161))).toBe(true);
        expect(await text(node, `/${c}/again`)).toBe('second');
      },
    },
    {
      name: 'versions',
      async make(node, c) {
        await put(node, `/${c}`, '', { 'x-versions-enabled': 'true' });
        for (const body of ['one', 'two']) await put(node, `/${c}/o`, body);
        expect((await ask(node, 'DELETE', `/${c}/o`)).status).toBe(204);
        await put(node, `/${c}/kept`, 'kept');
      },
      async check(node, c) {
        const listed = JSON.parse(await text(node, `/${c}?versions&format=json`)) as {
          name: string;
          version_id: string;
        }[];
        expect(listed.map(({ name }) => name)).toEqual(['kept', 'o', 'o', 'o']);
        const [, , second, first] = listed;
        expect(await text(node, `/${c}/o?version-id=${first?.version_id}`)).toBe('one');
        expect(await text(node, `/${c}/o?version-id=${second?.version_id}`)).toBe('two');
        expect(await status(node, `/${c}/o`)).toBe(404);
        expect(await text(node, `/${c}/kept`)).toBe('kept');
      },
    },
    {
      name: 'large objects and links',
      async make(node, c) {
        await put(node, `/${c}`);
        await put(node, `/${c}-segments`, '', { 'x-storage-policy': 'coded' });
        for (const part of ['1', '2', '3']) await put(node, `/${c}-segments/p${part}`, part.repeat(100_000));
        const manifest = ['1', '2', '3'].map((part) => ({ path: `/${c}-segments/p${part}` }));
        await put(node, `/${c}/slo?multipart-manifest=put`, JSON.stringify(manifest));
        await put(node, `/${c}/dlo`, '', { 'x-object-manifest': `${c}-segments/p` });
        await put(node, `/${c}/link`, '', { 'x-symlink-target': `${c}/slo` });
      },
      async check(node, c) {
        const whole = ['1', '2', '3'].map((part) => part.repeat(100_000)).join('');
        for (const name of ['slo', 'dlo', 'link'])
          expect((await text(node, `/${c}/${name}`)) === whole, name).toBe(true);
        expect((await bytes(node, `/${c}/link`, { range: 'bytes=99999-200000' })).toString()).toBe(
          whole.slice(99_999, 200_001),
        );
      },
    },
    {
      name: 'archives and bulk deletion',
      async make(node, c) {
        const archive = pack();
        for (let index = 0; index < 20; index += 1) archive.entry({ name: `f/${index}` }, `file ${index}`);
        archive.finalize();
        const chunks: Uint8Array[] = [];
        for await (const chunk of archive) chunks.push(chunk as Uint8Array);
        await put(node, `/${c}?extract-archive=tar`, Buffer.concat(chunks));
        const names = Array.from({ length: 10 }, (_, index) => `${c}/f/${index}`).join('\n');
        const answer = await ask(node, 'POST', '?bulk-delete', {
          body: names,
          headers: { 'content-type': 'text/plain', accept: 'application/json' },
        });
        expect(await answer.json()).toMatchObject({ 'Number Deleted': 10, Errors: [] });
      },
      async check(node, c) {
        expect((await text(node, `/${c}`)).trim().split('\n')).toHaveLength(10);
        expect(await text(node, `/${c}/f/15`)).toBe('file 15');
        expect(await status(node, `/${c}/f/5`)).toBe(404);
      },
    },
    {
      name: 'uploads in parts by S3',
      async make(node, c) {
        const s3 = s3At(node);
        const what = { Bucket: c, Key: 'parts' };
        await s3.send(new CreateBucketCommand({ Bucket: c }));
        const { UploadId } = await s3.send(new CreateMultipartUploadCommand(what));
        const bodies = [Buffer.alloc(PART_BYTES, 'a'), Buffer.alloc(1000, 'b')];
        const Parts = await Promise.all(
          bodies.map(async (Body, index) => {
            const PartNumber = index + 1;
            const { ETag } = await s3.send(new UploadPartCommand({ ...what, UploadId, PartNumber, Body }));
            return { PartNumber, ETag };
          }),
        );
        await s3.send(new CompleteMultipartUploadCommand({ ...what, UploadId, MultipartUpload: { Parts } }));
      },
      async check(node, c) {
        const { Body } = await s3At(node).send(new GetObjectCommand({ Bucket: c, Key: 'parts' }));
        const found = Buffer.from((await Body?.transformToByteArray()) ?? []);
        expect(found.equals(Buffer.concat([Buffer.alloc(PART_BYTES, 'a'), Buffer.alloc(1000, 'b')]))).toBe(true);
      },
    },
    {
      name: 'container sync',
      async make(node, c) {
        await put(node, `/${c}-copy`, '', { 'x-container-sync-key': 'shared' });
        await put(node, `/${c}`);
        await put(node, `/${c}/before`, 'before');
        await ask(node, 'POST', `/${c}`, {
          headers: {
            'x-container-sync-key': 'shared',
            'x-container-sync-to': node.url(8080, `${account}/${c}-copy`),
          },
        });
        await put(node, `/${c}/after`, 'after');
      },
      async check(node, c) {
        for (const name of ['before', 'after'])
          await expect.poll(() => status(node, `/${c}-copy/${name}`), { timeout: DAEMON_MS }).toBe(200);
      },
    },
  ];

  /** Containers that were made, by feature. */
  const made: { feature: Feature; c: string }[] = [];
  let counter = 0;

  async function makeAll(nodes: readonly Martlet[]): Promise<void> {
    for (const node of nodes)
      for (const feature of FEATURES) {
        counter += 1;
        const c = `made-${counter}`;
        try {
          await feature.make(node, c);
        } catch (error) {
          throw new Error(`${feature.name}: ${c} cannot be made: ${error}`, { cause: error });
        }
        made.push({ feature, c });
      }
  }

  async function checkAll(nodes: readonly Martlet[]): Promise<void> {
    const failures: string[] = [];
    for (const node of nodes)
      for (const { feature, c } of made) {
        const where = node === cloud.first ? 'first' : 'second';
        await feature
          .check(node, c)
          .catch((error: unknown) => failures.push(`${feature.name}, ${c}, ${where}: ${error}`));
      }
    expect(failures).toEqual([]);
  }

  /** Bodies and fragments of more than 64 KiB on all devices of a node. */
  async function largeFilesOf(node: Martlet): Promise<number> {
    const entries = await readdir(join(node.data, 'devices'), { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile() && /\/large(\/|$)/.test(entry.parentPath)).length;
  }

  /** Objects that go soon, and what says that they did: their listings are empty. */
  async function expiring(node: Martlet, c: string): Promise<void> {
    await put(node, `/${c}`);
    for (let index = 0; index < 8; index += 1) await put(node, `/${c}/${index}`, 'x', { 'x-delete-after': '2' });
    const s3 = s3At(node);
    await s3.send(new CreateBucketCommand({ Bucket: `${c}-ruled` }));
    await s3.send(new PutObjectCommand({ Bucket: `${c}-ruled`, Key: 'old', Body: 'x' }));
    const yesterday = new Date(Math.floor(Date.now() / DAY_MS) * DAY_MS);
    const rule = { Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Date: yesterday } } as const;
    await s3.send(
      new PutBucketLifecycleConfigurationCommand({ Bucket: `${c}-ruled`, LifecycleConfiguration: { Rules: [rule] } }),
    );
  }

  async function expired(node: Martlet, c: string): Promise<void> {
    for (const container of [c, `${c}-ruled`])
      await expect.poll(() => text(node, `/${container}`), { timeout: DAEMON_MS }).toBe('');
  }

  const removedBy = (node: Martlet, by: string) =>
    node.printed
      .split('\n')
      .filter((line) => line.includes(by))
      .reduce((sum, line) => sum + (JSON.parse(line) as { removed: number }).removed, 0);
  const EXPIRER = 'expired objects were removed';
  const LIFECYCLE = 'objects were removed by the rules';

  it('written through either proxy are read through both', async () => {
    await makeAll([cloud.first, cloud.second]);
    await checkAll([cloud.first, cloud.second]);
  });

  it('daemons remove everything once, whichever node it falls to', async () => {
    const containers = ['soon-1', 'soon-2', 'soon-3', 'soon-4'];
    for (const c of containers) await expiring(cloud.second, c);
    for (const c of containers) await expired(cloud.first, c);
    const nodes = [cloud.first, cloud.second];
    const total = (by: string) => nodes.reduce((sum, node) => sum + removedBy(node, by), 0);
    await expect.poll(() => total(EXPIRER)).toBe(containers.length * 8);
    await expect.poll(() => total(LIFECYCLE)).toBe(containers.length);
  });

  it('are there while a storage node is dead, and take writes', async () => {
    await cloud.third.kill();
    await checkAll([cloud.first, cloud.second]);
    await makeAll([cloud.second]);
    await checkAll([cloud.first]);
    await cloud.third.up();
  });

  it('are there while a node with a proxy is dead, and its daemons’ work is done by the other', async () => {
    await cloud.second.kill();
    await checkAll([cloud.first]);
    const containers = ['late-1', 'late-2', 'late-3'];
    for (const c of containers) await expiring(cloud.first, c);
    for (const c of containers) await expired(cloud.first, c);
    await makeAll([cloud.first]);
    await checkAll([cloud.first]);
    const before = await largeFilesOf(cloud.second);
    await cloud.second.up();
    // Its fragments of what was written meanwhile lie on handoffs, or nowhere.
    await expect.poll(() => largeFilesOf(cloud.second), { timeout: DAEMON_MS }).toBeGreaterThan(before);
    await checkAll([cloud.second]);
  });

  it('what everybody may read is there while identity is dead', async () => {
    // What was written while a node was dead may have two replicas on one node.
    const whileAll = made.slice(0, 2 * FEATURES.length);
    const open = whileAll.filter(
      ({ feature }) => feature.name.startsWith('a policy') || feature.name === 'erasure coding',
    );
    await cloud.first.kill();
    for (const { c, feature } of open) {
      const name = feature.name === 'erasure coding' ? String(large.length) : '9';
      const answer = await fetch(cloud.second.url(8080, `${account}/${c}/${name}`));
      expect([c, answer.status]).toEqual([c, 200]);
      const found = Buffer.from(await answer.arrayBuffer());
      expect(found.equals(large.subarray(0, found.length)) && found.length > 100_000).toBe(true);
    }
    await cloud.first.up();
  });

  it('a proxy that has another root secret of the same name serves nothing that it cannot decrypt', async () => {
    const c = made[0]?.c ?? '';
    await cloud.second.down();
    const other = join(secretsFolder, 'other.json');
    await writeSecret(other);
    const stranger = await cloud.startSecond({ MARTLET_PROXY__ENCRYPTION__ROOT_SECRETS: other });
    try {
      const answer = await ask(stranger, 'GET', `/${c}/9`);
      expect([answer.status, (await answer.text()).includes('Error decrypting object')]).toEqual([500, true]);
      await expect.poll(() => stranger.printed).toContain("the root secret '1' is not the one that was used");
      const rows = JSON.parse(await text(stranger, `/${c}?format=json`)) as { hash: string }[];
      expect(new Set(rows.map(({ hash }) => hash))).toEqual(new Set(['<unknown>']));
    } finally {
      await stranger.down();
    }
    await cloud.second.up();
    expect((await bytes(cloud.second, `/${c}/9`)).length).toBeGreaterThan(100_000);
  });
});
