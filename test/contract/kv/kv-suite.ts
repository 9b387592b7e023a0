import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type KeyValueStore, MOST_CONDITIONS, MOST_WRITES, prefixEnd } from '../../../common/kv/contract.ts';

export interface KvFixture {
  open(): Promise<KeyValueStore>;
  /** Closes the store, opens the same data again. */
  reopen(store: KeyValueStore): Promise<KeyValueStore>;
  cleanUp(): Promise<void>;
}

/** The promises of `common/kv/contract.ts`, for every implementation. */
export function kvContract(name: string, makeFixture: () => Promise<KvFixture>): void {
  describe(`key-value store: ${name}`, () => {
    let fixture: KvFixture;
    let store: KeyValueStore;

    beforeEach(async () => {
      fixture = await makeFixture();
      store = await fixture.open();
    });

    afterEach(async () => {
      await store.close();
      await fixture.cleanUp();
    });

    const put = (key: string, value: string) => store.commit({ conditions: [], writes: [{ key, value }] });

    it('gives back what was committed, with the revision of that commit', async () => {
      const result = await put('a/1', 'one');
      expect(result).toMatchObject({ outcome: 'committed' });
      expect(await store.get('a/1')).toEqual({
        key: 'a/1',
        value: 'one',
        revision: (result as { revision: number }).revision,
      });
      expect(await store.get('a/2')).toBeUndefined();
    });

    it('keeps values with spaces, line ends and other alphabets', async () => {
      const value = ' 1 2\n{"name":"grün \u{1f426}"} ';
      await put('a/odd', value);
      expect((await store.get('a/odd'))?.value).toBe(value);
    });

    it('writes nothing when one condition fails, and names its key', async () => {
      await put('a/1', 'one');
      const result = await store.commit({
        conditions: [
          { key: 'a/2', revision: 0 },
          { key: 'a/1', revision: 0 },
        ],
        writes: [
          { key: 'a/2', value: 'two' },
          { key: 'a/1', remove: true },
        ],
      });
      expect(result).toEqual({ outcome: 'conflict', key: 'a/1' });
      expect(await store.get('a/2')).toBeUndefined();
      expect((await store.get('a/1'))?.value).toBe('one');
    });

    it('lets exactly one of many concurrent compare-and-sets win', async () => {
      await put('a/counter', '0');
      const { revision } = (await store.get('a/counter')) ?? { revision: -1 };
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          store.commit({
            conditions: [{ key: 'a/counter', revision }],
            writes: [{ key: 'a/counter', value: String(index) }],
          }),
        ),
      );
      expect(results.filter(({ outcome }) => outcome === 'committed')).toHaveLength(1);
    });

    it('orders a range by the bytes of the keys and ends before its end', async () => {
      for (const key of ['b/2', 'b/10', 'b/\u{e9}', 'b/\u{1f426}', 'b/\u{fffd}', 'c/1', 'b']) await put(key, key);
      const keys = (await store.range({ start: 'b/', end: prefixEnd('b/') })).map(({ key }) => key);
      expect(keys).toEqual(['b/10', 'b/2', 'b/\u{e9}', 'b/\u{fffd}', 'b/\u{1f426}']);
      expect(await store.range({ start: 'b/', end: prefixEnd('b/'), limit: 2 })).toHaveLength(2);
    });

    it('shows no bookkeeping of its own in the widest range', async () => {
      await put('a/1', 'one');
      expect(await store.range({ start: '', end: '\u{10ffff}' })).toHaveLength(1);
    });

    it('never uses a revision twice, not even after it was opened again', async () => {
      const before = (await put('a/1', 'one')) as { revision: number };
      await store.commit({ conditions: [], writes: [{ key: 'a/1', remove: true }] });
      store = await fixture.reopen(store);
      const after = (await put('a/1', 'again')) as { revision: number };
      expect(after.revision).toBeGreaterThan(before.revision + 1);
    });

    it('keeps everything when it is opened again', async () => {
      await put('a/1', 'one');
      store = await fixture.reopen(store);
      expect((await store.get('a/1'))?.value).toBe('one');
    });

    it('refuses batches beyond its bounds', () => {
      const many = (count: number) => Array.from({ length: count }, (_, index) => `a/${index}`);
      expect(() => store.commit({ conditions: [], writes: [] })).toThrow(/0 writes/);
      expect(() =>
        store.commit({ conditions: [], writes: many(MOST_WRITES + 1).map((key) => ({ key, value: '' })) }),
      ).toThrow(/writes/);
      expect(() =>
        store.commit({
          conditions: many(MOST_CONDITIONS + 1).map((key) => ({ key, revision: 0 })),
          writes: [{ key: 'b', value: '' }],
        }),
      ).toThrow(/conditions/);
      expect(() => store.commit({ conditions: [], writes: [{ key: 'a', value: 'x'.repeat(1 << 20) }] })).toThrow(
        /bytes/,
      );
      expect(() =>
        store.commit({
          conditions: [],
          writes: [
            { key: 'a', value: '1' },
            { key: 'a', value: '2' },
          ],
        }),
      ).toThrow(/twice/);
    });
  });
}
