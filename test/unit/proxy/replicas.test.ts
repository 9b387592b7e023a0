import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeObjectStore } from '../../support/swift-fakes/fake-object-store.ts';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

describe('replicas', () => {
  let swift: FakeSwift;
  let stores: FakeObjectStore[];

  beforeEach(async () => {
    swift = await FakeSwift.start();
    await swift.put('/c');
    // Which devices are its primaries: those that take a first version of it.
    await swift.put('/c/o', 'first');
    stores = [...swift.objects.values()].toSorted((left, right) => right.objects.size - left.objects.size);
  });

  afterEach(() => swift.stop());

  const holders = () => stores.filter((store) => store.objects.size > 0).length;

  it('a device that is gone is replaced by a handoff', async () => {
    fault(0).unavailable = 'DeviceUnavailable';
    expect((await swift.put('/c/o', 'second')).status).toBe(201);
    expect(holders()).toBe(4);
    expect((await swift.request('DELETE', '/c/o')).status).toBe(204);
    expect((await swift.request('GET', '/c/o')).status).toBe(404);
  });

  it('two of three replicas are enough, one is not', async () => {
    fault(0).unavailable = 'DeviceUnavailable';
    fault(3).unavailable = 'DeviceUnavailable';
    expect((await swift.put('/c/o', 'second')).status).toBe(201);
    fault(1).unavailable = 'DeviceUnavailable';
    expect((await swift.put('/c/o', 'third')).status).toBe(503);
    expect((await swift.request('POST', '/c/o')).status).toBe(503);
    fault(1).unavailable = undefined;
    expect(await swift.text('/c/o', { 'x-newest': 'true' })).toBe('second');
    fault(1).unavailable = 'DeviceUnavailable';
    expect((await swift.request('DELETE', '/c/o')).status).toBe(503);
  });

  it('what a quorum took is in every listing, also where the replica that reports to it failed', async () => {
    fault(0).unavailable = 'DeviceUnavailable';
    fault(3).unavailable = 'DeviceUnavailable';
    const largest = [...swift.listings.values()].filter(({ containers }) => containers.size > 0);
    const listed = () => largest.map((store) => [...store.containers.values()].map(({ rows }) => [...rows.keys()]));
    const whole = (names: string[]) => largest.map(() => [names]);
    await swift.put('/c/o', 'second');
    await swift.put('/c/streamed', 'x'.repeat(100_000));
    const there = (await swift.text('/c')).trim().split('\n');
    expect(listed()).toEqual(whole(there));
    await swift.request('DELETE', '/c/o');
    expect(listed()).toEqual(whole(there.filter((name) => name !== 'o')));
  });

  it('full devices answer 507', async () => {
    for (const store of stores) store.faults.unavailable = 'InsufficientStorage';
    expect((await swift.put('/c/o', 'second')).status).toBe(507);
  });

  it('a device that fails in the middle of an upload is done without, two are too many', async () => {
    fault(0).writeFailsAfter = 2;
    expect((await swift.put('/c/o', 'second')).status).toBe(201);
    fault(1).writeFailsAfter = 2;
    expect((await swift.put('/c/o', 'third')).status).toBe(503);
    for (const store of stores) expect(store.openUploads).toBe(0);
  });

  it('a commit that fails on a quorum answers 503, on one device 201', async () => {
    fault(0).commitFails = true;
    expect((await swift.put('/c/o', 'second')).status).toBe(201);
    fault(1).commitFails = true;
    expect((await swift.put('/c/o', 'third')).status).toBe(503);
  });

  it('a device that hangs holds nobody up for longer than its time', async () => {
    fault(0).hangs = true;
    expect((await swift.put('/c/o', 'second')).status).toBe(201);
    expect(await swift.text('/c/o', { 'x-newest': 'true' })).toBe('second');
  });

  it('reading falls over to the next replica, and finds what only a handoff has', async () => {
    fault(0).unavailable = 'DeviceUnavailable';
    fault(1).unavailable = 'DeviceUnavailable';
    for (let round = 0; round < 3; round += 1) expect(await swift.text('/c/o')).toBe('first');
    fault(2).unavailable = 'DeviceUnavailable';
    expect((await swift.request('GET', '/c/o')).status).toBe(503);
  });

  it('a replica that is corrupt in the middle is replaced at the same byte', async () => {
    const body = Array.from({ length: 50 }, (_, index) => String.fromCharCode(65 + (index % 26))).join('');
    await swift.put('/c/o', body);
    fault(0).corruptAt = 14;
    fault(1).corruptAt = 21;
    for (let round = 0; round < 3; round += 1) {
      expect(await swift.text('/c/o')).toBe(body);
      expect(await swift.text('/c/o', { range: 'bytes=10-40' })).toBe(body.slice(10, 41));
    }
    fault(2).corruptAt = 0;
    await expect(swift.text('/c/o')).rejects.toThrow();
    for (const store of stores) expect(store.openReadings).toBe(0);
  });

  it('when all replicas are corrupt from the first byte, the answer is 503', async () => {
    for (const store of stores) store.faults.corruptAt = 0;
    expect((await swift.request('GET', '/c/o')).status).toBe(503);
  });

  it('a tombstone that is newer than a replica left behind wins', async () => {
    fault(0).unavailable = 'DeviceUnavailable';
    fault(3).unavailable = 'DeviceUnavailable';
    expect((await swift.request('DELETE', '/c/o')).status).toBe(204);
    fault(0).unavailable = undefined;
    expect((await swift.request('GET', '/c/o', { headers: { 'x-newest': 'true' } })).status).toBe(404);
  });

  it('a version from a clock that is ahead is passed, within reason', async () => {
    const ahead = (seconds: number) => {
      for (const store of stores)
        for (const stored of store.objects.values())
          if (stored.data) stored.data.timestamp = `${Math.floor(swift.nowMs / 1000) + seconds}.00000`;
    };
    ahead(30);
    expect((await swift.put('/c/o', 'second')).status).toBe(201);
    expect(await swift.text('/c/o')).toBe('second');
    ahead(3600);
    expect((await swift.put('/c/o', 'third')).status).toBe(409);
    expect((await swift.request('DELETE', '/c/o')).status).toBe(409);
  });

  it('what one replica does not have, while the others cannot be asked, is not known to be absent', async () => {
    fault(0).unavailable = 'DeviceUnavailable';
    fault(3).unavailable = 'DeviceUnavailable';
    await swift.put('/c/o', 'second');
    for (const store of stores) store.faults.unavailable = 'DeviceUnavailable';
    for (const store of stores.slice(2)) {
      store.faults.unavailable = undefined;
      store.objects.clear();
    }
    for (const headers of [{}, { 'x-newest': 'true' }])
      expect((await swift.request('GET', '/c/o', { headers })).status).toBe(503);
  });

  it('listings survive the loss of a device', async () => {
    const [listing] = [...swift.listings.values()].filter((store) => store.containers.size > 0);
    if (listing) listing.unavailable = true;
    expect(await swift.text('/c')).toBe('o\n');
    expect((await swift.put('/d')).status).toBe(201);
    for (const store of swift.listings.values()) store.unavailable = true;
    expect((await swift.request('GET', '/c')).status).toBe(503);
  });

  function fault(index: number): FakeObjectStore['faults'] {
    return (stores[index] as FakeObjectStore).faults;
  }
});
