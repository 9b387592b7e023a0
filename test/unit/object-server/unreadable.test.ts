import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../common/log.ts';
import { checkDevice } from '../../../object-server/housekeeping/check-device.ts';
import { SEGMENT_HEADER_BYTES } from '../../../object-server/slab/limits.ts';
import { at } from '../../support/listing-store.ts';
import { indexOf } from '../../support/object-server/index-of.ts';
import { unreadableDisk } from '../../support/object-server/unreadable-disk.ts';
import { get, LISTING, makeObjectNode, type ObjectNode, put, refusalOf, TARGET } from '../../support/object-store.ts';

const named = (object: string) => ({ ...TARGET, object });

describe('what the disk does not give back', () => {
  let node: ObjectNode;
  /** Part of the paths that cannot be read. */
  let failing: string | undefined;
  /** The beginning of each file that can be read all the same. */
  let readableBytes: number;
  const disk = unreadableDisk(
    (path, position) => position >= readableBytes && failing !== undefined && path.includes(failing),
  );
  const bodies = { small: randomBytes(1000), large: randomBytes(1_000_000) };

  beforeEach(async () => {
    failing = undefined;
    readableBytes = 0;
    node = await makeObjectNode({ disk });
  });
  afterEach(() => node.remove());

  const marked = async () => (await indexOf(node.folder)).versions.filter(({ version }) => version.damaged).length;

  it.each([
    ['small', '/slabs/'],
    ['large', '/slabs/'],
    ['large', '/large/'],
  ] as const)('refuses a %s object, and serves it when %s can be read again', async (kind, folder) => {
    await put(node.store, TARGET, 1, bodies[kind]);
    const reader = await node.open(); // remembers nothing
    failing = folder;
    for (let time = 0; time < 3; time += 1)
      expect(await refusalOf(get(reader, TARGET))).toMatchObject({ code: 'DeviceUnavailable', status: 507 });
    expect(await marked()).toBe(0);
    failing = undefined;
    expect((await get(reader, TARGET)).equals(bodies[kind])).toBe(true);
    expect((await node.files()).filter((path) => path.startsWith('quarantine/'))).toEqual([]);
  });

  it('goes on with a large body where it began to fail', async () => {
    await put(node.store, TARGET, 1, bodies.large);
    const reading = await node.store.open(TARGET);
    failing = '/large/';
    const readAll = async () => {
      for await (const _chunk of reading.body(0, bodies.large.length));
    };
    expect(await refusalOf(readAll())).toMatchObject({ code: 'DeviceUnavailable' });
    await reading.close();
    failing = undefined;
    expect((await get(node.store, TARGET)).equals(bodies.large)).toBe(true);
  });

  it('can be deleted', async () => {
    await put(node.store, TARGET, 1, bodies.small, { metadata: { 'x-delete-at': '1800000000' } });
    const other = await node.open();
    failing = '/slabs/';
    expect(await other.remove(TARGET, { timestamp: at(2) })).toEqual({ existed: true });
    failing = undefined;
    expect(await refusalOf(other.open(TARGET))).toMatchObject({ code: 'ObjectNotFound' });
  });

  it('keeps its pending listing update, and does not keep others from being sent', async () => {
    node.listings.mode = 'fails';
    await put(node.store, named('unreadable'), 1, bodies.small);
    const store = await node.restart('stopped');
    await put(store, named('readable'), 1, bodies.small); // in a segment of its own
    node.listings.mode = 'takes';
    node.clock.nowMs = () => 1_700_000_100_000; // the listings are not left alone any more
    failing = '00000000';
    await store.sendUpdates();
    expect(node.listings.rows.map(({ name }) => name)).toEqual(['readable']);
    expect((await indexOf(node.folder)).pending).toHaveLength(1);
    failing = undefined;
    await store.sendUpdates();
    expect(node.listings.rows.map(({ name }) => name)).toEqual(['readable', 'unreadable']);
  });

  it('is not compacted, and other segments are', async () => {
    const segments = async () => (await node.files()).filter((path) => path.startsWith('slabs/')).sort();
    await put(node.store, named('a'), 1, bodies.small);
    await put(node.store, named('b'), 1, bodies.small);
    let store = await node.restart('stopped');
    const [unreadable = ''] = await segments();
    for (let round = 2; round < 60; round += 1) await put(store, named('a'), round, randomBytes(60_000));
    store = await node.restart('stopped');
    const before = (await segments()).length;
    failing = unreadable;
    readableBytes = SEGMENT_HEADER_BYTES;
    await store.housekeep();
    expect(await segments()).toContain(unreadable);
    expect((await segments()).length).toBeLessThan(before);
    failing = undefined;
    expect(await get(store, named('b'))).toEqual(bodies.small);
    await store.housekeep();
    expect(await get(store, named('b'))).toEqual(bodies.small);
  });

  it('is marked by a check that repairs, and the mark goes when all can be read again', async () => {
    await put(node.store, TARGET, 1, bodies.large, { listing: LISTING });
    await node.store.stop();
    const check = async (repair: boolean) => {
      const options = { repair, logger: createLogger('silent'), disk };
      return (await checkDevice(join(node.folder, 'd1'), options)).problems.map(({ kind }) => kind);
    };
    failing = '/large/';
    expect(await check(false)).toEqual(['damaged-version']);
    expect(await check(true)).toEqual(['damaged-version']);
    let store = await node.restart('killed');
    expect(await refusalOf(store.open(TARGET))).toMatchObject({ code: 'ObjectNotFound' });
    await store.stop();
    expect(await check(false)).toEqual([]);
    failing = undefined;
    expect(await check(false)).toEqual(['sound-version']);
    expect(await check(true)).toEqual(['sound-version']);
    expect(await check(true)).toEqual([]);
    store = await node.restart('killed');
    expect((await get(store, TARGET)).equals(bodies.large)).toBe(true);
  });
});
