import { rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../common/clock.ts';
import { signRequest } from '../../../common/cluster/signature.ts';
import { digestHeader } from '../../../common/cluster/signed-json.ts';
import { createLogger } from '../../../common/log.ts';
import { openContainerChanges } from '../../../container-server/changes.ts';
import { createContainerClient } from '../../../container-server/client.ts';
import type { ContainerRow, ListingStore } from '../../../container-server/contract.ts';
import { buildContainerServer } from '../../../container-server/service.ts';
import type { Write } from '../../../container-server/store/batch.ts';
import { writeSynced } from '../../../container-server/store/database.ts';
import {
  at,
  LISTING_CONFIG,
  type ListingNode,
  liveRow,
  makeListingNode,
  namesIn,
  WHOLE,
} from '../../support/listing-store.ts';

const account = { device: 'd1', partition: 3, account: 'AUTH_a' };
const target = { device: 'd2', partition: 7, account: 'AUTH_a', container: 'c' };
const accounts = [{ ip: '127.0.0.1', port: 6202, device: 'd1', partition: 3 }];

function create(store: ListingStore, ticks = 1, container = 'c') {
  const creation = { timestamp: at(ticks), metadata: {}, defaultPolicyIndex: 0, accounts };
  return store.createContainer({ ...target, container }, creation);
}

describe('the listing store', () => {
  let node: ListingNode;
  afterEach(() => node.remove());

  it('acknowledges a row only when a synced batch that holds it is written: the object server forgets its update then', async () => {
    let hold = false;
    const held: (() => void)[] = [];
    const durable: Write[] = [];
    node = await makeListingNode({
      writeBatch: async (db, writes) => {
        if (hold) await new Promise<void>((resolve) => held.push(resolve));
        await writeSynced(db, writes);
        durable.push(...writes);
      },
    });
    await create(node.store);
    hold = true;
    let acknowledged = false;
    const applying = node.store.applyObjectRows(target, [liveRow('o', at(2))]).then(() => {
      acknowledged = true;
    });
    await expect.poll(() => held.length).toBe(1);
    expect(acknowledged).toBe(false);
    hold = false;
    for (const release of held) release();
    await applying;
    expect(durable.map(({ key }) => key)).toContain('o\0AUTH_a\0c\0o');
  });

  it('asks LevelDB for a sync', async () => {
    node = await makeListingNode();
    const options: unknown[] = [];
    const batch = { del: () => batch, write: async (given: unknown) => void options.push(given) };
    await writeSynced({ batch: () => batch } as never, [{ type: 'del', key: 'x' }]);
    expect(options).toEqual([{ sync: true }]);
  });

  it('writes what waits in one batch, with the counters', async () => {
    const batches: Write[][] = [];
    node = await makeListingNode({
      writeBatch: async (db, writes) => {
        batches.push(writes);
        await writeSynced(db, writes);
      },
    });
    await create(node.store);
    batches.length = 0;
    await Promise.all(
      Array.from({ length: 200 }, (_, index) => node.store.applyObjectRows(target, [liveRow(`o${index}`, at(2), 3)])),
    );
    expect(batches.length).toBeLessThan(20);
    for (const writes of batches) expect(writes.map(({ key }) => key)).toContain('C\0AUTH_a\0c');
    expect(await node.store.containerInfo(target)).toMatchObject({ objectCount: 200, bytesUsed: 600 });
  });

  it('discards the writes of a refused change, and only those', async () => {
    node = await makeListingNode();
    await create(node.store);
    const [kept, refused] = await Promise.allSettled([
      node.store.applyObjectRows(target, [liveRow('o', at(2))]),
      node.store.applyObjectRows({ ...target, container: 'nowhere' }, [liveRow('p', at(2))]),
      node.store.updateContainer(target, { timestamp: at(3), metadata: { m: '1' } }),
    ]);
    expect([kept.status, refused.status]).toEqual(['fulfilled', 'rejected']);
    expect(await namesIn(node.store, target)).toEqual(['o']);
    expect((await node.store.containerInfo(target)).metadata).toEqual({ m: '1' });
  });

  it('refuses changes that could not be written, and goes on', async () => {
    let fails = false;
    node = await makeListingNode({
      writeBatch: async (db, writes) => {
        if (fails) throw new Error('disk full');
        await writeSynced(db, writes);
      },
    });
    await create(node.store);
    fails = true;
    const applying = node.store.applyObjectRows(target, [liveRow('o', at(2))]);
    await expect(applying).rejects.toMatchObject({ code: 'DeviceUnavailable', status: 507 });
    fails = false;
    await node.store.applyObjectRows(target, [liveRow('p', at(2))]);
    expect(await namesIn(node.store, target)).toEqual(['p']);
    expect(await node.store.containerInfo(target)).toMatchObject({ objectCount: 1 });
  });

  it('tells accounts after a restart what it did not get to tell before', async () => {
    node = await makeListingNode();
    await create(node.store);
    await node.store.applyObjectRows(target, [liveRow('o', at(2), 9)]);
    expect(await node.store.accountInfo(account)).toMatchObject({ objectCount: 0 });
    const store = await node.reopen();
    await store.start();
    await store.reportCounts();
    expect(await store.accountInfo(account)).toMatchObject({ objectCount: 1, bytesUsed: 9 });
  });

  it('tells accounts of a container that changes all the time once a report, not once a change', async () => {
    let reports = 0;
    const listings = () => ({
      applyContainerRows: async () => {
        reports += 1;
      },
    });
    node = await makeListingNode({ listingStoreAt: listings });
    await create(node.store);
    await node.store.start();
    reports = 0;
    for (let ticks = 2; ticks < 40; ticks += 1)
      await node.store.applyObjectRows(target, [liveRow('o', at(ticks), ticks)]);
    expect(reports).toBe(0);
    await node.store.reportCounts();
    await node.store.reportCounts();
    expect(reports).toBe(1);
  });

  it('tells accounts again of counts that changed while they were told', async () => {
    const told: number[] = [];
    let during: (() => Promise<void>) | undefined;
    const listings = () => ({
      applyContainerRows: async (_target: unknown, rows: readonly ContainerRow[]) => {
        told.push(...rows.map(({ objectCount }) => objectCount));
        await during?.();
        during = undefined;
      },
    });
    node = await makeListingNode({ listingStoreAt: listings });
    await create(node.store);
    await node.store.applyObjectRows(target, [liveRow('a', at(2))]);
    during = () => node.store.applyObjectRows(target, [liveRow('b', at(2))]);
    await node.store.reportCounts();
    const store = await node.reopen({ listingStoreAt: listings });
    await store.start();
    await store.reportCounts();
    expect(told, 'the mark of the second change outlived the report and the restart').toEqual([0, 1, 2]);
    await (await node.reopen({ listingStoreAt: listings })).start();
    await node.store.reportCounts();
    expect(told).toEqual([0, 1, 2]);
  });

  it('counts changes of containers themselves, and none of their rows', async () => {
    const changes = openContainerChanges();
    node = await makeListingNode({ changes });
    const current = () => changes.current('AUTH_a', 'c');
    await create(node.store);
    const created = current();
    expect(created).toBeGreaterThan(0);
    await node.store.applyObjectRows(target, [liveRow('o', at(2))]);
    expect(current()).toBe(created);
    await node.store.updateContainer(target, { timestamp: at(3), metadata: { m: '1' } });
    const updated = current();
    expect(updated).toBeGreaterThan(created);
    await node.store.applyObjectRows(target, [{ name: 'o', timestamp: at(4), deleted: true }]);
    await node.store.removeContainer(target, { timestamp: at(5), accounts });
    expect(current()).toBeGreaterThan(updated);
    expect(openContainerChanges(changes.buffer).current('AUTH_a', 'c')).toBe(current());
  });

  it('counts changes of accounts under no container', async () => {
    const changes = openContainerChanges();
    node = await makeListingNode({ changes });
    await node.store.updateAccount(account, { timestamp: at(1), metadata: { 'x-account-meta-quota-bytes': '1' } });
    expect(changes.current('AUTH_a', '')).toBeGreaterThan(0);
    expect(changes.current('AUTH_a', 'c')).toBe(0);
  });

  it('tells accounts by itself soon after counts have changed', async () => {
    node = await makeListingNode({ config: { ...LISTING_CONFIG, report_interval_ms: 10 } });
    await node.store.start();
    await create(node.store);
    await node.store.applyObjectRows(target, [liveRow('o', at(2), 9)]);
    await expect.poll(() => node.store.accountInfo(account)).toMatchObject({ objectCount: 1, bytesUsed: 9 });
  });

  it('tells every account replica, the one that answers even while another does not', async () => {
    const told: Record<string, ContainerRow[]> = { up: [], down: [] };
    let downAnswers = false;
    node = await makeListingNode({
      listingStoreAt: ({ ip }) => ({
        applyContainerRows: async (_target, rows) => {
          if (ip === 'down' && !downAnswers) throw new Error('no route');
          told[ip]?.push(...rows);
        },
      }),
    });
    const replicas = ['up', 'down'].map((ip) => ({ ip, port: 6202, device: 'd1', partition: 3 }));
    await node.store.createContainer(target, {
      timestamp: at(1),
      metadata: {},
      defaultPolicyIndex: 0,
      accounts: replicas,
    });
    expect(told['up']?.map(({ name }) => name)).toEqual(['c']);
    expect(told['down']).toEqual([]);
    downAnswers = true;
    const store = await node.reopen();
    await store.start();
    await store.reportCounts();
    expect(told['down']?.map(({ name }) => name)).toEqual(['c']);
  });

  it('forgets deletions after the reclaim age, and not before', async () => {
    let nowMs = 1_700_000_000_000;
    node = await makeListingNode({ clock: { nowMs: () => nowMs } });
    await create(node.store);
    await node.store.applyObjectRows(target, [{ name: 'o', timestamp: at(5), deleted: true }]);
    nowMs += LISTING_CONFIG.reclaim_age_s * 1000;
    await node.store.reclaim();
    await node.store.applyObjectRows(target, [liveRow('o', at(2))]);
    expect(await namesIn(node.store, target)).toEqual([]);
    nowMs += 10;
    await node.store.reclaim();
    await node.store.applyObjectRows(target, [liveRow('o', at(2))]);
    expect(await namesIn(node.store, target)).toEqual(['o']);
  });

  it('answers for the devices it can open when another is gone', async () => {
    node = await makeListingNode();
    await create(node.store);
    await node.store.stop();
    await rm(join(node.folder, 'd1'), { recursive: true });
    const store = await node.reopen();
    expect(await store.containerInfo(target)).toMatchObject({ objectCount: 0 });
    await expect(store.accountInfo(account)).rejects.toMatchObject({ code: 'DeviceUnavailable' });
  });

  it('pages through a container that has more rows than one fetch, and skips a large subdir', async () => {
    node = await makeListingNode();
    await create(node.store);
    const names = [...Array.from({ length: 3000 }, (_, index) => `dir/${String(index).padStart(5, '0')}`), 'end'];
    await node.store.applyObjectRows(
      target,
      names.map((name) => liveRow(name, at(2))),
    );
    expect(await namesIn(node.store, target)).toEqual(names);
    expect(await namesIn(node.store, target, { reverse: true })).toEqual(names.toReversed());
    expect(await namesIn(node.store, target, { delimiter: '/' })).toEqual(['dir/ (subdir)', 'end']);
    expect(await namesIn(node.store, target, { delimiter: '/', reverse: true })).toEqual(['end', 'dir/ (subdir)']);
  });
});

describe('a container server', () => {
  it('refuses every request without the key of the cluster, and a body that was not signed for', async () => {
    const node = await makeListingNode();
    const logger = createLogger('silent');
    const { app } = buildContainerServer({ store: node.store, clusterKey: 'the key', clock: systemClock, logger });
    await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = app.server.address() as AddressInfo;
    const stranger = createContainerClient({ ip: '127.0.0.1', port, clusterKey: 'another', clock: systemClock });
    try {
      await expect(create(stranger)).rejects.toMatchObject({ status: 403 });
      await expect(stranger.accountInfo(account)).rejects.toMatchObject({ status: 403 });
      for (const method of ['GET', 'PUT', 'POST', 'DELETE'])
        expect((await fetch(`http://127.0.0.1:${port}/d1/3/AUTH_a`, { method })).status).toBe(401);
      await expect(node.store.listContainers(account, WHOLE)).rejects.toMatchObject({ code: 'AccountNotFound' });
    } finally {
      await stranger.close();
      await app.close();
      await node.remove();
    }
  });

  it('refuses operations and arguments that it does not know, and a body that was changed', async () => {
    const node = await makeListingNode();
    const logger = createLogger('silent');
    const clusterKey = 'the key';
    const { app } = buildContainerServer({ store: node.store, clusterKey, clock: systemClock, logger });
    const ask = async (operation: string, body: string, signedBody = body, url = '/d2/7/AUTH_a/c') => {
      const headers = { 'x-backend-operation': operation, ...digestHeader(signedBody) };
      const authorization = signRequest({ method: 'POST', url, headers }, { clusterKey, clock: systemClock });
      const sent = { ...headers, authorization, 'content-type': 'application/json' };
      return (await app.inject({ method: 'POST', url, headers: sent, payload: body })).statusCode;
    };
    try {
      expect(await ask('containerInfo', 'null')).toBe(404);
      expect(await ask('containerInfo', 'null ', 'null')).toBe(403);
      expect(await ask('dropEverything', 'null')).toBe(400);
      expect(await ask('constructor', 'null')).toBe(400);
      expect(await ask('removeContainer', '{"timestamp":"now","accounts":[]}')).toBe(400);
      expect(await ask('containerInfo', '{')).toBe(400);
      expect(await ask('accountInfo', 'null')).toBe(400);
    } finally {
      await app.close();
      await node.remove();
    }
  });
});
