import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IndexChange, IndexedVersion, ObjectKey, VersionIndex } from '../../object-server/index/contract.ts';
import { at } from '../support/listing-store.ts';

export interface IndexUnderTest {
  /** The first opening of what is there. */
  index: VersionIndex;
  /** Another one of the same, as another thread has it. */
  open(): Promise<VersionIndex>;
  close(): Promise<void>;
}

const HASH = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const OBJECT: ObjectKey = { policyIndex: 0, partition: 7, hash: HASH };
const LISTING = { ip: '127.0.0.1', port: 6201, device: 'd1', partition: 3 };

export function indexedVersion(ticks: number, more: Partial<IndexedVersion> = {}): IndexedVersion {
  const kind = more.kind ?? 'data';
  return {
    kind,
    timestamp: at(ticks),
    tie: kind === 'tombstone' ? '' : '5a'.repeat(16),
    typed: false,
    large: false,
    damaged: false,
    lasting: false,
    location: { segment: 3, generation: 2 ** 40 + ticks, offset: 4096 * ticks, lengthBytes: 100 },
    ...more,
  };
}

const putOf = (version: IndexedVersion, object = OBJECT): IndexChange => ({ change: 'put', object, version });

/** What every implementation of `VersionIndex` promises. */
export function describeVersionIndex(name: string, open: () => Promise<IndexUnderTest>): void {
  describe(name, () => {
    let under: IndexUnderTest;
    let index: VersionIndex;

    beforeEach(async () => {
      under = await open();
      index = under.index;
    });
    afterEach(() => under.close());

    it('gives the versions of an object newest first: by time, kind and tie', async () => {
      const expected = [
        indexedVersion(9, { kind: 'metadata', typed: true }),
        indexedVersion(5, { kind: 'tombstone' }),
        indexedVersion(5, { tie: 'ff'.repeat(16), large: true, lasting: true }),
        indexedVersion(5, { tie: '00'.repeat(16), damaged: true }),
        indexedVersion(5, { kind: 'metadata' }),
        indexedVersion(4),
      ];
      for (const version of [...expected].reverse()) await index.put([putOf(version)]);
      expect(await index.versions(OBJECT)).toEqual(expected);
      expect(await index.newest(OBJECT), 'down to the newest data or tombstone').toEqual(expected.slice(0, 2));
    });

    it('keeps objects of other hashes, partitions and policies apart', async () => {
      const others: ObjectKey[] = [
        { ...OBJECT, partition: 8 },
        { ...OBJECT, policyIndex: 1 },
        { ...OBJECT, hash: Buffer.alloc(16, 0xff) },
        { ...OBJECT, hash: Buffer.alloc(16) },
      ];
      for (const [place, object] of others.entries()) await index.put([putOf(indexedVersion(place + 1), object)]);
      expect(await index.versions(OBJECT)).toEqual([]);
      expect(await index.newest(OBJECT)).toEqual([]);
      for (const [place, object] of others.entries())
        expect(await index.versions(object)).toEqual([indexedVersion(place + 1)]);
    });

    it('reads on through many versions of metadata to the data below them', async () => {
      const posts = Array.from({ length: 600 }, (_, place) => indexedVersion(place + 2, { kind: 'metadata' }));
      await index.put([indexedVersion(0), indexedVersion(1), ...posts].map((version) => putOf(version)));
      expect(await index.newest(OBJECT)).toEqual([...posts.reverse(), indexedVersion(1)]);
      expect(await index.versions(OBJECT)).toHaveLength(602);
    });

    it('reads many objects, and finds many versions, in the order they were asked for', async () => {
      const other = { ...OBJECT, hash: Buffer.alloc(16, 0xff) };
      const posts = [9, 8, 7, 6, 5, 4].map((ticks) => indexedVersion(ticks, { kind: 'metadata' }));
      await index.put([...posts, indexedVersion(3), indexedVersion(2)].map((version) => putOf(version)));
      await index.put([putOf(indexedVersion(1, { kind: 'tombstone' }), other)]);
      const none = { ...OBJECT, partition: 99 };
      expect(await index.newestOf([other, none, OBJECT])).toEqual([
        [indexedVersion(1, { kind: 'tombstone' })],
        [],
        [...posts, indexedVersion(3)],
      ]);
      const wanted = [other, OBJECT].map((object) => ({ object, version: indexedVersion(2) }));
      expect(await index.findAll(wanted)).toEqual([undefined, indexedVersion(2)]);
      expect([await index.newestOf([]), await index.findAll([])]).toEqual([[], []]);
    });

    it('replaces where a version is, and removes it', async () => {
      const moved = indexedVersion(5, { location: { segment: 9, generation: 77, offset: 12, lengthBytes: 3 } });
      await index.put([putOf(indexedVersion(5)), putOf(indexedVersion(6))]);
      await index.put([putOf(moved), { change: 'remove', object: OBJECT, version: indexedVersion(6) }]);
      expect(await index.versions(OBJECT)).toEqual([moved]);
      expect(await index.find(OBJECT, indexedVersion(5))).toEqual(moved);
      expect(await index.find(OBJECT, indexedVersion(6))).toBeUndefined();
      expect(await index.find(OBJECT, indexedVersion(5, { kind: 'tombstone' }))).toBeUndefined();
    });

    it('scans all versions in steps, and nothing but versions', async () => {
      const objects = Array.from({ length: 7 }, (_, partition) => ({ ...OBJECT, partition }));
      await index.put(objects.map((object) => putOf(indexedVersion(1), object)));
      await index.put([{ change: 'put-pending', object: OBJECT, version: indexedVersion(1), listing: LISTING }]);
      const first = await index.scan(undefined, 4);
      const rest = await index.scan(first.at(-1)?.key, 4);
      expect([...first, ...rest].map(({ object }) => object)).toEqual(objects);
      expect(first[0]?.version).toEqual(indexedVersion(1));
      expect(await index.scan(rest.at(-1)?.key, 4)).toEqual([]);
    });

    it('keeps pending updates, oldest needle first, until they are removed', async () => {
      for (const ticks of [3, 1, 2])
        await index.put([{ change: 'put-pending', object: OBJECT, version: indexedVersion(ticks), listing: LISTING }]);
      const first = await index.pending(undefined, 2);
      expect(first.map(({ version }) => version)).toEqual([indexedVersion(1), indexedVersion(2)]);
      expect(first[0]).toMatchObject({ object: OBJECT, listing: LISTING });
      await index.put(first.map(({ key }) => ({ change: 'remove-pending', key })));
      const rest = await index.pending(first.at(-1)?.key, 9);
      expect(rest.map(({ version }) => version)).toEqual([indexedVersion(3)]);
      expect(await index.pending(undefined, 9)).toEqual(rest);
      expect(await index.versions(OBJECT)).toEqual([]);
    });

    it('shows a put to every thread when it resolves, and says that it was not empty', async () => {
      const other = await under.open();
      expect([index.fresh, other.fresh]).toEqual([true, false]);
      await index.put([putOf(indexedVersion(1))]);
      expect(await other.versions(OBJECT)).toEqual([indexedVersion(1)]);
      await other.close();
      expect(await index.versions(OBJECT), 'also when the other one is closed').toEqual([indexedVersion(1)]);
    });

    it('flushes as often as it is asked, with anything or nothing to flush', async () => {
      await index.flush();
      await index.put([putOf(indexedVersion(1))]);
      await index.flush();
      await index.flush();
      expect(await index.versions(OBJECT)).toEqual([indexedVersion(1)]);
    });
  });
}
