import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectListing } from '../../../object-server/contract.ts';
import { Reconstructor } from '../../../proxy/daemons/reconstructor.ts';
import { ALL_OURS, NONE_OURS } from '../../support/swift-fakes/duties.ts';
import { refused } from '../../support/swift-fakes/fake-object-store.ts';
import { fakeRing } from '../../support/swift-fakes/fake-ring.ts';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';
import { plainCodec } from '../../support/swift-fakes/plain-codec.ts';
import { policiesOf } from '../../support/swift-fakes/policy-config.ts';

const POLICIES = policiesOf(
  { index: 0, name: 'whole' },
  { index: 3, name: 'coded', type: 'erasure_coding', data_fragments: 4, parity_fragments: 2, segment_bytes: 4096 },
);
const DEVICES = 9;
const RING = fakeRing(DEVICES, 6);
const BODY = Buffer.from(Array.from({ length: 9193 }, (_, index) => (index * 7 + (index >> 8)) % 256));
const DAY_SECONDS = 86_400;
const NOTHING = { mended: 0, swept: 0, failed: 0 };

describe('the reconstructor', () => {
  let swift: FakeSwift;
  let reconstructor: Reconstructor;

  beforeEach(async () => {
    swift = await FakeSwift.start({
      straight: true,
      devices: DEVICES,
      config: { policies: POLICIES },
      deps: {
        erasure: plainCodec,
        rings: {
          account: fakeRing(DEVICES, 3),
          container: fakeRing(DEVICES, 3),
          object: (index) => (index === 3 ? RING : fakeRing(DEVICES, 3)),
        },
      },
    });
    reconstructor = reconstructorOf();
    await swift.put('/c', '', { 'x-storage-policy': 'coded' });
  });

  afterEach(async () => {
    await reconstructor.stop();
    await swift.stop();
    for (const store of swift.objects.values()) expect([store.openUploads, store.openReadings]).toEqual([0, 0]);
  });

  function reconstructorOf({ duty = ALL_OURS, fragmentsPerSecond = 1e9, intervalMs = 1e6 } = {}): Reconstructor {
    const logger = pino({ level: 'silent' });
    const { cluster } = swift.services;
    const rates = { intervalMs, fragmentsPerSecond, reclaimAgeSeconds: DAY_SECONDS };
    return new Reconstructor({ cluster, codec: plainCodec, duty, logger, ...rates });
  }

  const pass = (seconds: number) => {
    swift.nowMs += seconds * 1000;
  };
  /** Live fragments of an object: `index` by device. */
  const fragments = (object = 'o') =>
    [...swift.objects].flatMap(([device, { objects }]) =>
      [...objects].flatMap(([key, { data }]) => {
        const [policyIndex, , , name] = JSON.parse(key) as [number, string, string, string];
        const [id = '', index, ...rest] = name.split('/');
        return data && policyIndex === 1003 && rest.join('/') === object
          ? [{ device, id, index: Number(index), bytes: data.bytes, key }]
          : [];
      }),
    );
  const inPlace = (object = 'o') => fragments(object).filter(({ device, index }) => device === primary(index, object));
  const primary = (index: number, object = 'o') =>
    RING.primaries(RING.partitionOf('AUTH_p1', 'c', object))[index]?.device ?? '';
  const storeOf = (index: number, object = 'o') => {
    const store = swift.objects.get(primary(index, object));
    if (!store) throw new Error(`no device of fragment ${index}`);
    return store;
  };
  const lose = (...indexes: number[]) => {
    for (const each of fragments()) if (indexes.includes(each.index)) storeOf(each.index).objects.delete(each.key);
  };
  const headKey = (object = 'o') => JSON.stringify([3, 'AUTH_p1', 'c', object]);
  /** What devices know of the object itself; gone from them where it is taken. */
  const takeHeads = () => {
    const taken = [...swift.objects.values()].map((store) => ({ store, head: store.objects.get(headKey()) }));
    for (const { store } of taken) store.objects.delete(headKey());
    return taken;
  };
  const body = async () => Buffer.from(await (await swift.request('GET', '/c/o')).arrayBuffer());
  /** Rounds far enough apart that what is left over goes. */
  const sweepAll = async () => {
    const first = await reconstructor.round();
    pass(2 * DAY_SECONDS);
    return [first, await reconstructor.round()];
  };

  it('makes lost fragments again without a read, of data and of parity', async () => {
    await swift.put('/c/o', BODY);
    const before = fragments();
    for (const indexes of [[0], [5], [1, 4], [0, 1]]) {
      lose(...indexes);
      expect(fragments()).toHaveLength(6 - indexes.length);
      expect(await reconstructor.round()).toMatchObject({ ...NOTHING, mended: indexes.length });
      expect(fragments()).toEqual(expect.arrayContaining(before));
      expect(fragments()).toHaveLength(6);
    }
    expect(await reconstructor.round()).toEqual({ looked: 6, ...NOTHING });
  });

  it('fills a device that lost everything', async () => {
    for (let index = 0; index < 20; index += 1) await swift.put(`/c/o${index}`, BODY);
    const device = primary(0, 'o3');
    const count = () =>
      [...(swift.objects.get(device)?.objects.keys() ?? [])].filter((key) => key.startsWith('[1003')).length;
    const had = count();
    expect(had).toBeGreaterThan(0);
    for (const key of swift.objects.get(device)?.objects.keys() ?? []) swift.objects.get(device)?.objects.delete(key);
    expect(await reconstructor.round()).toMatchObject({ ...NOTHING, mended: had });
    expect(count()).toBe(had);
  });

  it('brings a fragment home that a handoff took', async () => {
    storeOf(2).faults.unavailable = 'DeviceUnavailable';
    await swift.put('/c/o', BODY);
    expect(inPlace()).toHaveLength(5);
    // A device that does not answer has not lost anything.
    expect(await reconstructor.round()).toMatchObject({ mended: 0 });
    storeOf(2).faults.unavailable = undefined;
    expect(await reconstructor.round()).toMatchObject({ mended: 1, failed: 0 });
    expect(inPlace()).toHaveLength(6);
  });

  it('removes nothing where too many are lost, and says that it failed', async () => {
    await swift.put('/c/o', BODY);
    lose(0, 1, 2);
    const [first, second] = await sweepAll();
    for (const round of [first, second]) expect(round).toMatchObject({ mended: 0, swept: 0, failed: 1 });
    expect(fragments()).toHaveLength(3);
  });

  it('goes on with the others where one fragment cannot be written', async () => {
    await swift.put('/c/o', BODY);
    lose(1, 2);
    storeOf(1).faults.commitFails = true;
    expect(await reconstructor.round()).toMatchObject({ mended: 1 });
    storeOf(1).faults.commitFails = false;
    expect(await reconstructor.round()).toMatchObject({ mended: 1 });
    expect(inPlace()).toHaveLength(6);
  });

  describe('of fragments that nothing points to', () => {
    it('removes those of an upload that never ended, when they are old', async () => {
      await swift.put('/c/o', BODY);
      takeHeads();
      expect(await reconstructor.round()).toMatchObject(NOTHING);
      pass(DAY_SECONDS / 2);
      expect(await reconstructor.round()).toMatchObject(NOTHING);
      expect(fragments()).toHaveLength(6);
      pass(DAY_SECONDS);
      expect(await reconstructor.round()).toMatchObject({ ...NOTHING, swept: 1 });
      expect(fragments()).toEqual([]);
      expect(await reconstructor.round()).toMatchObject(NOTHING);
    });

    it('waits from when it was first seen: a slow upload ends long after it began', async () => {
      await swift.put('/c/o', BODY);
      const heads = takeHeads();
      pass(2 * DAY_SECONDS);
      expect(await reconstructor.round()).toMatchObject(NOTHING);
      for (const { store, head } of heads) if (head) store.objects.set(headKey(), head);
      pass(2 * DAY_SECONDS);
      expect(await reconstructor.round()).toMatchObject(NOTHING);
      expect((await body()).equals(BODY)).toBe(true);
    });

    it('removes those that were overwritten while their device was away', async () => {
      await swift.put('/c/o', BODY);
      storeOf(4).faults.unavailable = 'DeviceUnavailable';
      await swift.put('/c/o', 'a second body');
      await expect.poll(() => new Set(fragments().map(({ id }) => id)).size).toBe(2);
      storeOf(4).faults.unavailable = undefined;
      const [first, second] = await sweepAll();
      expect(first).toMatchObject({ mended: 1, swept: 0, failed: 0 });
      expect(second).toMatchObject({ mended: 0, swept: 1, failed: 0 });
      expect(new Set(fragments().map(({ id }) => id)).size).toBe(1);
      expect((await body()).toString()).toBe('a second body');
    });

    it('removes those of an object that was deleted while their devices were away', async () => {
      await swift.put('/c/o', BODY);
      for (const index of [0, 5]) storeOf(index).faults.unavailable = 'DeviceUnavailable';
      expect((await swift.request('DELETE', '/c/o')).status).toBe(204);
      await expect.poll(() => fragments()).toHaveLength(2);
      for (const index of [0, 5]) storeOf(index).faults.unavailable = undefined;
      expect((await sweepAll())[1]).toMatchObject({ swept: 1 });
      expect(fragments()).toEqual([]);
    });

    it('leaves them while any device that may know the object is silent', async () => {
      await swift.put('/c/o', BODY);
      takeHeads();
      for (const [device, store] of swift.objects) {
        store.faults.unavailable = 'DeviceUnavailable';
        const [, second] = await sweepAll();
        expect([device, second?.swept]).toEqual([device, 0]);
        store.faults.unavailable = undefined;
      }
      expect(fragments()).toHaveLength(6);
    });

    it('leaves those to which one single replica points, if it has the newest version', async () => {
      await swift.put('/c/o', 'a first body');
      const before = takeHeads();
      await swift.put('/c/o', BODY);
      const after = takeHeads().filter(({ head }) => head);
      for (const { store, head } of before) if (head) store.objects.set(headKey(), head);
      const [one] = after;
      if (one?.head) one.store.objects.set(headKey(), one.head);
      const { length } = fragments().filter(({ bytes }) => bytes.length > 8);
      expect(length).toBe(6);
      await sweepAll();
      expect(fragments().filter(({ bytes }) => bytes.length > 8)).toHaveLength(6);
    });

    it('leaves those of an object that has expired to the expirer', async () => {
      await swift.put('/c/o', BODY, { 'x-delete-after': '10' });
      for (const store of swift.objects.values()) {
        const open = store.open.bind(store);
        store.open = async (target) => {
          const reading = await open(target);
          const deleteAt = reading.state.metadata['x-delete-at'];
          if (deleteAt === undefined) return reading;
          await reading.close();
          throw expiredRefusal(reading.state.timestamp, deleteAt);
        };
      }
      await sweepAll();
      expect(fragments()).toHaveLength(6);
    });
  });

  it('looks only at devices that fall to its node', async () => {
    await swift.put('/c/o', BODY);
    lose(1);
    expect(await reconstructorOf({ duty: NONE_OURS }).round()).toEqual({ looked: 0, ...NOTHING });
    expect(fragments()).toHaveLength(5);
  });

  it('goes on where it was when it starts again', async () => {
    for (let index = 0; index < 30; index += 1) await swift.put(`/c/o${index}`, BODY);
    const asked: { device: string; after: string | undefined }[] = [];
    const [device, store] = [...swift.objects][0] ?? [];
    if (device === undefined || !store) throw new Error('no device');
    const list = store.listObjects.bind(store);
    store.listObjects = async (name: string, listing: ObjectListing) => {
      asked.push({ device, after: listing.after });
      if (asked.length === 3) throw new Error('killed');
      return list(name, { ...listing, limit: 5 });
    };
    expect(await reconstructor.round()).toMatchObject({ failed: 1 });
    await reconstructorOf().round();
    expect(asked.length).toBeGreaterThan(4);
    expect([asked[0]?.after, asked[3]?.after]).toEqual([undefined, asked[2]?.after]);
    expect(asked[3]?.after).toBeDefined();
    const count = asked.length;
    await reconstructorOf().round();
    expect(asked[count]?.after).toBeUndefined();
  });

  it('looks at no more fragments per second than it may', async () => {
    await swift.put('/c/o', BODY);
    const startedMs = performance.now();
    await reconstructorOf({ fragmentsPerSecond: 50 }).round();
    expect(performance.now() - startedMs).toBeGreaterThan(100);
  });

  it('goes round by itself until it is stopped', async () => {
    await swift.put('/c/o', BODY);
    const own = reconstructorOf({ intervalMs: 1 });
    own.start();
    lose(3);
    await expect.poll(() => inPlace().length).toBe(6);
    await own.stop();
  });
});

function expiredRefusal(timestamp: string, deleteAt: string): Error {
  return refused(404, 'ObjectNotFound', { timestamp, deleteAt });
}
