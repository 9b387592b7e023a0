import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { xxh64 } from '../../common/xxh64.ts';
import type { ObjectStore, ObjectTarget } from '../../object-server/contract.ts';
import { at } from '../support/listing-store.ts';
import {
  type FakeListings,
  get,
  LISTING,
  md5,
  newObject,
  put,
  read,
  refusalOf,
  TARGET,
} from '../support/object-store.ts';

export interface ObjectStoreUnderTest {
  store: ObjectStore;
  /** Where listing updates go. */
  listings: FakeListings;
  clock: { nowMs: () => number };
  close(): Promise<void>;
}

/** What every implementation of `ObjectStore` promises. Devices `d1` and `d2` exist; `listing_timeout_ms` is 5000. */
export function describeObjectStore(name: string, open: () => Promise<ObjectStoreUnderTest>): void {
  describe(name, () => {
    let under: ObjectStoreUnderTest;
    let store: ObjectStore;
    const small = Buffer.from('hello, world');
    const large = randomBytes(3 * 512 * 1024 + 12_345);

    beforeEach(async () => {
      under = await open();
      store = under.store;
    });
    afterEach(() => under.close());

    it('gives back what was stored, with its state', async () => {
      const fixedMetadata = { 'x-object-sysmeta-a': 'sys é' };
      await put(store, TARGET, 1, small, { fixedMetadata, metadata: { 'x-object-meta-color': 'rot ü' } });
      const reading = await store.open(TARGET);
      expect(reading.state).toEqual({
        timestamp: at(1),
        dataTimestamp: at(1),
        metadataTimestamp: at(1),
        contentType: 'text/plain',
        contentTypeTimestamp: at(1),
        etag: md5(small),
        sizeBytes: 12,
        fixedMetadata,
        metadata: { 'x-object-meta-color': 'rot ü' },
      });
      expect(await read(reading)).toEqual(small);
    });

    describe('a list of what a device has', () => {
      const listed = async (policyIndex: number, limit: number) => {
        const names: string[] = [];
        let after: string | undefined;
        do {
          const page = await store.listObjects(TARGET.device, { policyIndex, after, limit });
          expect(page.objects.length).toBeLessThanOrEqual(limit);
          names.push(...page.objects.map(({ object }) => object));
          after = page.after;
        } while (after !== undefined);
        return names.sort();
      };

      it('has each object of the policy once, in pages of any size', async () => {
        for (const [index, object] of ['a', 'b/ö', 'c', 'large', 'gone'].entries())
          await put(store, { ...TARGET, object, partition: index % 2 }, 1, object === 'large' ? large : small);
        await put(store, { ...TARGET, object: 'a', partition: 0 }, 2, small);
        await put(store, { ...TARGET, object: 'elsewhere', policyIndex: 1001 }, 1, small);
        await put(store, { ...TARGET, object: 'other device', device: 'd2' }, 1, small);
        await store.remove({ ...TARGET, object: 'gone', partition: 0 }, { timestamp: at(2) });
        for (const limit of [1, 2, 3, 100])
          expect(await listed(TARGET.policyIndex, limit)).toEqual(['a', 'b/ö', 'c', 'large']);
        expect(await listed(1001, 1)).toEqual(['elsewhere']);
        expect(await listed(7, 1)).toEqual([]);
      });

      it('tells whose each is', async () => {
        await put(store, TARGET, 1, small);
        const { policyIndex, device, ...names } = TARGET;
        const { objects } = await store.listObjects(device, { policyIndex, limit: 10 });
        expect(objects).toEqual([{ ...names, timestamp: at(1) }]);
      });

      it('is refused for a device that is not there', async () => {
        expect(await refusalOf(store.listObjects('none', { policyIndex: 0, limit: 1 }))).toMatchObject({
          code: 'DeviceUnavailable',
        });
      });
    });

    it('keeps an empty object', async () => {
      await put(store, TARGET, 1, Buffer.alloc(0));
      expect(await get(store, TARGET)).toEqual(Buffer.alloc(0));
    });

    it('keeps a large object and gives any range of it', async () => {
      await put(store, TARGET, 1, large, { sizeBytes: large.length });
      expect((await get(store, TARGET)).equals(large)).toBe(true);
      for (const [start, end] of [
        [0, 1],
        [65_535, 65_537],
        [262_143, 262_145],
        [700_000, 700_000],
        [100_000, 1_000_001],
        [large.length - 1, large.length],
      ] as const)
        expect((await get(store, TARGET, start, end)).equals(large.subarray(start, end)), `${start}-${end}`).toBe(true);
    });

    it('takes chunks whose memory is used again', async () => {
      const upload = await store.create(TARGET, newObject(1));
      const chunk = Buffer.alloc(70_000);
      const expected: Buffer[] = [];
      for (let fill = 0; fill < 20; fill += 1) {
        chunk.fill(fill);
        expected.push(Buffer.from(chunk));
        await upload.write(chunk);
      }
      const whole = Buffer.concat(expected);
      await upload.commit({ etag: md5(whole), sizeBytes: whole.length });
      expect((await get(store, TARGET)).equals(whole)).toBe(true);
    });

    it('shows nothing of an upload before its commit, nor after its abort', async () => {
      const upload = await store.create(TARGET, newObject(1));
      await upload.write(small);
      expect(await refusalOf(store.open(TARGET))).toMatchObject({ code: 'ObjectNotFound', status: 404 });
      await upload.abort();
      await upload.abort();
      expect(await refusalOf(store.open(TARGET))).toMatchObject({ code: 'ObjectNotFound' });
      expect(under.listings.rows).toEqual([]);
    });

    it('refuses a body of another size than the footer says, and leaves nothing', async () => {
      const upload = await store.create(TARGET, newObject(1));
      await upload.write(small);
      const commit = upload.commit({ etag: md5(small), sizeBytes: 13 });
      expect(await refusalOf(commit)).toMatchObject({ code: 'ChecksumMismatch', status: 422 });
      await upload.abort();
      expect(await refusalOf(store.open(TARGET))).toMatchObject({ code: 'ObjectNotFound' });
    });

    it('lets metadata of the footer override that of the beginning', async () => {
      const upload = await store.create(TARGET, newObject(1, { fixedMetadata: { a: '1', b: '2' } }));
      await upload.commit({ etag: md5(Buffer.alloc(0)), sizeBytes: 0, fixedMetadata: { b: '3', c: '4' } });
      const reading = await store.open(TARGET);
      expect(reading.state.fixedMetadata).toEqual({ a: '1', b: '3', c: '4' });
      await reading.close();
    });

    it('lists an object by the time its commit resolves', async () => {
      await put(store, TARGET, 1, small);
      expect(under.listings.rows).toEqual([
        {
          name: TARGET.object,
          deleted: false,
          timestamp: at(1),
          contentType: 'text/plain',
          contentTypeTimestamp: at(1),
          metadataTimestamp: at(1),
          etag: md5(small),
          sizeBytes: 12,
        },
      ]);
      await store.remove(TARGET, { timestamp: at(2), listing: LISTING });
      expect(under.listings.rows.at(-1)).toEqual({ name: TARGET.object, timestamp: at(2), deleted: true });
    });

    it('reports nothing where another replica does', async () => {
      await put(store, TARGET, 1, small, { listing: undefined });
      await store.remove(TARGET, { timestamp: at(2) });
      expect(under.listings.rows).toEqual([]);
    });

    it('takes an object back whose container is gone', async () => {
      under.listings.mode = 'gone';
      expect(await refusalOf(put(store, TARGET, 3, small))).toMatchObject({ code: 'ContainerNotFound', status: 404 });
      expect(await refusalOf(store.open(TARGET))).toMatchObject({
        code: 'ObjectNotFound',
        details: { timestamp: at(3) },
      });
      under.listings.mode = 'takes';
      await put(store, TARGET, 4, small);
      expect(await get(store, TARGET)).toEqual(small);
    });

    it('acknowledges a write whose listing cannot be reached', async () => {
      under.listings.mode = 'fails';
      await put(store, TARGET, 1, small);
      expect(await get(store, TARGET)).toEqual(small);
      await store.remove(TARGET, { timestamp: at(2), listing: LISTING });
      expect(await refusalOf(store.open(TARGET))).toMatchObject({ code: 'ObjectNotFound' });
    });

    it('refuses a write older than what is there, and changes nothing', async () => {
      await put(store, TARGET, 5, small);
      const older = { code: 'OlderVersion', status: 409, details: { timestamp: at(5) } };
      expect(await refusalOf(put(store, TARGET, 4, large))).toMatchObject(older);
      expect(await refusalOf(store.remove(TARGET, { timestamp: at(4) }))).toMatchObject(older);
      expect(await refusalOf(store.setMetadata(TARGET, { timestamp: at(4), metadata: {} }))).toMatchObject(older);
      expect(await get(store, TARGET)).toEqual(small);
      await store.remove(TARGET, { timestamp: at(7) });
      expect(await refusalOf(put(store, TARGET, 6, small))).toMatchObject({ details: { timestamp: at(7) } });
    });

    it('refuses an upload that became older while it was sent', async () => {
      const upload = await store.create(TARGET, newObject(3));
      await upload.write(large);
      await put(store, TARGET, 4, small);
      const commit = upload.commit({ etag: md5(large), sizeBytes: large.length });
      expect(await refusalOf(commit)).toMatchObject({ code: 'OlderVersion', details: { timestamp: at(4) } });
      expect(await get(store, TARGET)).toEqual(small);
    });

    it('takes an upload that metadata were posted past while it was sent: they are those of its data then', async () => {
      await put(store, TARGET, 1, small);
      const upload = await store.create(TARGET, newObject(2));
      await store.setMetadata(TARGET, { timestamp: at(3), metadata: { 'x-object-meta-posted': 'meanwhile' } });
      await upload.write(large);
      await upload.commit({ etag: md5(large), sizeBytes: large.length });
      expect(await get(store, TARGET)).toEqual(large);
      const reading = await store.open(TARGET);
      await reading.close();
      expect(reading.state).toMatchObject({
        dataTimestamp: at(2),
        timestamp: at(3),
        metadata: { 'x-object-meta-posted': 'meanwhile' },
      });
    });

    it('takes the same version twice without complaint, and of two with one timestamp always the same', async () => {
      const other = Buffer.from('another body');
      await put(store, TARGET, 5, small);
      await put(store, TARGET, 5, small);
      await put(store, TARGET, 5, other).catch(() => undefined);
      const winner = md5(small) > md5(other) ? small : other;
      expect(await get(store, TARGET)).toEqual(winner);
      const elsewhere = { ...TARGET, device: 'd2' };
      await put(store, elsewhere, 5, other);
      await put(store, elsewhere, 5, small).catch(() => undefined);
      expect(await get(store, elsewhere)).toEqual(winner);
    });

    it('refuses to replace an object with onlyIfAbsent, at the beginning and at the end', async () => {
      const racing = await store.create(TARGET, newObject(3, { onlyIfAbsent: true }));
      await put(store, TARGET, 2, small, { onlyIfAbsent: true });
      const commit = racing.commit({ etag: md5(Buffer.alloc(0)), sizeBytes: 0 });
      expect(await refusalOf(commit)).toMatchObject({ code: 'ObjectExists', status: 412 });
      expect(await refusalOf(store.create(TARGET, newObject(4, { onlyIfAbsent: true })))).toMatchObject({
        code: 'ObjectExists',
      });
      await store.remove(TARGET, { timestamp: at(5) });
      await put(store, TARGET, 6, small, { onlyIfAbsent: true });
      expect(await get(store, TARGET)).toEqual(small);
    });

    it('replaces with onlyIfUnchangedSince nothing that is newer than that, at the beginning and at the end', async () => {
      const changed = { code: 'ObjectChanged', status: 412 };
      await put(store, TARGET, 1, small);
      for (const [index, body] of [small, large].entries()) {
        const seen = 1 + 10 * index;
        const condition = { onlyIfUnchangedSince: at(seen) };
        const slower = await store.create(TARGET, newObject(seen + 2, condition));
        // The later of the two timestamps, and the slower: it came second all the same.
        const later = await store.create(TARGET, newObject(seen + 3, condition));
        await put(store, TARGET, seen + 1, body, condition);
        for (const upload of [slower, later]) {
          await upload.write(small);
          expect(await refusalOf(upload.commit({ etag: md5(small), sizeBytes: small.length }))).toMatchObject(changed);
        }
        expect(await refusalOf(store.create(TARGET, newObject(seen + 4, condition)))).toMatchObject({
          ...changed,
          details: { timestamp: at(seen + 1) },
        });
        const bytes = Buffer.from('whole');
        const whole = { bytes, etag: md5(bytes), checksum: xxh64(bytes) };
        expect(await refusalOf(store.put(TARGET, newObject(seen + 4, condition), whole))).toMatchObject(changed);
        expect((await get(store, TARGET)).equals(body)).toBe(true);
        await store.setMetadata(TARGET, { timestamp: at(seen + 5), metadata: {} });
        await store.put(TARGET, newObject(seen + 10, { onlyIfUnchangedSince: at(seen + 1) }), whole);
        expect(await get(store, TARGET)).toEqual(bytes);
      }
      await store.remove(TARGET, { timestamp: at(30) });
      expect(await refusalOf(put(store, TARGET, 31, small, { onlyIfUnchangedSince: at(29) }))).toMatchObject(changed);
      await put(store, TARGET, 31, small, { onlyIfUnchangedSince: at(30) });
      await put(store, { ...TARGET, object: 'never' }, 1, small, { onlyIfUnchangedSince: at(0) });
    });

    it('of writers that race with onlyIfUnchangedSince takes one', async () => {
      await put(store, TARGET, 1, small);
      const uploads = await Promise.all(
        [5, 2, 7, 3, 6, 4].map((ticks) => store.create(TARGET, newObject(ticks, { onlyIfUnchangedSince: at(1) }))),
      );
      const footer = { etag: md5(Buffer.alloc(0)), sizeBytes: 0 };
      const outcomes = await Promise.allSettled(uploads.map((upload) => upload.commit(footer)));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'ObjectChanged' });
    });

    it('tells whether a removal found something, and the time of the tombstone afterwards', async () => {
      expect(await store.remove(TARGET, { timestamp: at(1) })).toEqual({ existed: false });
      await put(store, TARGET, 2, small);
      expect(await store.remove(TARGET, { timestamp: at(3) })).toEqual({ existed: true });
      expect(await store.remove(TARGET, { timestamp: at(4) })).toEqual({ existed: false });
      expect(await refusalOf(store.open(TARGET))).toMatchObject({
        code: 'ObjectNotFound',
        details: { timestamp: at(4) },
      });
    });

    it('replaces the changeable metadata, keeps the fixed, and the content type goes by its own time', async () => {
      await put(store, TARGET, 1, small, { fixedMetadata: { f: '1' }, metadata: { m: '1', n: '1' } });
      await store.setMetadata(TARGET, { timestamp: at(2), metadata: { m: '2' }, contentType: 'image/png' });
      const state = await store.setMetadata(TARGET, { timestamp: at(3), metadata: { o: '3' }, listing: LISTING });
      expect(state).toEqual({
        timestamp: at(3),
        dataTimestamp: at(1),
        metadataTimestamp: at(3),
        contentType: 'image/png',
        contentTypeTimestamp: at(2),
        etag: md5(small),
        sizeBytes: 12,
        fixedMetadata: { f: '1' },
        metadata: { o: '3' },
      });
      const reading = await store.open(TARGET);
      expect(reading.state).toEqual(state);
      expect(await read(reading)).toEqual(small);
      expect(under.listings.rows.at(-1)).toMatchObject({
        timestamp: at(1),
        contentType: 'image/png',
        contentTypeTimestamp: at(2),
        metadataTimestamp: at(3),
      });
    });

    it('has no metadata to set where there is no object', async () => {
      const change = { timestamp: at(9), metadata: {} };
      expect(await refusalOf(store.setMetadata(TARGET, change))).toMatchObject({ code: 'ObjectNotFound' });
      await store.remove(TARGET, { timestamp: at(1) });
      expect(await refusalOf(store.setMetadata(TARGET, change))).toMatchObject({ details: { timestamp: at(1) } });
    });

    it('lets go of the metadata of an object that is replaced', async () => {
      await put(store, TARGET, 1, small);
      await store.setMetadata(TARGET, { timestamp: at(2), metadata: { m: '2' }, contentType: 'image/png' });
      await put(store, TARGET, 3, small, { metadata: { n: '3' } });
      const reading = await store.open(TARGET);
      expect(reading.state).toMatchObject({ metadata: { n: '3' }, contentType: 'text/plain', timestamp: at(3) });
      await reading.close();
    });

    it('shows nothing of an object past its X-Delete-At', async () => {
      const deleteAt = String(1_700_000_000 + 60);
      await put(store, TARGET, 1, small, { metadata: { 'x-delete-at': deleteAt } });
      expect(await get(store, TARGET)).toEqual(small);
      under.clock.nowMs = () => 1_700_000_060_000;
      expect(await refusalOf(store.open(TARGET))).toMatchObject({ code: 'ObjectNotFound' });
      const change = { timestamp: at(2), metadata: {} };
      expect(await refusalOf(store.setMetadata(TARGET, change))).toMatchObject({ code: 'ObjectNotFound' });
      await put(store, TARGET, 3, large, { onlyIfAbsent: true });
      expect((await get(store, TARGET)).equals(large)).toBe(true);
    });

    it('says of a deletion whether there was an object: not past its X-Delete-At, which a POST may bring or take', async () => {
      const deleteAt = String(1_700_000_000 + 60);
      const names = ['lasting', 'ends', 'ends by POST', 'lasts by POST'].map((object) => ({ ...TARGET, object }));
      const [lasting, ends, endsByPost, lastsByPost] = names as [
        ObjectTarget,
        ObjectTarget,
        ObjectTarget,
        ObjectTarget,
      ];
      await put(store, lasting, 1, small, { readFirst: false });
      await put(store, ends, 1, small, { metadata: { 'x-delete-at': deleteAt }, readFirst: false });
      await put(store, endsByPost, 1, small, { readFirst: false });
      await store.setMetadata(endsByPost, { timestamp: at(2), metadata: { 'x-delete-at': deleteAt } });
      await put(store, lastsByPost, 1, small, { metadata: { 'x-delete-at': deleteAt } });
      await store.setMetadata(lastsByPost, { timestamp: at(2), metadata: {} });
      under.clock.nowMs = () => 1_700_000_060_000;
      const existed: boolean[] = [];
      for (const name of names) existed.push((await store.remove(name, { timestamp: at(3) })).existed);
      expect(existed).toEqual([true, false, false, true]);
      for (const name of names) expect((await store.remove(name, { timestamp: at(4) })).existed).toBe(false);
      expect((await store.remove(lasting, { timestamp: at(5), existed: store.exists !== undefined })).existed).toBe(
        store.exists !== undefined,
      );
      const removal = { timestamp: at(3), existed: true };
      expect(await refusalOf(store.remove(lasting, removal))).toMatchObject({ code: 'OlderVersion' });
    });

    it('goes on reading a version that is superseded and deleted meanwhile', async () => {
      await put(store, TARGET, 1, large);
      const whole = await store.open(TARGET);
      const halved = await store.open(TARGET);
      const body = halved.body(0, large.length)[Symbol.asyncIterator]();
      const first = Buffer.from((await body.next()).value as Uint8Array);
      await put(store, TARGET, 2, small);
      await store.remove(TARGET, { timestamp: at(3) });
      expect((await read(whole)).equals(large)).toBe(true);
      const rest: Buffer[] = [first];
      for (let step = await body.next(); !step.done; step = await body.next()) rest.push(Buffer.from(step.value));
      expect(Buffer.concat(rest).equals(large)).toBe(true);
      await halved.close();
    });

    it('releases a reading whose body is not read, or not to its end', async () => {
      await put(store, TARGET, 1, large);
      for (let round = 0; round < 5; round += 1) {
        const unread = await store.open(TARGET);
        await unread.close();
        const partly = await store.open(TARGET);
        for await (const chunk of partly.body(0, large.length)) if (chunk.length > 0) break;
        await partly.close();
      }
      expect((await get(store, TARGET)).length).toBe(large.length);
    });

    it('keeps devices and policies apart', async () => {
      await put(store, TARGET, 1, small);
      expect(await refusalOf(store.open({ ...TARGET, policyIndex: 1 }))).toMatchObject({ code: 'ObjectNotFound' });
      expect(await refusalOf(store.open({ ...TARGET, device: 'd2' }))).toMatchObject({ code: 'ObjectNotFound' });
      expect(await refusalOf(store.open({ ...TARGET, device: 'd9' }))).toMatchObject({
        code: 'DeviceUnavailable',
        status: 507,
      });
    });

    it('takes many uploads of one name at once, and keeps the newest whole', async () => {
      const bodies = Array.from({ length: 12 }, (_, index) => randomBytes(50_000 + index));
      const outcomes = await Promise.allSettled(bodies.map((body, index) => put(store, TARGET, index + 1, body)));
      expect(outcomes.at(-1)?.status).toBe('fulfilled');
      expect((await get(store, TARGET)).equals(bodies.at(-1) ?? small)).toBe(true);
    });
  });
}
