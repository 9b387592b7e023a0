import { randomBytes } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeDisk } from '../../../object-server/disk/node-disk.ts';
import { largeLabelOf } from '../../../object-server/engine/large-label.ts';
import { openLargeFiles } from '../../../object-server/large/large-files.ts';
import type { LocalObjectStore } from '../../../object-server/store.ts';
import { at } from '../../support/listing-store.ts';
import { indexOf } from '../../support/object-server/index-of.ts';
import {
  get,
  makeObjectNode,
  OBJECT_CONFIG,
  type ObjectNode,
  put,
  refusalOf,
  TARGET,
} from '../../support/object-store.ts';

const DAY_MS = 86_400_000;
const named = (object: string) => ({ ...TARGET, object });

describe('housekeeping', () => {
  let node: ObjectNode;
  const bodies = new Map<string, Buffer>();

  beforeEach(async () => {
    node = await makeObjectNode();
    bodies.clear();
  });
  afterEach(() => node.remove());

  const files = async (folder: string) => (await node.files()).filter((path) => path.startsWith(`${folder}/`));

  async function slabBytes(): Promise<number> {
    const sizes = await Promise.all((await files('slabs')).map((path) => stat(join(node.folder, 'd1', path))));
    return sizes.reduce((sum, { size }) => sum + size, 0);
  }

  async function write(store: LocalObjectStore, ticks: number, names: number, sizeBytes = 40_000): Promise<void> {
    await Promise.all(
      Array.from({ length: names }, async (_, index) => {
        const body = randomBytes(sizeBytes);
        bodies.set(`o${index}`, body);
        await put(store, named(`o${index}`), ticks, body);
      }),
    );
  }

  async function expectAll(store: LocalObjectStore): Promise<void> {
    for (const [name, body] of bodies) expect((await get(store, named(name))).equals(body), name).toBe(true);
  }

  it('uses the space of what was overwritten again, and keeps what is alive', async () => {
    for (let round = 1; round <= 8; round += 1) {
      await write(node.store, round, 60); // more than two segments each
      await node.store.housekeep();
    }
    expect(await slabBytes(), '20 MiB were written, 2.4 are alive').toBeLessThan(10 << 20);
    await expectAll(node.store);
    await expectAll(await node.restart('killed'));
    expect((await indexOf(node.folder)).versions.length).toBeLessThan(60 * 4);
  });

  it('loses nothing to a kill, nor where the index is lost after it', async () => {
    for (let round = 1; round <= 4; round += 1) await write(node.store, round, 40);
    await node.store.remove(named('o39'), { timestamp: at(9) });
    bodies.delete('o39');
    await node.store.housekeep();
    await write(node.store, 10, 20);
    await expectAll(await node.restart('killed'));
    await expectAll(await node.restart('stopped'));
    await (await node.restart('stopped')).stop();
    await rm(join(node.folder, 'd1', 'index'), { recursive: true });
    const store = await node.restart('killed');
    await expectAll(store);
    expect(await refusalOf(store.open(named('o39')))).toMatchObject({ details: { timestamp: at(9) } });
  });

  it('lets lanes go on meanwhile', async () => {
    const other = await node.open();
    for (let round = 1; round <= 6; round += 1)
      await Promise.all([write(round % 2 === 0 ? node.store : other, round, 50), node.store.housekeep()]);
    await node.store.housekeep();
    await expectAll(node.store);
    await expectAll(other);
    await expectAll(await node.restart('killed'));
  });

  it('leaves a segment alone in which a write still waits to be listed', async () => {
    await node.remove();
    node = await makeObjectNode({ config: { ...OBJECT_CONFIG, listing_timeout_ms: 200 } }); // all wait for it once
    await write(node.store, 1, 10);
    node.listings.mode = 'hangs';
    const waiting = put(node.store, named('waiting'), 1, Buffer.from('body'));
    await expect.poll(async () => (await indexOf(node.folder)).versions).toHaveLength(11);
    node.listings.mode = 'takes';
    await write(node.store, 2, 60);
    for (let index = 0; index < 60; index += 1) await node.store.remove(named(`o${index}`), { timestamp: at(3) });
    node.listings.rows = [];
    await node.store.housekeep();
    await node.restart('killed');
    expect(node.listings.rows.map(({ name }) => name)).toContain('waiting');
    node.listings.release('takes');
    await waiting;
  });

  it('keeps deletions for the reclaim age, and longer as long as there is something below them', async () => {
    await put(node.store, TARGET, 1, Buffer.from('body'));
    await node.store.remove(TARGET, { timestamp: at(2) });
    let store = await node.restart('stopped'); // seals the segment
    await store.housekeep();
    const kinds = async () => (await indexOf(node.folder)).versions.map(({ version }) => version.kind);
    expect(await kinds()).toEqual(['tombstone']);
    expect(await refusalOf(store.open(TARGET))).toMatchObject({ details: { timestamp: at(2) } });
    expect(await refusalOf(put(store, TARGET, 1, Buffer.from('late')))).toMatchObject({ code: 'OlderVersion' });
    node.clock.nowMs = () => 1_700_000_000_000 + 8 * DAY_MS;
    store = await node.restart('stopped');
    await store.housekeep();
    expect(await kinds()).toEqual([]);
    store = await node.restart('killed');
    expect(await kinds()).toEqual([]);
    expect(await refusalOf(store.open(TARGET))).toMatchObject({ code: 'ObjectNotFound', details: {} });
  });

  it('removes the file of a large object that was replaced or deleted, and never one that is alive', async () => {
    const large = randomBytes(200_000);
    for (const name of ['replaced', 'deleted', 'alive']) await put(node.store, named(name), 1, large);
    await put(node.store, named('replaced'), 2, Buffer.from('small'));
    await node.store.remove(named('deleted'), { timestamp: at(2) });
    expect(await files('large')).toHaveLength(3);
    await node.store.housekeep();
    expect(await files('large')).toHaveLength(1);
    expect((await get(node.store, named('alive'))).equals(large)).toBe(true);
    const store = await node.restart('killed');
    await store.housekeep();
    expect((await get(store, named('alive'))).equals(large)).toBe(true);
    expect(await get(store, named('replaced'))).toEqual(Buffer.from('small'));
    expect(await refusalOf(store.open(named('deleted')))).toMatchObject({ code: 'ObjectNotFound' });
  });

  it('removes a large body that never got its needle, after a while', async () => {
    const large = randomBytes(200_000);
    await put(node.store, named('alive'), 1, large);
    const [{ object: key } = { object: undefined }] = (await indexOf(node.folder)).versions;
    if (key === undefined) throw new Error('nothing was written');
    const orphan = openLargeFiles({ disk: nodeDisk, folder: join(node.folder, 'd1') });
    for (const ticks of [1, 2]) {
      const upload = orphan.begin({ seed: 1n, label: largeLabelOf(key, at(ticks)) });
      await upload.write(large);
      await upload.finish();
    }
    await node.store.housekeep();
    expect(await files('large'), 'one may be about to get its needle').toHaveLength(3);
    node.clock.nowMs = () => 1_700_000_000_000 + DAY_MS;
    await node.store.housekeep();
    expect(await files('large')).toHaveLength(1);
    expect((await get(node.store, named('alive'))).equals(large)).toBe(true);
  });

  it('gives free segments beyond a few back to the file system', async () => {
    await write(node.store, 1, 200);
    expect((await files('slabs')).length).toBeGreaterThan(7);
    for (const name of bodies.keys()) await node.store.remove(named(name), { timestamp: at(2) });
    bodies.clear();
    await node.store.housekeep();
    await node.store.housekeep();
    expect((await files('slabs')).length).toBeLessThan(7);
    await write(node.store, 3, 50);
    await expectAll(node.store);
    await expectAll(await node.restart('killed'));
  });
});
