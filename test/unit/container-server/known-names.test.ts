import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Level } from 'level';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  FEWEST_MISSES_BEFORE_SCAN,
  MOST_CONTAINERS_WITH_KNOWN_NAMES,
  MOST_KNOWN_NAMES_BYTES,
} from '../../../container-server/limits.ts';
import { objectRowKey } from '../../../container-server/store/keys.ts';
import { KnownNames } from '../../../container-server/store/known-names.ts';
import { hashOfName, NameFilter } from '../../../container-server/store/name-filter.ts';
import { anyCharacter } from '../../support/any-character.ts';
import { at, liveRow, makeListingNode, namesIn, rowsIn, WHOLE } from '../../support/listing-store.ts';

describe('a filter of names', () => {
  it('never says of a name that was added that it is absent, however far it has grown', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: anyCharacter }), { maxLength: 2000 }), fc.nat(50), (names, expected) => {
        const filter = new NameFilter(expected);
        for (const name of names) filter.add(hashOfName(name));
        expect(names.every((name) => filter.has(hashOfName(name)))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('is seldom wrong about names that were not', () => {
    const filter = new NameFilter(0);
    for (let index = 0; index < 50_000; index += 1) filter.add(hashOfName(`folder/object-${index}`));
    let wrong = 0;
    for (let index = 0; index < 10_000; index += 1) if (filter.has(hashOfName(`folder/other-${index}`))) wrong += 1;
    expect(wrong).toBeLessThan(60);
    expect(filter.bytes).toBeLessThan(50_000 * 8);
  });
});

describe('the names of live rows', () => {
  let folder: string;
  let db: Level<string, string>;
  let known: KnownNames;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-names-'));
    db = new Level(folder);
    await db.open();
    known = new KnownNames(db);
  });
  afterEach(async () => {
    await known.close();
    await db.close();
    await rm(folder, { recursive: true });
  });

  const fill = (count: number) =>
    db.batch(
      Array.from({ length: count }, (_, index) => ({
        type: 'put' as const,
        key: objectRowKey('a', 'c', `old-${index}`),
        value: '',
      })),
    );
  const missed = (count: number) => {
    const names = known.of('a', 'c', count);
    names.misses = Math.max(FEWEST_MISSES_BEFORE_SCAN, count);
    return known.of('a', 'c', count);
  };

  it('are known from the first one on where a container counts none', () => {
    const names = known.of('a', 'c', 0);
    expect(names.isSurelyAbsent(hashOfName('x'))).toBe(true);
    names.filter?.add(hashOfName('x'));
    expect(known.of('a', 'c', 1).isSurelyAbsent(hashOfName('x'))).toBe(false);
    expect(known.of('a', 'c', 1).isSurelyAbsent(hashOfName('y'))).toBe(true);
    expect(known.of('a', 'd', 1).isSurelyAbsent(hashOfName('y'))).toBe(false);
  });

  it('are read after many looks in vain, once what was staged is durable, and kept up meanwhile', async () => {
    const first = known.of('a', 'c', 2000);
    first.misses = 1;
    known.onDurable();
    expect(known.of('a', 'c', 2000).filter).toBeUndefined();
    const names = missed(2000);
    names.filter?.add(hashOfName('staged later'));
    await fill(2000); // staged before the scan was wanted, and durable only now
    known.onDurable();
    expect(names.isSurelyAbsent(hashOfName('new')), 'not before all is read').toBe(false);
    await expect.poll(() => names.isComplete).toBe(true);
    expect(known.of('a', 'c', 2001)).toBe(names);
    for (let index = 0; index < 2000; index += 1) expect(names.isSurelyAbsent(hashOfName(`old-${index}`))).toBe(false);
    expect(names.isSurelyAbsent(hashOfName('staged later'))).toBe(false);
    expect(names.isSurelyAbsent(hashOfName('new'))).toBe(true);
  });

  it('are not read of a container that is too large, and forgotten when most of them are of rows that have gone', () => {
    const huge = known.of('a', 'huge', MOST_KNOWN_NAMES_BYTES);
    huge.misses = MOST_KNOWN_NAMES_BYTES;
    expect(known.of('a', 'huge', MOST_KNOWN_NAMES_BYTES).filter).toBeUndefined();
    const names = known.of('a', 'c', 0);
    for (let index = 0; index < 20_000; index += 1) names.filter?.add(hashOfName(`${index}`));
    known.of('a', 'c', 10);
    expect(known.of('a', 'c', 10)).not.toBe(names);
  });

  it('are bounded: the containers, and their memory', () => {
    const first = known.of('a', 'first', 0);
    for (let index = 0; index < MOST_CONTAINERS_WITH_KNOWN_NAMES; index += 1) known.of('a', `${index}`, 0);
    expect(known.of('a', 'first', 1)).not.toBe(first);
    const large = known.of('a', 'large', 0);
    large.filter = new NameFilter(MOST_KNOWN_NAMES_BYTES);
    for (let batches = 0; batches < 64; batches += 1) known.onDurable();
    expect(known.of('a', 'large', 1)).not.toBe(large);
  });
});

describe('counters of a container whose names are read while rows come', () => {
  it('are exact: for rows sent again, replaced, deleted and made again', async () => {
    const node = await makeListingNode();
    try {
      const target = { device: 'd1', partition: 1, account: 'AUTH_a', container: 'c' };
      await node.store.createContainer(target, { timestamp: at(1), metadata: {}, defaultPolicyIndex: 0, accounts: [] });
      const old = Array.from({ length: 200 }, (_, index) => liveRow(`o${index}`, at(2), 2));
      await node.store.applyObjectRows(target, old);
      const store = await node.reopen();
      for (let round = 0; round < 3 * FEWEST_MISSES_BEFORE_SCAN; round += 1) {
        const replaced = liveRow(`o${round}`, at(3), 3);
        await store.applyObjectRows(target, [liveRow(`new${round}`, at(2), 5), replaced]);
        await store.applyObjectRows(target, [{ name: `new${round}`, timestamp: at(3), deleted: true }]);
        await store.applyObjectRows(target, [liveRow(`new${round}`, at(4), 7), replaced, liveRow('o199', at(2), 2)]);
      }
      const rows = rowsIn<{ bytes: number }>(await store.listObjects(target, WHOLE));
      expect(await store.containerInfo(target)).toMatchObject({
        objectCount: rows.length,
        bytesUsed: rows.reduce((sum, { bytes }) => sum + bytes, 0),
      });
      expect(await namesIn(store, target)).toHaveLength(200 + 3 * FEWEST_MISSES_BEFORE_SCAN);
    } finally {
      await node.remove();
    }
  });
});
