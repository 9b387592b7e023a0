import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImageHarness } from '../../support/image/image-harness.ts';
import { iso, luks, qcow2 } from '../../support/image/made-images.ts';

const asBody = (bytes: Buffer): Buffer<ArrayBuffer> => Buffer.from(bytes);

describe('the format of an image is inspected, not believed', () => {
  let image: ImageHarness;
  beforeAll(async () => {
    image = await ImageHarness.start();
  });
  afterAll(() => image.stop());

  it.each([
    ['qcow2', 'bare', qcow2(), 10 << 20],
    ['iso', 'bare', iso(), 65536],
    ['raw', 'bare', Buffer.alloc(1000), 1000],
    ['raw', 'bare', qcow2(), 4096],
    ['raw', 'bare', luks(), 8192],
    ['aki', 'aki', qcow2({ backing: 1n }), null],
    ['ari', 'ari', Buffer.from('a ramdisk'), null],
    ['ami', 'ami', Buffer.from('a file system'), null],
    ['qcow2', 'docker', Buffer.from('a tar'), null],
  ] as const)('%s in %s is taken', async (disk_format, container_format, bytes, virtual_size) => {
    const id = await image.create({ disk_format, container_format });
    expect((await image.upload(id, asBody(bytes))).status).toBe(204);
    expect(await image.show(id)).toMatchObject({ status: 'active', size: bytes.length, virtual_size });
  });

  it.each([
    ['qcow2', Buffer.alloc(100), "'qcow2' was declared, 'raw' was found"],
    ['iso', qcow2(), "'iso' was declared, 'qcow2' was found"],
    ['vmdk', luks(), "'vmdk' was declared, 'luks' was found"],
    ['qcow2', qcow2({ backing: 1n }), 'backing file'],
    ['raw', qcow2({ backing: 1n }), 'backing file'],
    ['raw', qcow2({ incompatible: 4n }), 'external data file'],
  ])('declared %s is refused with the reason, and leaves nothing', async (disk_format, bytes, reason) => {
    const id = await image.create({ disk_format });
    const response = await image.upload(id, asBody(bytes));
    expect(response.status).toBe(415);
    expect((await response.text()).replaceAll('&#39;', "'")).toContain(reason);
    expect(await image.show(id)).toMatchObject({ status: 'queued', size: null });
    expect((await readdir(image.images)).filter((name) => name.includes(id))).toEqual([]);
  });

  it('a dangerous image is refused long before its end, and its client may send on', async () => {
    const id = await image.create({ disk_format: 'qcow2' });
    let sent = 0;
    const large = async function* () {
      yield qcow2({ backing: 1n });
      for (; sent < 20 << 20; sent += 1 << 20) yield Buffer.alloc(1 << 20);
    };
    const response = await image.upload(id, ReadableStream.from(large()));
    expect(response.status).toBe(415);
    expect(await response.text()).toContain('backing file');
  });
});
