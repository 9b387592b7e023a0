import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expiryRowOf, parseExpiryRow } from '../../../proxy/backend/expiry-queue.ts';
import type { Duty } from '../../../proxy/daemons/duty.ts';
import { Expirer } from '../../../proxy/daemons/expirer.ts';
import { ALL_OURS, NONE_OURS } from '../../support/swift-fakes/duties.ts';
import { FakeSwift, identity } from '../../support/swift-fakes/fake-swift.ts';

const QUEUE = '.expiring_objects';

describe('notes of expiring objects', () => {
  it('lie in a container that is called not after their moment', () => {
    const path = { account: 'AUTH_p', container: 'c', object: 'a/b-c' };
    const { container, name } = expiryRowOf(path, '1795219300');
    expect(name).toBe('1795219300-AUTH_p/c/a/b-c');
    expect(container).toMatch(/^\d{10}$/);
    const day = Math.floor(1_795_219_300 / 86_400) * 86_400;
    expect(day - Number(container)).toBeGreaterThanOrEqual(0);
    expect(day - Number(container)).toBeLessThan(100);
    expect(parseExpiryRow(name)).toEqual({ ...path, deleteAt: '1795219300' });
  });

  it('are told apart from other names, and know containers of features', () => {
    const path = { account: 'AUTH_p', container: '/versions/c', object: 'o\n/x' };
    expect(parseExpiryRow(expiryRowOf(path, '0000000001').name)).toEqual({ ...path, deleteAt: '0000000001' });
    for (const name of ['', '1-a/c/o', '1795219300-a/c', 'x795219300-a/c/o'])
      expect(parseExpiryRow(name)).toBeUndefined();
  });
});

