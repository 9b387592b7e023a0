import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectTarget } from '../../../object-server/contract.ts';
import { nameSlotOf, objectKeyOf } from '../../../object-server/engine/object-key.ts';
import { IndexError } from '../../../object-server/errors.ts';
import type { VersionIndex } from '../../../object-server/index/contract.ts';
import { openLevelIndex } from '../../../object-server/index/level-index.ts';
import { at } from '../../support/listing-store.ts';
import { indexOf } from '../../support/object-server/index-of.ts';
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

/** Two names that share an entry of `changes` and `newest`. */
function namesOfOneSlot(): [string, string] {
  const names = new Map<number, string>();
  for (let index = 0; ; index += 1) {
    const object = `o${index}`;
    const slot = nameSlotOf(objectKeyOf('k', { ...TARGET, object }));
    const former = names.get(slot);
    if (former !== undefined) return [former, object];
    names.set(slot, object);
  }
}

describe('pending listing updates', () => {
  let node: ObjectNode;
  const body = Buffer.from('body');

  beforeEach(async () => {
    node = await makeObjectNode({ config: { ...OBJECT_CONFIG, listing_timeout_ms: 50 } });
  });
  afterEach(() => node.remove());

  const pending = async () => (await indexOf(node.folder)).pending;

  it('are not noted where the listing has the row', async () => {
    await put(node.store, TARGET, 1, body);
    expect(await pending()).toEqual([]);
  });

  it('are noted where the listing does not answer in time, and the write is acknowledged', async () => {
    node.listings.mode = 'hangs';
    await put(node.store, TARGET, 1, body);
    expect(await pending()).toHaveLength(1);
    expect(await get(node.store, TARGET)).toEqual(body);
    node.listings.release('takes');
    await node.store.sendUpdates();
    expect(await pending()).toEqual([]);
    expect(node.listings.rows.length).toBeGreaterThan(0);
  });

  it('are noted where a version is durable and what it amounts to cannot be read', async () => {
    let readsLeft = Number.POSITIVE_INFINITY;
    await node.remove();
    node = await makeObjectNode({
      openIndex: async (folder) => {
        const index = await openLevelIndex(folder);
        return new Proxy(index, {
          get: (target, name: string & keyof VersionIndex) => {
            const member: unknown = target[name];
            if (typeof member !== 'function') return member;
            return async (...args: unknown[]): Promise<unknown> => {
              if (name === 'newest') readsLeft -= 1;
              if (name === 'newest' && readsLeft < 0) throw new IndexError('no index today', undefined);
              return member.apply(target, args);
            };
          },
        });
      },
      newNameKey: () => 'k',
    });
    const [one, other] = namesOfOneSlot();
    const [first, second] = [one, other].map((object) => ({ ...TARGET, object })) as [ObjectTarget, ObjectTarget];
    await put(node.store, first, 1, body);
    await node.store.setMetadata(first, { timestamp: at(2), metadata: {}, listing: LISTING });
    await put(node.store, second, 9, body); // the slot has a newer version: the next one of `first` is looked up
    readsLeft = 2; // when it begins and before it is appended
    await put(node.store, first, 3, body);
    readsLeft = 1;
    const change = { timestamp: at(10), metadata: { m: '1' }, listing: LISTING };
    expect(await refusalOf(node.store.setMetadata(second, change))).toMatchObject({ status: 507 });
    readsLeft = Number.POSITIVE_INFINITY;
    expect((await pending()).map(({ version }) => version.timestamp)).toEqual([at(3), at(10)]);
    await node.store.sendUpdates();
    expect(await pending()).toEqual([]);
    expect(node.listings.rows.slice(-2)).toMatchObject([{ timestamp: at(3) }, { metadataTimestamp: at(10) }]);
  });

  it('are not needed by a POST that came in the middle of a PUT: the later of the two tells of both', async () => {
    let hold: Promise<void> | undefined;
    await node.remove();
    node = await makeObjectNode({
      openIndex: async (folder) => {
        const index = await openLevelIndex(folder);
        return new Proxy(index, {
          get: (target, name: string & keyof VersionIndex) => {
            const member: unknown = target[name];
            if (typeof member !== 'function') return member;
            return async (...args: unknown[]): Promise<unknown> => {
              const held = name === 'put' ? hold : undefined;
              if (held !== undefined) hold = undefined; // the first one alone
              await held;
              return member.apply(target, args);
            };
          },
        });
      },
    });
    await put(node.store, TARGET, 1, body);
    let release: () => void = () => undefined;
    hold = new Promise((resolve) => {
      release = resolve;
    });
    const late = put(node.store, TARGET, 2, body);
    await expect.poll(() => hold === undefined).toBe(true);
    const change = { timestamp: at(3), metadata: { m: '1' }, contentType: 'image/png', listing: LISTING };
    expect(await node.store.setMetadata(TARGET, change)).toMatchObject({ dataTimestamp: at(1) });
    release();
    await late;
    expect(node.listings.rows.at(-1)).toMatchObject({
      timestamp: at(2),
      metadataTimestamp: at(3),
      contentType: 'image/png',
      contentTypeTimestamp: at(3),
    });
  });

  it('take a version back whose container turns out to be gone after it was acknowledged', async () => {
    node.listings.mode = 'fails';
    await put(node.store, TARGET, 1, body);
    node.listings.mode = 'gone';
    await node.store.sendUpdates();
    expect(await pending()).toEqual([]);
    expect(await refusalOf(node.store.open(TARGET))).toMatchObject({
      code: 'ObjectNotFound',
      details: { timestamp: at(1) },
    });
  });

  it('take nothing back that was replaced meanwhile, and no deletion', async () => {
    node.listings.mode = 'fails';
    await put(node.store, TARGET, 1, body);
    await put(node.store, TARGET, 2, body, { listing: undefined });
    await node.store.remove({ ...TARGET, object: 'other' }, { timestamp: at(3), listing: LISTING });
    node.listings.mode = 'gone';
    await node.store.sendUpdates();
    expect(await pending()).toEqual([]);
    expect(await get(node.store, TARGET)).toEqual(body);
  });

  for (const how of ['stopped', 'killed'] as const)
    it(`that a process left that was ${how} are sent at the next start, and tell what is true then`, async () => {
      const deleted = { ...TARGET, object: 'deleted' };
      node.listings.mode = 'fails';
      await put(node.store, TARGET, 1, body);
      await put(node.store, deleted, 1, body);
      await node.store.remove(deleted, { timestamp: at(2), listing: LISTING });
      await node.store.setMetadata(TARGET, {
        timestamp: at(3),
        metadata: {},
        contentType: 'image/png',
        listing: LISTING,
      });
      expect(await pending()).toHaveLength(4);
      node.listings.mode = 'takes';
      await node.restart(how);
      expect(await pending()).toEqual([]);
      const rows = node.listings.rows.filter(({ name }) => name === TARGET.object);
      expect(new Set(rows.map((row) => JSON.stringify(row))).size).toBe(1);
      expect(rows[0]).toMatchObject({ timestamp: at(1), contentType: 'image/png', metadataTimestamp: at(3) });
      const gone = { name: 'deleted', timestamp: at(2), deleted: true };
      expect(node.listings.rows.filter(({ name }) => name === 'deleted')).toContainEqual(gone);
    });

  it('of writes that a kill met before their listing answered are sent at the next start', async () => {
    const patient = await node.restart('stopped', { config: OBJECT_CONFIG });
    node.listings.mode = 'hangs';
    const hanging = put(patient, TARGET, 1, body);
    await expect.poll(async () => (await indexOf(node.folder)).versions).toHaveLength(1);
    expect(await pending()).toEqual([]);
    node.listings.mode = 'takes';
    await node.restart('killed');
    expect(node.listings.rows).toHaveLength(1);
    expect(await pending()).toEqual([]);
    node.listings.release('takes');
    await hanging;
  });

  it('are told to every replica of the container, for no other object server may know of the write', async () => {
    node.listings.mode = 'fails';
    const others = ['d2', 'd3'].map((device) => ({ ...LISTING, device }));
    await put(node.store, TARGET, 1, body, { listing: { ...LISTING, others } });
    node.listings.mode = 'takes';
    await node.restart('killed');
    expect(await pending()).toEqual([]);
    expect(node.listings.rows).toHaveLength(3);
  });

  it('of a policy with fewer replicas than containers have are told at once to those that nobody else tells', async () => {
    const others = ['d2', 'd3'].map((device) => ({ ...LISTING, device }));
    const listing = { ...LISTING, others, alsoOthers: 1 };
    node.listings.mode = 'takes';
    await put(node.store, TARGET, 1, body, { listing });
    expect(node.listings.rows).toHaveLength(2);
    expect(await pending()).toEqual([]);
    node.listings.mode = 'fails';
    await put(node.store, TARGET, 2, body, { listing });
    expect(await pending()).toHaveLength(1);
    node.listings.mode = 'takes';
    const before = node.listings.rows.length;
    await node.restart('killed');
    expect(await pending()).toEqual([]);
    expect(node.listings.rows.length - before).toBeGreaterThanOrEqual(3);
  });

  it('that fail at the start are kept and sent later', async () => {
    node.listings.mode = 'fails';
    await put(node.store, TARGET, 1, body);
    const store = await node.restart('killed');
    expect(await pending()).toHaveLength(1);
    node.listings.mode = 'takes';
    await store.sendUpdates();
    expect(await pending(), 'the replica is left alone for a while').toHaveLength(1);
    node.clock.nowMs = () => 1_700_000_001_000;
    await store.sendUpdates();
    expect(await pending()).toEqual([]);
  });

  it('of an object of which nothing is left are forgotten', async () => {
    node.listings.mode = 'fails';
    await put(node.store, TARGET, 1, body);
    await node.store.remove(TARGET, { timestamp: at(2), listing: LISTING });
    node.clock.nowMs = () => 1_700_000_000_000 + 8 * 86_400_000;
    // A tombstone goes after what it covers, from a segment that nobody writes to any more.
    for (let round = 0; round < 3; round += 1) await (await node.restart('stopped')).housekeep();
    const store = await node.restart('stopped');
    expect((await indexOf(node.folder)).versions).toEqual([]);
    await store.sendUpdates();
    expect(await pending()).toEqual([]);
    expect(node.listings.rows).toEqual([]);
  });
});

describe('what a kill leaves of an upload', () => {
  it('is removed at the next start', async () => {
    const node = await makeObjectNode();
    try {
      const temporary = async () => (await node.files()).filter((path) => path.startsWith('large/tmp/'));
      const running = await node.store.create(TARGET, newObject(1));
      await running.write(Buffer.alloc(2 << 20));
      await expect.poll(temporary).toHaveLength(1);
      await node.restart('killed');
      expect(await temporary()).toEqual([]);
      await running.abort();
    } finally {
      await node.remove();
    }
  });
});
