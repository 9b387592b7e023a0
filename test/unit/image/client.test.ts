import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createImageClient } from '../../../image/client.ts';
import { ImageHarness } from '../../support/image/image-harness.ts';
import { gather } from '../../support/image/store-suite.ts';

describe('the image client', () => {
  let image: ImageHarness;
  const client = createImageClient({ endpoint: async () => `${image.url}/` });
  beforeAll(async () => {
    image = await ImageHarness.start();
  });
  afterAll(() => image.stop());

  async function* bytes() {
    yield Buffer.from('01234');
    yield Buffer.from('56789');
  }

  it('makes, fills, shows, reads and deletes an image', async () => {
    const made = await client.create('alice', {
      name: 'boot',
      disk_format: 'raw',
      container_format: 'bare',
      properties: { kernel_id: '11111111-2222-4333-8444-555555555555', os_distro: 'debian' },
    });
    expect(made).toMatchObject({ status: 'queued', properties: { os_distro: 'debian' } });
    await client.upload('alice', made.id, { data: bytes(), sizeBytes: 10, store: 'file' });
    const shown = await client.show('alice', made.id);
    expect(shown).toMatchObject({ id: made.id, name: 'boot', status: 'active', size: 10, owner: 'p1' });
    expect(shown.properties).toEqual({
      kernel_id: '11111111-2222-4333-8444-555555555555',
      os_distro: 'debian',
    });
    expect((await gather(await client.data('alice', made.id))).toString()).toBe('0123456789');
    expect((await gather(await client.data('alice', made.id, { start: 3, end: 5 }))).toString()).toBe('345');
    expect((await gather(await client.data('alice', made.id, { start: 8 }))).toString()).toBe('89');
    await client.delete('alice', made.id);
    await expect(client.show('alice', made.id)).rejects.toMatchObject({ code: 'ImageNotFound', status: 404 });
  });

  it('says why an upload or a range was refused, in the words of the service', async () => {
    const { id } = await client.create('alice', { disk_format: 'qcow2', container_format: 'bare' });
    await expect(client.upload('alice', id, { data: bytes() })).rejects.toMatchObject({
      status: 415,
      code: 'ImageRefused',
      message: expect.stringContaining("'qcow2' was declared"),
    });
    expect(await gather(await client.data('alice', id))).toHaveLength(0);
    await expect(client.data('bob', id)).rejects.toMatchObject({ code: 'ImageNotFound' });
    await expect(client.show('nobody', id)).rejects.toMatchObject({ code: 'ImageNotAuthenticated' });
  });

  it('a reader may stop early', async () => {
    const { id } = await client.create('alice', { disk_format: 'raw', container_format: 'bare' });
    const large = Buffer.alloc(8 << 20);
    await client.upload('alice', id, {
      data: (async function* () {
        yield large;
      })(),
    });
    const stream = await client.data('alice', id);
    for await (const chunk of stream) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    const dropped = await client.data('alice', id);
    dropped.destroy();
    expect(await client.show('alice', id)).toMatchObject({ status: 'active' });
  });

  it('an image service that is not there is unavailable', async () => {
    const nowhere = createImageClient({ endpoint: async () => 'http://127.0.0.1:1' });
    await expect(nowhere.show('alice', 'x')).rejects.toMatchObject({ code: 'ImageServiceUnavailable', status: 503 });
    await expect(nowhere.data('alice', 'x')).rejects.toMatchObject({ code: 'ImageServiceUnavailable' });
  });
});
