import { createHash, randomBytes } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configOf, ImageHarness } from '../../support/image/image-harness.ts';

const MOST_BYTES = 8 << 20;

describe('image data', () => {
  let image: ImageHarness;
  beforeAll(async () => {
    image = await ImageHarness.start({ config: { most_image_bytes: MOST_BYTES } });
  });
  afterAll(() => image.stop());

  it('goes up and comes down unchanged, with its hashes and sizes', async () => {
    const bytes = randomBytes(3 << 20);
    const id = await image.create();
    expect((await image.upload(id, bytes)).status).toBe(204);
    const md5 = createHash('md5').update(bytes).digest('hex');
    expect(await image.show(id)).toMatchObject({
      status: 'active',
      size: bytes.length,
      virtual_size: bytes.length,
      checksum: md5,
      os_hash_algo: 'sha512',
      os_hash_value: createHash('sha512').update(bytes).digest('hex'),
      stores: 'file',
    });
    const response = await image.request('GET', `/v2/images/${id}/file`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-md5')).toBe(md5);
    expect(response.headers.get('content-length')).toBe(String(bytes.length));
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it.each([
    ['bytes=2-5', 206, '2345', 'bytes 2-5/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-4', 206, '6789', 'bytes 6-9/10'],
    ['bytes=8-99', 206, '89', 'bytes 8-9/10'],
    ['bytes=1-2,4-5', 200, '0123456789', null],
    ['lines=1-2', 200, '0123456789', null],
  ])('a GET with Range %s is answered %i', async (range, status, text, contentRange) => {
    const id = await image.create();
    await image.upload(id, '0123456789');
    const response = await image.request('GET', `/v2/images/${id}/file`, { headers: { range } });
    expect([response.status, await response.text()]).toEqual([status, text]);
    expect(response.headers.get('content-range')).toBe(contentRange);
  });

  it('a range beyond the end is answered 416 with the size', async () => {
    const id = await image.create();
    await image.upload(id, '0123456789');
    const response = await image.request('GET', `/v2/images/${id}/file`, { headers: { range: 'bytes=10-' } });
    expect(response.status).toBe(416);
    expect(response.headers.get('content-range')).toBe('bytes */10');
  });

  it('an image without data is answered 204, one with empty data 200', async () => {
    const id = await image.create();
    expect((await image.request('GET', `/v2/images/${id}/file`)).status).toBe(204);
    await image.upload(id, '');
    const response = await image.request('GET', `/v2/images/${id}/file`);
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  it('an active image takes no second upload', async () => {
    const id = await image.create();
    await image.upload(id, 'first');
    expect((await image.upload(id, 'second')).status).toBe(409);
    expect(await (await image.request('GET', `/v2/images/${id}/file`)).text()).toBe('first');
  });

  it('an upload without formats, of another type, or to an unknown store is refused', async () => {
    const id = await image.create({ disk_format: null });
    const missing = await image.upload(id, 'x');
    expect([missing.status, await missing.text()]).toEqual([400, expect.stringContaining('disk_format')]);
    const good = await image.create();
    expect((await image.upload(good, 'x', { headers: { 'content-type': 'text/plain' } })).status).toBe(415);
    expect((await image.upload(good, 'x', { headers: { 'x-image-meta-store': 'moon' } })).status).toBe(400);
    expect(await image.show(good)).toMatchObject({ status: 'queued' });
  });

  it('an upload over the size limit is refused, announced or not, and leaves nothing', async () => {
    const id = await image.create();
    const announced = await image
      .upload(id, 'x', {
        headers: { 'x-openstack-image-size': String(MOST_BYTES + 1), 'content-length': String(MOST_BYTES + 1) },
      })
      .catch(() => undefined);
    expect(announced === undefined || announced.status === 413).toBe(true);
    const chunk = randomBytes(1 << 20);
    const endless = async function* () {
      for (let sent = 0; sent <= MOST_BYTES; sent += chunk.length) yield chunk;
    };
    expect((await image.upload(id, ReadableStream.from(endless()))).status).toBe(413);
    expect(await image.show(id)).toMatchObject({ status: 'queued', size: null });
    expect((await readdir(image.images)).filter((name) => name.includes(id))).toEqual([]);
  });

  it('an upload that breaks off puts the image back to queued and leaves nothing', async () => {
    const id = await image.create();
    const broken = async function* () {
      yield randomBytes(2 << 20);
      throw new Error('the client dies');
    };
    await expect(image.upload(id, ReadableStream.from(broken()))).rejects.toThrow();
    await expect.poll(async () => (await image.show(id))['status']).toBe('queued');
    expect((await readdir(image.images)).filter((name) => name.includes(id))).toEqual([]);
    expect((await image.upload(id, 'again')).status).toBe(204);
  });

  it('an image deleted while it is uploaded ends the upload with 410 and leaves nothing', async () => {
    const id = await image.create();
    let release: (() => void) | undefined;
    const deleted = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = async function* () {
      yield randomBytes(2 << 20);
      await deleted;
      yield randomBytes(10);
    };
    const upload = image.upload(id, ReadableStream.from(slow()));
    await expect.poll(async () => (await image.show(id))['status']).toBe('saving');
    expect((await image.request('DELETE', `/v2/images/${id}`)).status).toBe(204);
    release?.();
    expect((await upload).status).toBe(410);
    expect((await image.request('GET', `/v2/images/${id}`)).status).toBe(404);
    expect((await readdir(image.images)).filter((name) => name.includes(id))).toEqual([]);
  });

  it('damaged bytes break the download off before its end', async () => {
    const id = await image.create();
    await image.upload(id, 'good bytes');
    await writeFile(join(image.images, id), 'evil bytes');
    const response = await image
      .request('GET', `/v2/images/${id}/file`)
      .then(
        (answer) => answer.text(),
        () => 'no answer',
      )
      .catch(() => 'broken off');
    expect(response).not.toBe('evil bytes');
  });

  it('a deactivated image is read by admins only', async () => {
    const id = await image.create();
    await image.upload(id, 'secret');
    expect((await image.request('POST', `/v2/images/${id}/actions/deactivate`)).status).toBe(204);
    expect((await image.request('GET', `/v2/images/${id}/file`)).status).toBe(403);
    expect((await image.request('GET', `/v2/images/${id}/file`, { token: 'admin' })).status).toBe(200);
    expect((await image.request('POST', `/v2/images/${id}/actions/reactivate`)).status).toBe(204);
    expect((await image.request('GET', `/v2/images/${id}/file`)).status).toBe(200);
  });

  it('what a crash left saving goes back to queued at the next start, without its bytes', async () => {
    const crashed = await ImageHarness.start();
    const id = await crashed.create();
    const never = async function* () {
      yield randomBytes(2 << 20);
      await new Promise(() => undefined);
    };
    const upload = crashed.upload(id, ReadableStream.from(never())).catch(() => undefined);
    await expect.poll(async () => (await readdir(crashed.images).catch(() => [])).length).toBe(1);
    // What kill -9 leaves: records as they are now, files as they are now.
    const { LevelStore } = await import('../../../common/kv/level-store.ts');
    const { cp, mkdtemp } = await import('node:fs/promises');
    const { tmpdir } = await import('node:os');
    const copy = await mkdtemp(join(tmpdir(), 'martlet-image-'));
    await cp(crashed.folder, copy, { recursive: true });
    await crashed.stop();
    await upload;
    await expect(LevelStore.open(join(copy, 'records')).then((store) => store.close())).resolves.toBeUndefined();
    const restarted = await ImageHarness.start({ folder: copy });
    expect(await restarted.show(id)).toMatchObject({ status: 'queued', size: null });
    expect(await readdir(restarted.images)).toEqual([]);
    expect((await restarted.upload(id, 'again')).status).toBe(204);
    await restarted.stop();
  });

  it('the swift store is not offered in a cloud without an object store', async () => {
    const both = await ImageHarness.start({ config: configOf({}) });
    expect((await both.json('GET', '/v2/info/stores')).body).toEqual({ stores: [{ id: 'file', default: 'true' }] });
    await both.stop();
  });
});