describe('expired objects', () => {
  let swift: FakeSwift;
  let expirer: Expirer;

  beforeEach(async () => {
    swift = await FakeSwift.start();
    swift.identities.set('reseller', identity('p9', 'u9', ['ResellerAdmin']));
    expirer = expirerOf(ALL_OURS);
    await swift.put('/c');
  });

  afterEach(async () => {
    await expirer.stop();
    await swift.stop();
  });

  function expirerOf(duty: Duty, intervalMs = 1_000_000): Expirer {
    const { cluster, containers } = swift.services;
    return new Expirer({ cluster, containers, duty, logger: pino({ level: 'silent' }), intervalMs });
  }

  const listed = async (path = '/c') => (await swift.text(path)).trim();
  const notes = async () => {
    const get = async (path: string) =>
      (await (await fetch(`${swift.url}/v1/${QUEUE}${path}`, { headers: { 'x-auth-token': 'reseller' } })).text())
        .split('\n')
        .filter((line) => line !== '');
    return (await Promise.all((await get('')).map((container) => get(`/${container}`)))).flat();
  };
  const pass = (seconds: number) => {
    swift.nowMs += seconds * 1000;
  };

  it('are removed, from the listing too, and so are the notes of them', async () => {
    await swift.put('/c/soon', 'x', { 'x-delete-after': '10' });
    await swift.put('/c/later', 'x', { 'x-delete-after': '100000' });
    await swift.put('/c/never', 'x');
    expect((await notes()).length).toBe(2);
    expect(await expirer.round()).toEqual({ removed: 0, outdated: 0, failed: 0 });
    pass(11);
    expect((await swift.request('GET', '/c/soon')).status).toBe(404);
    expect(await expirer.round()).toEqual({ removed: 1, outdated: 0, failed: 0 });
    expect(await listed()).toBe('later\nnever');
    expect(await notes()).toEqual([expect.stringMatching(/^\d{10}-AUTH_p1\/c\/later$/)]);
  });

  it('are removed where the moment came with a POST', async () => {
    await swift.put('/c/o', 'x');
    await swift.request('POST', '/c/o', { headers: { 'x-delete-after': '10' } });
    pass(11);
    expect(await expirer.round()).toMatchObject({ removed: 1 });
    expect(await listed()).toBe('');
  });

  it('stay where they go at another time now, or not at all', async () => {
    await swift.put('/c/stays', 'x', { 'x-delete-after': '10' });
    await swift.put('/c/moved', 'x', { 'x-delete-after': '10' });
    await swift.put('/c/gone', 'x', { 'x-delete-after': '10' });
    await swift.request('POST', '/c/stays');
    await swift.request('POST', '/c/moved', { headers: { 'x-delete-after': '500' } });
    await swift.request('DELETE', '/c/gone');
    pass(11);
    expect(await expirer.round()).toEqual({ removed: 0, outdated: 3, failed: 0 });
    expect(await listed()).toBe('moved\nstays');
    pass(500);
    expect(await expirer.round()).toMatchObject({ removed: 1 });
    expect(await listed()).toBe('stays');
  });

  it('what is overwritten after its end is not removed', async () => {
    await swift.put('/c/o', 'x', { 'x-delete-after': '10' });
    pass(11);
    await swift.put('/c/o', 'new');
    expect(await expirer.round()).toMatchObject({ outdated: 1 });
    expect(await swift.text('/c/o')).toBe('new');
  });

  it('a note of an object in a container that is gone is crossed out', async () => {
    await swift.put('/d');
    await swift.put('/d/o', 'x', { 'x-delete-after': '10' });
    await swift.request('DELETE', '/d/o');
    await swift.request('DELETE', '/d');
    pass(11);
    expect(await expirer.round()).toEqual({ removed: 0, outdated: 1, failed: 0 });
    expect(await notes()).toEqual([]);
  });

  it('what cannot be removed is tried again', async () => {
    await swift.put('/c/o', 'x', { 'x-delete-after': '10' });
    pass(11);
    for (const store of swift.objects.values()) store.faults.unavailable = 'DeviceUnavailable';
    expect(await expirer.round()).toEqual({ removed: 0, outdated: 0, failed: 1 });
    for (const store of swift.objects.values()) store.faults.unavailable = undefined;
    expect(await expirer.round()).toEqual({ removed: 1, outdated: 0, failed: 0 });
  });

  it('a day that is over leaves no container', async () => {
    await swift.put('/c/o', 'x', { 'x-delete-after': '10' });
    pass(4 * 86_400);
    await expirer.round();
    expect(await (await fetch(`${swift.url}/v1/${QUEUE}`, { headers: { 'x-auth-token': 'reseller' } })).text()).toBe(
      '',
    );
  });

  it('are left to the node whose the notes are', async () => {
    await swift.put('/c/o', 'x', { 'x-delete-after': '10' });
    pass(11);
    expect(await expirerOf(NONE_OURS).round()).toMatchObject({ removed: 0 });
    expect(await expirerOf(ALL_OURS).round()).toMatchObject({ removed: 1 });
  });

  it('goes round by itself until it is stopped', async () => {
    await swift.put('/c/o', 'x', { 'x-delete-after': '10' });
    pass(11);
    const own = expirerOf(ALL_OURS, 1);
    own.start();
    await expect.poll(() => listed(), { interval: 5 }).toBe('');
    await own.stop();
  });

  it('nobody but a reseller sees the notes', async () => {
    await swift.put('/c/o', 'x', { 'x-delete-after': '10' });
    expect((await fetch(`${swift.url}/v1/${QUEUE}`, { headers: { 'x-auth-token': 'member' } })).status).toBe(403);
  });

  it('a write whose note cannot be made is refused', async () => {
    for (const store of swift.listings.values()) store.unavailable = true;
    expect((await swift.put('/c/o', 'x', { 'x-delete-after': '10' })).status).toBe(503);
  });

  describe('DELETE with X-If-Delete-At', () => {
    const remove = (value: string) => swift.request('DELETE', '/c/o', { headers: { 'x-if-delete-at': value } });

    it('removes what goes at that moment, and nothing else', async () => {
      const deleteAt = String(Math.floor(swift.nowMs / 1000) + 100);
      await swift.put('/c/o', 'x', { 'x-delete-at': deleteAt });
      const other = await remove(String(Number(deleteAt) + 1));
      expect([other.status, await other.text()]).toEqual([412, 'X-If-Delete-At and X-Delete-At do not match']);
      expect(await swift.text('/c/o')).toBe('x');
      expect((await remove(deleteAt)).status).toBe(204);
      expect((await remove(deleteAt)).status).toBe(404);
      const bad = await remove('soon');
      expect([bad.status, await bad.text()]).toEqual([400, 'Bad X-If-Delete-At header value']);
    });

    it('removes what has expired, which a plain GET does not see', async () => {
      const deleteAt = String(Math.floor(swift.nowMs / 1000) + 100);
      await swift.put('/c/o', 'x', { 'x-delete-at': deleteAt });
      pass(101);
      expect((await remove(deleteAt)).status).toBe(204);
      expect(await listed()).toBe('');
    });
  });
});
