import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceSession } from '../../../auth/contract.ts';
import { LevelStore } from '../../../common/kv/level-store.ts';
import { Recovery } from '../../../image/actions/recovery.ts';
import { Transfers } from '../../../image/actions/transfers.ts';
import type { ImageRecord } from '../../../image/records/image-record.ts';
import { Images } from '../../../image/records/images.ts';
import { StoreSet } from '../../../image/stores/store-set.ts';
import { FakeSession } from '../../support/image/fake-session.ts';
import { configOf, ImageHarness } from '../../support/image/image-harness.ts';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

const SEGMENT_BYTES = 1000;

describe('images in a store that comes and goes', () => {
  let swift: FakeSwift;
  let image: ImageHarness;
  let isAway = false;
  beforeEach(async () => {
    isAway = false;
    swift = await FakeSwift.start();
    const session = new FakeSession(swift);
    const flaky: ServiceSession = {
      token: () => session.token(),
      forgetToken: () => session.forgetToken(),
      endpoint: async () => (isAway ? 'http://127.0.0.1:1/v1/AUTH_p1' : session.endpoint()),
    };
    image = await ImageHarness.start({
      session: flaky,
      config: configOf({
        stores: [{ id: 'objects', type: 'swift', segment_size_bytes: SEGMENT_BYTES }],
        default_store: 'objects',
      }),
    });
  });
  afterEach(async () => {
    await image.stop();
    await swift.stop();
  });

  const segments = async (): Promise<string[]> => (await swift.text('/glance')).split('\n').filter(Boolean);

  it('a deletion that its store refuses is seen at once and finished when the store is back', async () => {
    const id = await image.create();
    expect((await image.upload(id, randomBytes(2500))).status).toBe(204);
    expect(await segments()).toHaveLength(3);
    isAway = true;
    expect((await image.request('DELETE', `/v2/images/${id}`)).status).toBe(204);
    expect((await image.request('GET', `/v2/images/${id}`)).status).toBe(404);
    expect(await segments()).toHaveLength(3);
    isAway = false;
    await expect.poll(segments).toEqual([]);
  });

  it('an upload that its store refuses stays saving until its rest is gone, then may be sent again', async () => {
    const id = await image.create();
    isAway = true;
    expect((await image.upload(id, randomBytes(2500))).status).toBe(503);
    expect(await image.show(id)).toMatchObject({ status: 'saving' });
    isAway = false;
    await expect.poll(async () => (await image.show(id))['status']).toBe('queued');
    expect((await image.upload(id, randomBytes(2500))).status).toBe(204);
  });

  it('a download whose segment is lost ends in an error, not in a shorter image', async () => {
    const id = await image.create();
    await image.upload(id, randomBytes(2500));
    await swift.request('DELETE', `/glance/${id}-00002`);
    const read = image.request('GET', `/v2/images/${id}/file`).then((response) => response.arrayBuffer());
    await expect(read).rejects.toThrow();
  });
});

describe('recovery after a crash', () => {
  let folder: string;
  let store: LevelStore;
  let images: Images;
  let stores: StoreSet;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-image-'));
    store = await LevelStore.open(join(folder, 'records'));
    images = new Images(store);
    stores = new StoreSet(configOf({}), {
      session: { token: async () => '', forgetToken: () => undefined, endpoint: () => Promise.reject(new Error('no')) },
      dataFolder: folder,
    });
  });
  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  const recover = async (): Promise<void> => {
    const clock = { nowMs: () => 2 };
    const recovery = new Recovery({
      images,
      stores,
      transfers: new Transfers(),
      clock,
      logger: pino({ level: 'silent' }),
    });
    await recovery.start();
    await recovery.stop();
  };

  async function* bytes() {
    yield Buffer.from('bytes');
  }

  it('a deletion that was marked and not finished goes on: bytes first, then the record', async () => {
    const location = await stores.byId('file').write('11111111-2222-4333-8444-555555555555', bytes());
    const record = recordOf({
      id: '11111111-2222-4333-8444-555555555555',
      status: 'pending_delete',
      data: { sizeBytes: 5, virtualSizeBytes: 5, md5: '', sha512: '', copies: [{ store: 'file', location }] },
    });
    await images.insert(record);
    await recover();
    expect(await images.listUnfinished()).toEqual([]);
    await expect(
      stores.byId('file').read(location, { start: 0, end: 5 })[Symbol.asyncIterator]().next(),
    ).rejects.toThrow();
    await expect(images.insert(record), 'the id stays used').rejects.toMatchObject({ status: 409 });
  });

  it('bytes that a crash kept from their record are removed, and the image is queued', async () => {
    const id = randomUUID();
    const location = await stores.byId('file').write(id, bytes());
    await images.insert(recordOf({ id, status: 'saving', transfer: { id: randomUUID(), store: 'file' } }));
    await recover();
    expect(await images.get(id)).toMatchObject({ status: 'queued', transfer: null, data: null });
    await expect(
      stores.byId('file').read(location, { start: 0, end: 5 })[Symbol.asyncIterator]().next(),
    ).rejects.toThrow();
  });

  it('an upload that had succeeded after all keeps its bytes', async () => {
    const id = randomUUID();
    const location = await stores.byId('file').write(id, bytes());
    const transfer = { id: randomUUID(), store: 'file' };
    const data = { sizeBytes: 5, virtualSizeBytes: 5, md5: '', sha512: '', copies: [{ store: 'file', location }] };
    await images.insert(recordOf({ id, status: 'active', data }));
    const clock = { nowMs: () => 2 };
    const recovery = new Recovery({
      images,
      stores,
      transfers: new Transfers(),
      clock,
      logger: pino({ level: 'silent' }),
    });
    await recovery.undoTransfer(recordOf({ id, status: 'saving', transfer }));
    const step = await stores.byId('file').read(location, { start: 0, end: 5 })[Symbol.asyncIterator]().next();
    expect(String(step.value)).toBe('bytes');
  });
});

function recordOf(parts: Partial<ImageRecord>): ImageRecord {
  return {
    id: randomUUID(),
    name: null,
    status: 'queued',
    visibility: 'shared',
    owner: 'p1',
    protected: false,
    diskFormat: 'raw',
    containerFormat: 'bare',
    minDisk: 0,
    minRam: 0,
    hidden: false,
    tags: [],
    properties: {},
    members: [],
    createdAtMs: 1,
    updatedAtMs: 1,
    data: null,
    transfer: null,
    ...parts,
  };
}
