import { beforeEach, describe, expect, it } from 'vitest';
import type { Location } from '../../../../object-server/slab/contract.ts';
import { segmentPath } from '../../../../object-server/slab/segment-file.ts';
import { FakeDisk } from '../../../support/object-server/fake-disk.ts';
import {
  inline,
  openSlab,
  SLABS,
  type SlabUnderTest,
  sampleNeedle,
  scanAll,
  scanNames,
} from '../../../support/object-server/slabs.ts';
import { SeededRandom } from '../../../support/simulation/seeded-random.ts';

const FILE = segmentPath(SLABS, 0);
const SMALL = 256 << 10;
const TINY = 32 << 10;

let disk: FakeDisk;
let slab: SlabUnderTest;

beforeEach(async () => {
  disk = new FakeDisk({ random: new SeededRandom(7) });
  await disk.makeFolder(SLABS);
  slab = openSlab({ disk, segmentBytes: SMALL });
});

/** Each word is a batch, each letter of it a needle. */
async function write(...batches: string[]): Promise<Map<string, Location>> {
  const locations = new Map<string, Location>();
  for (const batch of batches)
    await Promise.all(
      [...batch].map(async (name) => {
        locations.set(name, await slab.writer.append(sampleNeedle(name, inline(Buffer.alloc(700, name)))));
      }),
    );
  return locations;
}

function at(locations: Map<string, Location>, name: string): Location {
  const found = locations.get(name);
  if (!found) throw new Error(`no needle ${name}`);
  return found;
}

function flipIn({ offset, lengthBytes }: Location, part: 'head' | 'body'): void {
  disk.flip(FILE, part === 'head' ? offset + 17 : offset + lengthBytes - 1, 3);
}

describe('a scan of a segment', () => {
  it('begins where it is told', async () => {
    const locations = await write('ab', 'cd', 'e');
    expect(await scanNames(disk, SLABS, 0)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(await scanNames(disk, SLABS, 0, at(locations, 'b').offset)).toEqual(['b', 'c', 'd', 'e']);
    expect(await scanNames(disk, SLABS, 0, at(locations, 'c').offset)).toEqual(['c', 'd', 'e']);
    expect(await scanNames(disk, SLABS, 0, at(locations, 'e').offset + 4096)).toEqual([]);
    expect(await scanNames(disk, SLABS, 0, SMALL * 2)).toEqual([]);
  });

  it.each(['head', 'body'] as const)('tells a damaged %s by the batches behind it, and goes on', async (part) => {
    const locations = await write('abc', 'def', 'g');
    const damaged = at(locations, 'b');
    flipIn(damaged, part);
    const found = await scanAll(disk, SLABS, 0);
    expect(await scanNames(disk, SLABS, 0)).toEqual(['a', 'damage', 'c', 'd', 'e', 'f', 'g']);
    expect(found[1]).toMatchObject({ offset: damaged.offset });
    flipIn(at(locations, 'c'), part);
    flipIn(at(locations, 'd'), 'head');
    const expected =
      part === 'head' ? ['a', 'damage', 'e', 'f', 'g'] : ['a', 'damage', 'damage', 'damage', 'e', 'f', 'g'];
    expect(await scanNames(disk, SLABS, 0)).toEqual(expected);
  });

  it.each(['head', 'body'] as const)('takes a bad %s with no batch behind it for a torn tail', async (part) => {
    const locations = await write('abc', 'def');
    flipIn(at(locations, 'e'), part);
    expect(await scanNames(disk, SLABS, 0)).toEqual(['a', 'b', 'c', 'd']);
    expect(await scanNames(disk, SLABS, 0, at(locations, 'd').offset)).toEqual(['d']);
  });

  it('finds damage at its very start, and a torn batch right there', async () => {
    const locations = await write('abc', 'def');
    flipIn(at(locations, 'a'), 'head');
    expect(await scanNames(disk, SLABS, 0)).toEqual(['damage', 'b', 'c', 'd', 'e', 'f']);
    expect(await scanNames(disk, SLABS, 0, at(locations, 'd').offset)).toEqual(['d', 'e', 'f']);
    flipIn(at(locations, 'd'), 'head');
    expect(await scanNames(disk, SLABS, 0, at(locations, 'd').offset)).toEqual([]);
  });

  it('finds a batch that the disk never wrote, by the one behind it', async () => {
    const locations = await write('abc', 'def', 'g');
    const file = await disk.open(FILE, { write: true, durable: true });
    await file.write([Buffer.alloc(4096)], at(locations, 'd').offset);
    expect(await scanNames(disk, SLABS, 0)).toEqual(['a', 'b', 'c', 'damage', 'g']);
  });

  it('does not take for its own what is in a body', async () => {
    const locations = await write('abc');
    const { offset, lengthBytes } = at(locations, 'c');
    const forged = disk.bytesOf(FILE).subarray(offset, offset + lengthBytes);
    await slab.writer.append(sampleNeedle('outer', inline(Buffer.concat([Buffer.alloc(100), forged]))));
    await write('d');
    expect(await scanNames(disk, SLABS, 0)).toEqual(['a', 'b', 'c', 'outer', 'd']);
  });

  it('goes past its window', async () => {
    slab = openSlab({ disk });
    const needles = Array.from({ length: 80 }, (_, index) =>
      sampleNeedle(`${index}`, inline(Buffer.alloc(65_000, index))),
    );
    await Promise.all(needles.map((needle) => slab.writer.append(needle)));
    expect(await scanNames(disk, SLABS, 0)).toEqual(needles.map(({ object }) => object));
  });

  it('finds nothing of what a recycled segment held before', async () => {
    await write('abc', 'def', 'ghi');
    await slab.writer.close();
    Atomics.store(slab.share.segments, 0, 1);
    slab = openSlab({ disk, segmentBytes: SMALL, share: slab.share });
    await slab.writer.append(sampleNeedle('new'), { belowReserve: true });
    expect(disk.files()).toEqual([FILE]);
    expect(await scanNames(disk, SLABS, 0)).toEqual(['new']);
  });
});

describe('after a power cut in the middle of a batch', () => {
  it('a scan finds all that was acknowledged, and of the torn batch a part from its start or nothing', async () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const random = new SeededRandom(seed);
      const powered = new FakeDisk({ random });
      await powered.makeFolder(SLABS);
      const { writer, share } = openSlab({ disk: powered, segmentBytes: TINY });
      const names = 'abcdefgh'.split('');
      const first = names.slice(0, 1 + random.below(4));
      const rest = names.slice(first.length);
      if (random.chance(0.5)) {
        await Promise.all(names.map((name) => writer.append(sampleNeedle(`old-${name}`, inline(Buffer.alloc(700))))));
        await writer.close();
        Atomics.store(share.segments, 0, 1);
      }
      const again = openSlab({ disk: powered, segmentBytes: TINY, share });
      await Promise.all(first.map((name) => again.writer.append(sampleNeedle(name), { belowReserve: true })));
      let inFlight = false;
      powered.options.turn = async ({ kind }) => {
        inFlight ||= kind === 'write';
        if (kind === 'write') await new Promise(() => undefined);
      };
      for (const name of rest) void again.writer.append(sampleNeedle(name, inline(Buffer.alloc(700, seed))));
      while (!inFlight) await new Promise((resolve) => setImmediate(resolve));
      const found = await scanNames(powered.crash(undefined, { random }), SLABS, 0);
      expect(found, `seed ${seed}`).toEqual(names.slice(0, Math.max(first.length, found.length)));
    }
  });
});
