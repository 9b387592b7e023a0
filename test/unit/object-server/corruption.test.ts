import { randomBytes } from 'node:crypto';
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { segmentPath } from '../../../object-server/slab/segment-file.ts';
import { at } from '../../support/listing-store.ts';
import { indexOf } from '../../support/object-server/index-of.ts';
import { get, makeObjectNode, type ObjectNode, put, refusalOf, TARGET } from '../../support/object-store.ts';

describe('a damaged version', () => {
  let node: ObjectNode;
  const large = randomBytes(1_000_000);
  const small = randomBytes(1000);
  const corrupt = { code: 'CorruptObject', status: 500 };
  const absent = { code: 'ObjectNotFound', status: 404 };

  beforeEach(async () => {
    node = await makeObjectNode();
  });
  afterEach(() => node.remove());

  /** The needle of a version of `kind` on device d1. */
  async function needle(kind = 'data', timestamp?: string): Promise<{ path: string; offset: number; length: number }> {
    const found = (await indexOf(node.folder)).versions.find(
      ({ version }) => version.kind === kind && (timestamp ?? version.timestamp) === version.timestamp,
    );
    if (found === undefined) throw new Error('there is no such version');
    const { segment, offset, lengthBytes } = found.version.location;
    return { path: segmentPath(join(node.folder, 'd1', 'slabs'), segment), offset, length: lengthBytes };
  }

  async function bodyFile(): Promise<string> {
    const [file] = (await node.files()).filter((path) => path.startsWith('large/'));
    if (file === undefined) throw new Error('there is no large body');
    return join(node.folder, 'd1', file);
  }

  async function flip(path: string, position: number): Promise<void> {
    const bytes = await readFile(path);
    bytes[position] = (bytes[position] ?? 0) ^ 16;
    await writeFile(path, bytes);
  }

  it('is found at any byte of its needle, set aside, and not served, until it is put again', async () => {
    await put(node.store, TARGET, 1, small);
    const { length } = await needle();
    for (let position = 0; position < length; position += 29) {
      const { path, offset } = await needle();
      await flip(path, offset + position);
      const reader = await node.restart('stopped');
      expect(await refusalOf(get(reader, TARGET)), `byte ${position}`).toMatchObject(corrupt);
      expect(await refusalOf(get(reader, TARGET))).toMatchObject(absent);
      expect(reader.openNow(TARGET)).toBeUndefined();
      await put(reader, TARGET, 1, small);
      expect(await get(reader, TARGET)).toEqual(small);
    }
    expect((await node.files()).filter((path) => path.startsWith('quarantine/'))).toHaveLength(1);
  });

  it('is never served from memory of what was read before', async () => {
    await put(node.store, TARGET, 1, small);
    await get(node.store, TARGET);
    expect(node.store.openNow(TARGET)?.bodyNow?.()).toEqual(small);
    const { path, offset, length } = await needle();
    await flip(path, offset + length - 1);
    const reading = node.store.openNow(TARGET);
    expect(reading?.bodyNow?.()).toBeUndefined();
    const body = async () => {
      for await (const chunk of reading?.body(0, small.length) ?? []) expect(chunk.length).toBe(-1);
    };
    expect(await refusalOf(body())).toMatchObject(corrupt);
    expect(await refusalOf(node.store.open(TARGET))).toMatchObject(absent);
  });

  it('is found in the middle of a large body, after what is good was read', async () => {
    await put(node.store, TARGET, 1, large);
    await flip(await bodyFile(), 700_000);
    const reading = await node.store.open(TARGET);
    const chunks: Buffer[] = [];
    const readAll = async () => {
      for await (const chunk of reading.body(0, large.length)) chunks.push(Buffer.from(chunk));
    };
    expect(await refusalOf(readAll())).toMatchObject(corrupt);
    await reading.close();
    const good = Buffer.concat(chunks);
    expect(good.length).toBeGreaterThan(0);
    expect(good.equals(large.subarray(0, good.length))).toBe(true);
    expect(await refusalOf(node.store.open(TARGET))).toMatchObject(absent);
  });

  it('does no harm to a range that does not touch the damage', async () => {
    await put(node.store, TARGET, 1, large);
    await flip(await bodyFile(), 700_000);
    expect((await get(node.store, TARGET, 0, 600_000)).equals(large.subarray(0, 600_000))).toBe(true);
    expect((await get(node.store, TARGET, 800_000, 1_000_000)).equals(large.subarray(800_000))).toBe(true);
    expect(await refusalOf(get(node.store, TARGET, 700_000, 700_001))).toMatchObject(corrupt);
  });

  it('is found when its file was cut, or is gone', async () => {
    await put(node.store, TARGET, 1, large);
    await truncate(await bodyFile(), 500_000);
    expect(await refusalOf(node.store.open(TARGET))).toMatchObject(corrupt);
    await put(node.store, TARGET, 2, large);
    for (const path of await node.files()) if (path.startsWith('large/')) await rm(join(node.folder, 'd1', path));
    expect(await refusalOf(node.store.open(TARGET))).toMatchObject(corrupt);
  });

  it('does not uncover the older version that it superseded, not even after a kill', async () => {
    await put(node.store, TARGET, 1, small);
    await put(node.store, TARGET, 2, large);
    const { path, offset } = await needle('data', at(2));
    await node.store.checkpoint();
    await flip(path, offset + 100);
    const store = await node.restart('killed');
    expect(await refusalOf(store.open(TARGET))).toMatchObject(corrupt);
    expect(await refusalOf(store.open(TARGET))).toMatchObject(absent);
    await store.housekeep();
    expect(await refusalOf(store.open(TARGET))).toMatchObject(absent);
    expect(await refusalOf(put(store, TARGET, 1, small)), 'nor lets it in again').toMatchObject({
      code: 'OlderVersion',
    });
    await put(store, TARGET, 3, small);
    expect(await get(store, TARGET)).toEqual(small);
  });

  it('of metadata is set aside too, and the data is served without it', async () => {
    await put(node.store, TARGET, 1, small);
    await node.store.setMetadata(TARGET, { timestamp: at(2), metadata: { m: '2' } });
    const { path, offset } = await needle('metadata');
    await flip(path, offset + 90);
    const store = await node.restart('stopped');
    expect(await refusalOf(store.open(TARGET))).toMatchObject(corrupt);
    const reading = await store.open(TARGET);
    expect(reading.state.metadata).toEqual({});
    await reading.close();
    expect(await get(store, TARGET)).toEqual(small);
  });

  it('is not believed of a disk that is gone as a whole', async () => {
    await put(node.store, TARGET, 1, small);
    await node.restart('stopped');
    const store = await node.open();
    await rm(join(node.folder, 'd1', 'layout'));
    await rm(join(node.folder, 'd1', 'slabs'), { recursive: true });
    expect(await refusalOf(store.open(TARGET))).toMatchObject({ code: 'DeviceUnavailable' });
    const [found] = (await indexOf(node.folder)).versions;
    expect(found?.version.damaged).toBe(false);
  });
});
