import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileStore } from '../../../image/stores/file-store.ts';
import { SwiftStore } from '../../../image/stores/swift-store.ts';
import { FakeSession } from '../../support/image/fake-session.ts';
import { chunksOf, gather, testImageStore } from '../../support/image/store-suite.ts';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

testImageStore(
  'file',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'martlet-file-store-'));
    return {
      store: new FileStore(join(folder, 'images')),
      names: () => readdir(join(folder, 'images')),
      close: () => rm(folder, { recursive: true }),
    };
  },
  { several: (3 << 20) + 17, boundary: 1 << 20 },
);

const SEGMENT_BYTES = 100_000;

testImageStore(
  'swift',
  async () => {
    const swift = await FakeSwift.start();
    return {
      store: new SwiftStore({ session: new FakeSession(swift), container: 'glance', segmentBytes: SEGMENT_BYTES }),
      names: async () => (await swift.text('/glance')).split('\n'),
      close: () => swift.stop(),
    };
  },
  { several: 5 * SEGMENT_BYTES + 17, boundary: SEGMENT_BYTES },
);

describe('the swift store', () => {
  let swift: FakeSwift;
  beforeAll(async () => {
    swift = await FakeSwift.start();
  });
  afterAll(() => swift.stop());

  const id = '11111111-2222-4333-8444-555555555555';

  it('names segments by image and number, and lists them in the location', async () => {
    const store = new SwiftStore({ session: new FakeSession(swift), container: 'glance', segmentBytes: 10 });
    const location = await store.write(id, chunksOf(Buffer.from('0123456789abcdefghijKLM'), 7));
    expect(location).toEqual({
      kind: 'swift',
      sizeBytes: 23,
      container: 'glance',
      segments: [
        { name: `${id}-00001`, sizeBytes: 10 },
        { name: `${id}-00002`, sizeBytes: 10 },
        { name: `${id}-00003`, sizeBytes: 3 },
      ],
    });
    expect(await swift.text(`/glance/${id}-00002`)).toBe('abcdefghij');
    await store.delete(location);
  });

  it('asks a range of the segments that it touches only', async () => {
    const store = new SwiftStore({ session: new FakeSession(swift), container: 'glance', segmentBytes: 10 });
    const location = await store.write(id, chunksOf(Buffer.from('0123456789abcdefghijKLM'), 7));
    await swift.request('DELETE', `/glance/${id}-00001`);
    expect((await gather(store.read(location, { start: 15, end: 22 }))).toString()).toBe('fghijKL');
    await expect(gather(store.read(location, { start: 9, end: 22 }))).rejects.toMatchObject({ status: 503 });
    await store.delete(location);
  });

  it('logs in again, once, when its token has been revoked', async () => {
    const revoked = new SwiftStore({
      session: new FakeSession(swift, ['revoked', 'member']),
      container: 'glance',
      segmentBytes: 10,
    });
    const location = await revoked.write(id, chunksOf(Buffer.from('0123456789ab'), 7));
    const again = new SwiftStore({
      session: new FakeSession(swift, ['revoked', 'member']),
      container: 'glance',
      segmentBytes: 10,
    });
    expect((await gather(again.read(location, { start: 0, end: 12 }))).toString()).toBe('0123456789ab');
    const hopeless = new SwiftStore({
      session: new FakeSession(swift, ['revoked', 'revoked', 'member']),
      container: 'glance',
      segmentBytes: 10,
    });
    await expect(gather(hopeless.read(location, { start: 0, end: 1 }))).rejects.toMatchObject({ status: 503 });
    await again.delete(location);
  });

  it('takes no image when the object store is out of reach', async () => {
    const store = new SwiftStore({
      session: {
        token: async () => 'x',
        forgetToken: () => undefined,
        endpoint: async () => 'http://127.0.0.1:1/v1/a',
      },
      container: 'glance',
      segmentBytes: 10,
    });
    await expect(store.write(id, chunksOf(Buffer.from('0123'), 7))).rejects.toMatchObject({ code: 'StoreUnavailable' });
  });
});
