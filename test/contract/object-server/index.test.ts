import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { IndexError } from '../../../object-server/errors.ts';
import { openLevelIndex } from '../../../object-server/index/level-index.ts';
import { MemoryIndexStore } from '../../support/object-server/memory-index.ts';
import { describeVersionIndex, indexedVersion } from '../version-index.ts';

const OBJECT = { policyIndex: 0, partition: 7, hash: Buffer.alloc(16, 1) };

describeVersionIndex('version index in LevelDB', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'martlet-index-'));
  const index = await openLevelIndex(folder);
  return {
    index,
    open: () => openLevelIndex(folder),
    close: async () => {
      await index.close();
      await rm(folder, { recursive: true });
    },
  };
});

describeVersionIndex('version index in memory', async () => {
  const store = new MemoryIndexStore();
  return { index: store.open(), open: async () => store.open(), close: async () => undefined };
});

it('a flush of the index in LevelDB leaves nothing in its log: all of it is in synced tables', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'martlet-index-'));
  const index = await openLevelIndex(folder);
  try {
    const sizeOf = async (extension: string) => {
      const files = (await readdir(folder)).filter((name) => name.endsWith(extension));
      const sizes = await Promise.all(files.map(async (name) => (await stat(join(folder, name))).size));
      return sizes.reduce((sum, size) => sum + size, 0);
    };
    const versions = Array.from({ length: 1000 }, (_, place) => indexedVersion(place));
    await index.put(versions.map((version) => ({ change: 'put', object: OBJECT, version })));
    expect(await sizeOf('.log')).toBeGreaterThan(50_000);
    expect(await sizeOf('.ldb')).toBe(0);
    await index.flush();
    expect(await sizeOf('.log'), 'the mark of the flush alone').toBeLessThan(100);
    expect(await sizeOf('.ldb')).toBeGreaterThan(10_000);
    expect(await index.versions(OBJECT)).toHaveLength(1000);
  } finally {
    await index.close();
    await rm(folder, { recursive: true });
  }
});

it('an index that is closed refuses with an IndexError', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'martlet-index-'));
  const index = await openLevelIndex(folder);
  await index.close();
  await expect(index.versions(OBJECT)).rejects.toThrow(IndexError);
  await expect(index.put([])).rejects.toThrow(IndexError);
  await expect(index.flush()).rejects.toThrow(IndexError);
  await rm(folder, { recursive: true });
});

it('an index in memory loses what was not flushed, in any part, when it crashes', async () => {
  const store = new MemoryIndexStore();
  const index = store.open();
  const put = (ticks: number) => index.put([{ change: 'put', object: OBJECT, version: indexedVersion(ticks) }]);
  await put(1);
  await index.flush();
  await put(2);
  await put(3);
  let asked = 0;
  store.crash(() => {
    asked += 1;
    return asked === 2;
  });
  await expect(put(4)).rejects.toThrow('the power is off');
  const found = await store.open().versions(OBJECT);
  expect(found.map(({ timestamp }) => timestamp)).toEqual([indexedVersion(3).timestamp, indexedVersion(1).timestamp]);
});
