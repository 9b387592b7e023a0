import { mkdtemp, readdir, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from 's3rver';
import { S3Store } from '../../../image/stores/s3-store.ts';
import { testImageStore } from '../../support/image/store-suite.ts';

const PART_BYTES = 5 << 20;

testImageStore(
  's3',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'martlet-s3-store-'));
    const server = new S3rver({
      port: 0,
      address: '127.0.0.1',
      silent: true,
      directory: folder,
      configureBuckets: [{ name: 'glance', configs: [] }],
    });
    const { port } = (await server.run()) as unknown as AddressInfo;
    return {
      store: new S3Store({
        endpoint: `http://127.0.0.1:${port}`,
        region: 'us-east-1',
        bucket: 'glance',
        accessKey: 'S3RVER',
        secretKey: 'S3RVER',
        pathStyle: true,
        partBytes: PART_BYTES,
      }),
      names: async () =>
        (await readdir(join(folder, 'glance'), { recursive: true })).filter((name) => !name.startsWith('.')),
      close: async () => {
        await server.close();
        await rm(folder, { recursive: true });
      },
    };
  },
  { several: 2 * PART_BYTES + 17, boundary: PART_BYTES },
);
