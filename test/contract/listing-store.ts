import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ListingStore } from '../../container-server/contract.ts';
import { at, liveRow, namesIn, rowsIn, WHOLE } from '../support/listing-store.ts';

export interface ListingStoreUnderTest {
  store: ListingStore;
  /** Waits until accounts have been told of all counts. */
  reportCounts(): Promise<void>;
  close(): Promise<void>;
}

/** What every implementation of `ListingStore` promises. Devices `d1` and `d2` exist. */
export function describeListingStore(name: string, open: () => Promise<ListingStoreUnderTest>): void {
  describe(name, () => {
    let under: ListingStoreUnderTest;
    let store: ListingStore;
    const account = { device: 'd1', partition: 3, account: 'AUTH_a' };
    const target = { device: 'd2', partition: 7, account: 'AUTH_a', container: 'photos é' };
    const accounts = [{ ip: '127.0.0.1', port: 6202, device: 'd1', partition: 3 }];
    const create = (ticks: number, more: object = {}) =>
      store.createContainer(target, { timestamp: at(ticks), metadata: {}, defaultPolicyIndex: 0, accounts, ...more });
    const refusalOf = async (work: Promise<unknown>) => {
      const error = await work.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      const { code, status, details } = error as { code: string; status: number; details: object };
      return { code, status, details };
    };

    beforeEach(async () => {
      under = await open();
      store = under.store;
    });
    afterEach(() => under.close());

    it('answers AccountNotFound and ContainerNotFound for what nobody made', async () => {
      expect(await refusalOf(store.accountInfo(account))).toMatchObject({ code: 'AccountNotFound', status: 404 });
      expect(await refusalOf(store.listContainers(account, WHOLE))).toMatchObject({ code: 'AccountNotFound' });
      expect(await refusalOf(store.containerInfo(target))).toMatchObject({ code: 'ContainerNotFound', status: 404 });
      expect(await refusalOf(store.listObjects(target, WHOLE))).toMatchObject({ code: 'ContainerNotFound' });
      expect(await refusalOf(store.applyObjectRows(target, [liveRow('o', at(1))]))).toMatchObject({
        code: 'ContainerNotFound',
      });
      const nowhere = { ...target, device: 'd9' };
      expect(await refusalOf(store.containerInfo(nowhere))).toMatchObject({ code: 'DeviceUnavailable', status: 507 });
    });

    it('tells the account of a container before creating it resolves', async () => {
      expect(await create(1)).toEqual({ created: true });
      expect(await create(2)).toEqual({ created: false });
      expect(rowsIn(await store.listContainers(account, WHOLE))).toEqual([
        { name: 'photos é', count: 0, bytes: 0, last_modified: '2023-11-14T22:13:20.000020' },
      ]);
      expect(await store.accountInfo(account)).toMatchObject({ containerCount: 1, objectCount: 0, bytesUsed: 0 });
    });

    it('counts a container whose name holds a slash, and lists it only where it is asked for', async () => {
      await create(1);
      const hidden = { ...target, container: '/versions/photos' };
      await store.createContainer(hidden, { timestamp: at(2), metadata: {}, defaultPolicyIndex: 0, accounts });
      expect(await store.accountInfo(account)).toMatchObject({ containerCount: 2 });
      expect(rowsIn(await store.listContainers(account, WHOLE))).toMatchObject([{ name: 'photos é' }]);
      expect(rowsIn(await store.listContainers(account, { ...WHOLE, reserved: true }))).toMatchObject([
        { name: '/versions/photos' },
      ]);
      await store.removeContainer(hidden, { timestamp: at(3), accounts });
      expect(await store.accountInfo(account)).toMatchObject({ containerCount: 1 });
      expect((await store.listContainers(account, { ...WHOLE, reserved: true })).chunks).toEqual([]);
    });

    it('lists an object row as the JSON that a client gets', async () => {
      await create(1);
      await store.applyObjectRows(target, [liveRow('a "quoted" é\u0001name', at(5), 12, 'b'.repeat(32))]);
      expect(rowsIn(await store.listObjects(target, WHOLE))).toEqual([
        {
          hash: 'b'.repeat(32),
          last_modified: '2023-11-14T22:13:20.000050',
          bytes: 12,
          name: 'a "quoted" é\u0001name',
          content_type: 'text/plain',
        },
      ]);
    });

    it('counts exactly what is live, whatever is replaced, repeated and deleted', async () => {
      await create(1);
      await store.applyObjectRows(target, [liveRow('a', at(2), 10), liveRow('b', at(3), 100), liveRow('a', at(4), 7)]);
      await store.applyObjectRows(target, [liveRow('a', at(4), 7), liveRow('a', at(2), 10)]);
      await store.applyObjectRows(target, [{ name: 'b', timestamp: at(5), deleted: true }]);
      expect(await store.containerInfo(target)).toMatchObject({ objectCount: 1, bytesUsed: 7 });
      await under.reportCounts();
      expect(await store.accountInfo(account)).toMatchObject({
        containerCount: 1,
        objectCount: 1,
        bytesUsed: 7,
        policies: [{ policyIndex: 0, containerCount: 1, objectCount: 1, bytesUsed: 7 }],
      });
    });

    it('does not bring a deleted object back when its older row is sent again', async () => {
      await create(1);
      await store.applyObjectRows(target, [{ name: 'a', timestamp: at(5), deleted: true }]);
      await store.applyObjectRows(target, [liveRow('a', at(4))]);
      await store.applyObjectRows(target, [liveRow('a', at(5))]);
      expect(await namesIn(store, target)).toEqual([]);
      await store.applyObjectRows(target, [liveRow('a', at(6))]);
      expect(await namesIn(store, target)).toEqual(['a']);
    });

    it('takes the content type by its own timestamp', async () => {
      await create(1);
      const posted = { ...liveRow('a', at(2)), contentType: 'image/png', contentTypeTimestamp: at(9) };
      await store.applyObjectRows(target, [posted]);
      await store.applyObjectRows(target, [liveRow('a', at(5), 3)]);
      const [row] = rowsIn(await store.listObjects(target, WHOLE));
      expect(row).toMatchObject({ content_type: 'image/png', bytes: 3 });
    });

    it('refuses to remove a container that holds objects, and removes it after they are gone', async () => {
      await create(1);
      await store.applyObjectRows(target, [liveRow('a', at(2))]);
      expect(await refusalOf(store.removeContainer(target, { timestamp: at(3), accounts }))).toMatchObject({
        code: 'ContainerNotEmpty',
        status: 409,
      });
      await store.applyObjectRows(target, [{ name: 'a', timestamp: at(4), deleted: true }]);
      await store.removeContainer(target, { timestamp: at(5), accounts });
      expect(await refusalOf(store.containerInfo(target))).toMatchObject({ code: 'ContainerNotFound' });
      expect((await store.listContainers(account, WHOLE)).chunks).toEqual([]);
      expect(await store.accountInfo(account)).toMatchObject({ containerCount: 0, policies: [] });
      expect(await refusalOf(store.removeContainer(target, { timestamp: at(6), accounts }))).toMatchObject({
        code: 'ContainerNotFound',
      });
    });

    it('gives a recreated container neither the rows nor the metadata of its former life', async () => {
      await create(1, { metadata: { 'x-container-meta-color': 'red' }, policyIndex: 1 });
      await store.applyObjectRows(target, [liveRow('a', at(2))]);
      await store.applyObjectRows(target, [{ name: 'a', timestamp: at(3), deleted: true }]);
      await store.removeContainer(target, { timestamp: at(4), accounts });
      expect(await refusalOf(create(3))).toMatchObject({ code: 'OlderVersion', details: { timestamp: at(4) } });
      expect(await create(6)).toEqual({ created: true });
      await store.applyObjectRows(target, [liveRow('a', at(2))]);
      expect(await namesIn(store, target)).toEqual([]);
      expect(await store.containerInfo(target)).toMatchObject({
        createdAt: at(6),
        objectCount: 0,
        policyIndex: 0,
        metadata: {},
      });
    });

    it('refuses another policy than that of the container there', async () => {
      await create(1, { policyIndex: 1 });
      expect(await create(2)).toEqual({ created: false });
      expect(await refusalOf(create(3, { policyIndex: 0 }))).toMatchObject({
        code: 'PolicyConflict',
        status: 409,
        details: { policyIndex: 1 },
      });
    });

    it('keeps the newest value of each metadata name, and forgets one that is set to nothing', async () => {
      await create(1, { metadata: { 'x-container-meta-a': '1', 'x-container-meta-b': 'é' } });
      await store.updateContainer(target, { timestamp: at(5), metadata: { 'x-container-meta-a': '5' } });
      await store.updateContainer(target, {
        timestamp: at(3),
        metadata: { 'x-container-meta-a': '3', 'x-container-meta-b': '' },
      });
      expect((await store.containerInfo(target)).metadata).toEqual({ 'x-container-meta-a': '5' });
    });

    it('creates an account by its first metadata, removes it, and refuses what is older than the removal', async () => {
      const metadata = { 'x-account-meta-a': '1' };
      expect(await store.updateAccount(account, { timestamp: at(1), metadata })).toEqual({ created: true });
      expect(await store.updateAccount(account, { timestamp: at(2), metadata: {} })).toEqual({ created: false });
      expect(await store.accountInfo(account)).toMatchObject({ createdAt: at(1), metadata, containerCount: 0 });
      await store.removeAccount(account, { timestamp: at(5) });
      expect(await refusalOf(store.accountInfo(account))).toMatchObject({ code: 'AccountNotFound' });
      expect(await refusalOf(store.updateAccount(account, { timestamp: at(4), metadata }))).toMatchObject({
        code: 'OlderVersion',
        details: { timestamp: at(5) },
      });
      expect(await store.updateAccount(account, { timestamp: at(6), metadata: {} })).toEqual({ created: true });
      expect((await store.accountInfo(account)).metadata).toEqual({});
    });

    it('pages by prefix, delimiter, markers, order and path', async () => {
      await create(1);
      const names = ['a', 'a/', 'a/b', 'a/b/c', 'a/d', 'b', 'b::x', 'b::y', 'é', '\u{1f600}', '\uffff'];
      await store.applyObjectRows(
        target,
        names.map((name) => liveRow(name, at(2))),
      );
      const list = (query: object) => namesIn(store, target, query);
      expect(await list({})).toEqual([
        'a',
        'a/',
        'a/b',
        'a/b/c',
        'a/d',
        'b',
        'b::x',
        'b::y',
        'é',
        '\uffff',
        '\u{1f600}',
      ]);
      expect(await list({ delimiter: '/' })).toEqual([
        'a',
        'a/ (subdir)',
        'b',
        'b::x',
        'b::y',
        'é',
        '\uffff',
        '\u{1f600}',
      ]);
      expect(await list({ delimiter: '/', reverse: true, limit: 7, marker: 'é' })).toEqual([
        'b::y',
        'b::x',
        'b',
        'a/ (subdir)',
        'a',
      ]);
      expect(await list({ delimiter: '/', marker: 'a/' })).toEqual(['b', 'b::x', 'b::y', 'é', '\uffff', '\u{1f600}']);
      expect(await list({ delimiter: '::', prefix: 'b' })).toEqual(['b', 'b:: (subdir)']);
      expect(await list({ delimiter: '/', prefix: 'a/' })).toEqual(['a/', 'a/b', 'a/b/ (subdir)', 'a/d']);
      expect(await list({ path: 'a' })).toEqual(['a/b', 'a/d']);
      expect(await list({ path: '', reverse: true, marker: 'b' })).toEqual(['a/', 'a']);
      expect(await list({ path: '' })).toEqual(['a', 'a/', 'b', 'b::x', 'b::y', 'é', '\uffff', '\u{1f600}']);
      expect(await list({ marker: 'a/b', endMarker: 'b::x' })).toEqual(['a/b/c', 'a/d', 'b']);
      expect(await list({ marker: 'b', endMarker: 'a', reverse: true })).toEqual(['a/d', 'a/b/c', 'a/b', 'a/']);
      expect(await list({ limit: 2, marker: 'a' })).toEqual(['a/', 'a/b']);
      expect(await list({ limit: 0 })).toEqual([]);
      expect(await list({ marker: 'z', endMarker: 'b' })).toEqual([]);
    });

    it('answers a page of another container or account with none of these rows', async () => {
      await create(1);
      await store.applyObjectRows(target, [liveRow('a', at(2))]);
      const other = { ...target, container: 'photos' };
      await store.createContainer(other, { timestamp: at(1), metadata: {}, defaultPolicyIndex: 0, accounts });
      expect(await namesIn(store, other)).toEqual([]);
      expect((await store.containerInfo(other)).objectCount).toBe(0);
    });

    it('applies rows of many containers and replicas at once, and answers for each', async () => {
      await create(1);
      const twin = { ...target, device: 'd1' };
      await store.createContainer(twin, { timestamp: at(1), metadata: {}, defaultPolicyIndex: 0, accounts });
      const replicas = [
        { device: 'd1', partition: 7 },
        { device: 'd2', partition: 7 },
      ];
      const named = { account: target.account, container: target.container };
      const outcomes = await store.applyObjectUpdates([
        { replicas, ...named, row: liveRow('a', at(2), 10) },
        { replicas: [...replicas, { device: 'd9', partition: 7 }], ...named, row: liveRow('b', at(3), 5) },
        { replicas, account: target.account, container: 'nowhere', row: liveRow('a', at(2)) },
        { replicas, ...named, row: { name: 'a', timestamp: at(4), deleted: true } },
        { replicas: [{ device: 'd2', partition: 7 }], ...named, row: liveRow('only here é', at(2), 1) },
      ]);
      expect(outcomes).toEqual([
        ['listed', 'listed'],
        ['listed', 'listed', 'failed'],
        ['gone', 'gone'],
        ['listed', 'listed'],
        ['listed'],
      ]);
      expect(await namesIn(store, target)).toEqual(['b', 'only here é']);
      expect(await namesIn(store, twin)).toEqual(['b']);
      expect(await store.containerInfo(target)).toMatchObject({ objectCount: 2, bytesUsed: 6 });
      expect(await store.containerInfo(twin)).toMatchObject({ objectCount: 1, bytesUsed: 5 });
      await under.reportCounts();
      expect(await store.accountInfo(account)).toMatchObject({ containerCount: 1 });
      expect(await store.applyObjectUpdates([])).toEqual([]);
    });

    it('lists a row that is newer than its deletion, also when older ones come late', async () => {
      await create(1);
      const deletion = (ticks: number) => ({ name: 'a', timestamp: at(ticks), deleted: true as const });
      await store.applyObjectRows(target, [deletion(5), liveRow('b', at(9), 3)]);
      await store.applyObjectRows(target, [liveRow('a', at(7), 4)]);
      await store.applyObjectRows(target, [deletion(3), liveRow('a', at(4), 2)]);
      expect(await store.containerInfo(target)).toMatchObject({ objectCount: 2, bytesUsed: 7 });
      await store.applyObjectRows(target, [deletion(7), liveRow('a', at(6), 1)]);
      expect(await store.containerInfo(target)).toMatchObject({ objectCount: 1, bytesUsed: 3 });
    });

    it('forgets a container in the account whatever order its reports come in', async () => {
      const row = { name: 'c', objectCount: 2, bytesUsed: 20, policyIndex: 0 };
      const never = '0000000000.00000';
      await store.applyContainerRows(account, [{ ...row, putTimestamp: at(1), deleteTimestamp: at(5) }]);
      await store.applyContainerRows(account, [{ ...row, putTimestamp: at(1), deleteTimestamp: never }]);
      expect((await store.listContainers(account, WHOLE)).chunks).toEqual([]);
      await store.applyContainerRows(account, [{ ...row, putTimestamp: at(7), deleteTimestamp: never }]);
      expect(await store.accountInfo(account)).toMatchObject({ containerCount: 1, objectCount: 2, bytesUsed: 20 });
    });
  });
}
