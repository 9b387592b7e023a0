import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import S3rver from 's3rver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Martlet } from '../support/martlet.ts';
import { client, openstack, openstackQuietly } from '../support/openstack.ts';

const SEGMENT_BYTES = 5 << 20;

/** Judge 3: three formats to two stores and back, with Glance's own client. */
describe('images in the swift and s3 stores', () => {
  let martlet: Martlet;
  let folder: string;
  let s3: S3rver;
  let s3Port: number;
  const files: Record<string, string> = {};

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-images-'));
    await makeImages();
    s3 = new S3rver({
      port: 0,
      address: '127.0.0.1',
      silent: true,
      directory: join(folder, 's3'),
      configureBuckets: [{ name: 'glance', configs: [] }],
    });
    const { port } = await s3.run();
    s3Port = port;
    const config = join(folder, 'martlet.yaml');
    await writeFile(
      config,
      JSON.stringify({
        image: {
          default_store: 'swift',
          stores: [
            { id: 'file', type: 'file' },
            { id: 'swift', type: 'swift', segment_size_bytes: SEGMENT_BYTES },
            {
              id: 's3',
              type: 's3',
              endpoint: `http://127.0.0.1:${port}`,
              bucket: 'glance',
              access_key: 'S3RVER',
              secret_key: 'S3RVER',
              region: 'us-east-1',
            },
          ],
        },
      }),
    );
    martlet = await Martlet.start({ args: ['--config', config] });
    await openstackQuietly(martlet, ['role', 'add', '--user', 'admin', '--project', 'service', 'admin'], 'admin');
  });

  afterAll(async () => {
    await martlet?.remove();
    await s3?.close();
    await rm(folder, { recursive: true });
  });

  async function makeImages(): Promise<void> {
    files['raw'] = join(folder, 'disk.raw');
    await writeFile(files['raw'], randomBytes(12 << 20));
    files['qcow2'] = join(folder, 'disk.qcow2');
    await execa('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', files['raw'], files['qcow2']]);
    files['iso'] = join(folder, 'disk.iso');
    await execa('xorriso', ['-as', 'mkisofs', '-quiet', '-o', files['iso'], files['raw']]);
  }

  const glance = (...args: string[]) => client(martlet, 'glance', args);

  async function create(format: string, store: string): Promise<string> {
    const args = [
      'image-create',
      '--name',
      `${format}-${store}`,
      '--disk-format',
      format,
      '--container-format',
      'bare',
    ];
    const { stdout } = await glance(...args, '--store', store, '--file', files[format] ?? '');
    return /\|\s+id\s+\|\s+([0-9a-f-]{36})/.exec(stdout)?.[1] ?? '';
  }

  /** The service project's container, where the admin has given himself a look. */
  async function segmentsOf(id: string): Promise<string[]> {
    const environment = { ...(await martlet.environment('admin')), OS_PROJECT_NAME: 'service', PATH: '/usr/bin:/bin' };
    const { stdout } = await execa('/usr/bin/swift', ['list', 'glance', '--prefix', id], { env: environment });
    return stdout.split('\n').filter(Boolean);
  }

  for (const store of ['swift', 's3']) {
    for (const format of ['qcow2', 'raw', 'iso']) {
      it(`keeps a ${format} in ${store} and gives it back unchanged, whole and by range`, async () => {
        const original = await readFile(files[format] ?? '');
        const id = await create(format, store);
        const shown = await openstack<{ status: string; properties: Record<string, string> } & Record<string, unknown>>(
          martlet,
          ['image', 'show', id],
        );
        expect(shown).toMatchObject({
          status: 'active',
          size: original.length,
          checksum: createHash('md5').update(original).digest('hex'),
        });
        expect(shown.properties).toMatchObject({
          os_hash_algo: 'sha512',
          os_hash_value: createHash('sha512').update(original).digest('hex'),
          stores: store,
        });
        const saved = join(folder, 'saved');
        await glance('image-download', '--file', saved, id);
        expect((await readFile(saved)).equals(original)).toBe(true);
        const { id: token } = await openstack(martlet, ['token', 'issue']);
        for (const [start, end] of [
          [0, 99],
          [SEGMENT_BYTES - 10, SEGMENT_BYTES + 10],
          [original.length - 7, original.length - 1],
        ] as const) {
          const response = await fetch(martlet.url(9292, `/v2/images/${id}/file`), {
            headers: { 'x-auth-token': String(token), range: `bytes=${start}-${end}` },
          });
          expect(response.status).toBe(206);
          expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end}/${original.length}`);
          expect(Buffer.from(await response.arrayBuffer()).equals(original.subarray(start, end + 1))).toBe(true);
        }
        if (store === 'swift') expect(await segmentsOf(id)).toHaveLength(Math.ceil(original.length / SEGMENT_BYTES));
        await openstackQuietly(martlet, ['image', 'delete', id]);
        if (store === 'swift') await expect.poll(() => segmentsOf(id), { timeout: 20_000 }).toEqual([]);
        else await expect.poll(() => s3Keys(), { timeout: 20_000 }).toEqual([]);
      });
    }
  }

  async function s3Keys(): Promise<string[]> {
    const { S3Client, ListObjectsV2Command } = await import('@aws-sdk/client-s3');
    const s3Client = new S3Client({
      endpoint: `http://127.0.0.1:${s3Port}`,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
    });
    const { Contents = [] } = await s3Client.send(new ListObjectsV2Command({ Bucket: 'glance' }));
    s3Client.destroy();
    return Contents.map(({ Key = '' }) => Key);
  }

  it('refuses a qcow2 that names a backing file or an external data file', async () => {
    const backed = join(folder, 'backed.qcow2');
    await execa('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', '/etc/passwd', '-F', 'raw', backed, '1M']);
    const external = join(folder, 'external.qcow2');
    await execa('qemu-img', [
      'create',
      '-q',
      '-f',
      'qcow2',
      '-o',
      `data_file=${join(folder, 'data.raw')},data_file_raw=on`,
      external,
      '1M',
    ]);
    for (const file of [backed, external]) {
      const args = [
        'image-create',
        '--name',
        'bad',
        '--disk-format',
        'qcow2',
        '--container-format',
        'bare',
        '--file',
        file,
      ];
      await expect(glance(...args)).rejects.toThrow(/415/);
    }
  });
});
