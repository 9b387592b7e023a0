import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at } from '../../support/listing-store.ts';
import {
  get,
  LISTING,
  makeObjectNode,
  newObject,
  OBJECT_CONFIG,
  type ObjectNode,
  put,
  refusalOf,
  TARGET,
} from '../../support/object-store.ts';

const FORMER = 'f'.repeat(16);

describe('pending listing updates', () => {
  let node: ObjectNode;
  const body = Buffer.from('body');

  beforeEach(async () => {
    node = await makeObjectNode({ config: { ...OBJECT_CONFIG, listing_timeout_ms: 50 } });
  });
  afterEach(() => node.remove());

  const pending = async () => (await node.files()).filter((path) => path.startsWith('pending/'));

  it('are gone once the listing has the row', async () => {
    await put(node.store, TARGET, 1, body);
    expect(await pending()).toEqual([]);
  });

  it('are durable before the version is visible, and stay while the listing does not answer', async () => {
    node.listings.mode = 'hangs';
    await put(node.store, TARGET, 1, body);
    expect(await pending()).toHaveLength(1);
    expect(await get(node.store, TARGET)).toEqual(body);
    node.listings.release('takes');
    await expect.poll(pending).toEqual([]);
    expect(node.listings.rows).toHaveLength(1);
  });

  it('take a version back whose container turns out to be gone after it was acknowledged', async () => {
    node.listings.mode = 'hangs';
    await put(node.store, TARGET, 1, body);
    node.listings.release('gone');
    await expect.poll(pending).toEqual([]);
    expect(await refusalOf(node.store.open(TARGET))).toMatchObject({
      code: 'ObjectNotFound',
      details: { timestamp: at(1) },
    });
  });

  it('that a former process left are sent when the store starts, and tell what is true then', async () => {
    const former = await node.open({ processToken: FORMER, housekeeping: false });
    node.listings.mode = 'fails';
    await put(former, TARGET, 1, body);
    await put(former, { ...TARGET, object: 'deleted' }, 1, body);
    await former.remove({ ...TARGET, object: 'deleted' }, { timestamp: at(2), listing: LISTING });
    await former.setMetadata(TARGET, { timestamp: at(3), metadata: {}, contentType: 'image/png', listing: LISTING });
    expect(await pending()).toHaveLength(4);
    node.listings.mode = 'takes';
    await node.open();
    expect(await pending()).toEqual([]);
    const rows = node.listings.rows.filter(({ name }) => name === TARGET.object);
    expect(new Set(rows.map((row) => JSON.stringify(row))).size).toBe(1);
    expect(rows[0]).toMatchObject({ timestamp: at(1), contentType: 'image/png', metadataTimestamp: at(3) });
    expect(node.listings.rows.filter(({ name }) => name === 'deleted')).toContainEqual({
      name: 'deleted',
      timestamp: at(2),
      deleted: true,
    });
  });

  it('are told to every replica of the container, for no other object server may know of the write', async () => {
    const former = await node.open({ processToken: FORMER, housekeeping: false });
    node.listings.mode = 'fails';
    const others = ['d2', 'd3'].map((device) => ({ ...LISTING, device }));
    await put(former, TARGET, 1, body, { listing: { ...LISTING, others } });
    node.listings.mode = 'takes';
    await node.open();
    expect(await pending()).toEqual([]);
    expect(node.listings.rows).toHaveLength(3);
  });

  it('that fail at the start are kept and sent later', async () => {
    const former = await node.open({ processToken: FORMER, housekeeping: false });
    node.listings.mode = 'fails';
    await put(former, TARGET, 1, body);
    const store = await node.open();
    expect(await pending()).toHaveLength(1);
    node.listings.mode = 'takes';
    await store.sendUpdates();
    expect(await pending(), 'the replica is left alone for a while').toHaveLength(1);
    node.clock.nowMs = () => 1_700_000_001_000;
    await store.sendUpdates();
    expect(await pending()).toEqual([]);
    expect(node.listings.rows).toHaveLength(1);
  });

  it('of a version that never became visible are forgotten, and list nothing', async () => {
    const former = await node.open({ processToken: FORMER, housekeeping: false });
    node.listings.mode = 'fails';
    await put(former, TARGET, 1, body);
    node.listings.mode = 'takes';
    const [version = ''] = (await node.files()).filter((path) => path.startsWith('objects/'));
    await unlink(join(node.folder, 'd1', version)); // as if the crash had come before the version got its name
    await node.open();
    expect(await pending()).toEqual([]);
    expect(node.listings.rows).toEqual([]);
  });

  it('whose container is gone take their version back when the store starts', async () => {
    const former = await node.open({ processToken: FORMER, housekeeping: false });
    node.listings.mode = 'fails';
    await put(former, TARGET, 1, body);
    node.listings.mode = 'gone';
    await node.open();
    expect(await pending()).toEqual([]);
    expect(await refusalOf(node.store.open(TARGET))).toMatchObject({ code: 'ObjectNotFound' });
  });

  it('of this process are left to those who wait for them', async () => {
    node.listings.mode = 'hangs';
    await put(node.store, TARGET, 1, body);
    node.listings.mode = 'takes';
    await node.store.sendUpdates();
    expect(node.listings.rows).toEqual([]);
    expect(await pending()).toHaveLength(1);
  });
});

describe('what a crash leaves of an upload', () => {
  it('is removed at the next start, and what this process writes is not', async () => {
    const node = await makeObjectNode();
    try {
      const former = await node.open({ processToken: FORMER, housekeeping: false });
      const crashed = await former.create(TARGET, newObject(1));
      await crashed.write(Buffer.alloc(2 << 20));
      const running = await node.store.create(TARGET, newObject(2));
      await running.write(Buffer.alloc(2 << 20));
      const temporary = async () => (await readdir(join(node.folder, 'd1', 'tmp'))).map((name) => name.split('.')[0]);
      await expect.poll(temporary).toHaveLength(2);
      await node.open();
      expect(await temporary()).not.toContain(FORMER);
      expect(await temporary()).toHaveLength(1);
      await running.abort();
      expect(await temporary()).toEqual([]);
      await crashed.abort();
    } finally {
      await node.remove();
    }
  });
});
