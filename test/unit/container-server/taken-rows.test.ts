import { afterEach, describe, expect, it } from 'vitest';
import type { ObjectUpdate } from '../../../container-server/contract.ts';
import { packUpdates } from '../../../container-server/packed-updates.ts';
import { type WriteBatch, writeSynced } from '../../../container-server/store/database.ts';
import { openTakenRows, type TakenRows } from '../../../container-server/taken-rows.ts';
import { WrittenWatch } from '../../../container-server/written-watch.ts';
import { at, type ListingNode, liveRow, makeListingNode, namesIn } from '../../support/listing-store.ts';

const target = { device: 'd2', partition: 7, account: 'AUTH_a', container: 'c' };
const accounts = [{ ip: '127.0.0.1', port: 6202, device: 'd1', partition: 3 }];

function update(name: string, ticks: number): ObjectUpdate {
  const { account, container, ...replica } = target;
  return { replicas: [replica], account, container, row: liveRow(name, at(ticks), 10) };
}

describe('rows that are taken', () => {
  let node: ListingNode;
  let taken: TakenRows;
  let batches = 0;
  let waiting = 0;
  let broken = false;
  let held: Promise<void> | undefined;
  const writeBatch: WriteBatch = async (db, writes) => {
    waiting += 1;
    await held;
    waiting -= 1;
    if (broken) throw new Error('EIO');
    batches += 1;
    await writeSynced(db, writes);
  };
  const begin = async () => {
    taken = openTakenRows(['d1', 'd2']);
    node = await makeListingNode({ taken, writeBatch });
    await create();
    batches = 0;
  };
  const create = () =>
    node.store.createContainer(target, { timestamp: at(1), metadata: {}, defaultPolicyIndex: 0, accounts });
  const take = (...updates: ObjectUpdate[]) => node.store.takePackedUpdates(packUpdates(updates));
  const listed = () => namesIn(node.store, target);
  const isUnwritten = () => taken.isUnwritten(target.account, target.container);

  afterEach(async () => {
    broken = false;
    held = undefined;
    await node.remove();
  });

  it('are written together, soon, and known to be durable then and not before', async () => {
    await begin();
    const first = await take(update('a', 2), update('b', 2));
    const second = await take(update('c', 3));
    expect([first.outcomes, second.outcomes]).toEqual(['tt', 't']);
    expect(batches).toBe(0);
    expect(isUnwritten()).toBe(true);
    expect(taken.isWritten('d2', first.ticket)).toBe(false);
    await expect.poll(() => taken.isWritten('d2', second.ticket)).toBe(true);
    expect(isUnwritten()).toBe(false);
    expect(batches).toBe(1);
    expect(await node.store.containerInfo(target)).toMatchObject({ objectCount: 3, bytesUsed: 30 });
  });

  it('are seen by whoever reads the container next', async () => {
    await begin();
    await take(update('a', 2));
    expect(await listed()).toEqual(['a']);
    await take(update('b', 3));
    expect(await node.store.containerInfo(target)).toMatchObject({ objectCount: 2 });
  });

  it('are there for the next change of the container', async () => {
    await begin();
    await take(update('a', 2));
    await expect(node.store.removeContainer(target, { timestamp: at(3), accounts })).rejects.toMatchObject({
      code: 'ContainerNotEmpty',
    });
  });

  it('are not taken where the container is gone, or nobody remembers it', async () => {
    await begin();
    await node.reopen(); // it remembers nothing
    expect((await take(update('a', 2))).outcomes).toBe('l');
    expect((await take(update('b', 2))).outcomes).toBe('t');
    expect((await take({ ...update('a', 2), container: 'never made' })).outcomes).toBe('g');
    await take({ ...update('a', 4), row: { name: 'a', timestamp: at(4), deleted: true } });
    await take({ ...update('b', 4), row: { name: 'b', timestamp: at(4), deleted: true } });
    await node.store.removeContainer(target, { timestamp: at(5), accounts });
    expect((await take(update('c', 6))).outcomes).toBe('g');
    expect(isUnwritten()).toBe(false);
  });

  it('are not taken while somebody waits for another change of the device: it may be a removal', async () => {
    await begin();
    const removing = node.store.removeContainer(target, { timestamp: at(5), accounts });
    expect((await take(update('a', 6))).outcomes).toBe('g');
    await removing;
  });

  it('are written before a store stops', async () => {
    await begin();
    await take(update('a', 2));
    await node.reopen();
    expect(await listed()).toEqual(['a']);
  });

  it('are never said to be durable once some were lost; what comes later is waited for', async () => {
    await begin();
    broken = true;
    const lost = await take(update('a', 2));
    await expect.poll(isUnwritten).toBe(false);
    broken = false;
    const later = await take(update('b', 3));
    expect(later.outcomes).toBe('l');
    expect(taken.isWritten('d2', lost.ticket)).toBe(false);
    expect(await listed()).toEqual(['b']);
  });

  it('are taken again once something was written, and those that were lost are still not said to be durable', async () => {
    await begin();
    broken = true;
    const lost = await take(update('a', 2));
    await expect.poll(isUnwritten).toBe(false);
    expect((await take(update('b', 3))).outcomes).toBe('f');
    broken = false;
    expect((await take(update('b', 3))).outcomes).toBe('l');
    const after = await take(update('c', 4));
    expect(after.outcomes).toBe('t');
    await expect.poll(() => taken.isWritten('d2', after.ticket)).toBe(true);
    expect(taken.isWritten('d2', lost.ticket)).toBe(false);
    expect((await take(update('a', 2))).outcomes).toBe('t');
    expect(await listed()).toEqual(['a', 'b', 'c']);
  });

  it('are not said to be durable where those before them were lost', async () => {
    await begin();
    let release = () => {};
    held = new Promise((resolve) => {
      release = resolve;
    });
    broken = true;
    const first = await take(update('a', 2));
    await expect.poll(() => waiting).toBe(1);
    const second = await take(update('b', 3)); // for the next batch
    release();
    await expect.poll(() => waiting).toBe(0);
    broken = false;
    await expect.poll(isUnwritten).toBe(false);
    expect([first, second].map(({ ticket }) => taken.isWritten('d2', ticket))).toEqual([false, false]);
  });
});

describe('those who sent rows', () => {
  it('are told once these are durable, in one look for all', async () => {
    const taken = openTakenRows(['d1', 'd2']);
    const watch = new WrittenWatch(taken, 60_000);
    const told: string[] = [];
    watch.watch('d1', 1, (durable) => told.push(`d1 1 ${durable}`));
    watch.watch('d2', 1, (durable) => told.push(`d2 1 ${durable}`));
    watch.watch('d1', 2, (durable) => told.push(`d1 2 ${durable}`));
    taken.wrote('d1', 1);
    await expect.poll(() => told).toEqual(['d1 1 true']);
    taken.wrote('d1', 7);
    taken.wrote('d2', 7);
    await watch.idle();
    expect(told.sort()).toEqual(['d1 1 true', 'd1 2 true', 'd2 1 true']);
  });

  it('are told to keep them where nobody says so in time', async () => {
    const watch = new WrittenWatch(openTakenRows(['d1']), 1);
    const told: boolean[] = [];
    watch.watch('d1', 1, (durable) => told.push(durable));
    await watch.idle();
    expect(told).toEqual([false]);
  });
});
