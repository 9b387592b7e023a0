import { randomBytes } from 'node:crypto';
import { readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at } from '../../support/listing-store.ts';
import { get, makeObjectNode, type ObjectNode, put, refusalOf, TARGET } from '../../support/object-store.ts';

describe('a damaged version', () => {
  let node: ObjectNode;
  const large = randomBytes(1_000_000);
  const small = randomBytes(1000);

  beforeEach(async () => {
    node = await makeObjectNode();
  });
  afterEach(() => node.remove());

  async function versionFile(): Promise<string> {
    const [file] = (await node.files()).filter((path) => path.startsWith('objects/'));
    if (file === undefined) throw new Error('there is no version');
    return join(node.folder, 'd1', file);
  }

  async function flip(path: string, position: number): Promise<void> {
    const bytes = await readFile(path);
    bytes[position] = (bytes[position] ?? 0) ^ 16;
    await writeFile(path, bytes);
  }

  it('is found at any byte of a small file, set aside, and not served', async () => {
    await put(node.store, TARGET, 1, small);
    const path = await versionFile();
    const whole = await readFile(path);
    for (let position = 0; position < whole.length; position += 29) {
      await writeFile(path, whole);
      await flip(path, position);
      expect(await refusalOf(get(node.store, TARGET)), `byte ${position}`).toMatchObject({
        code: 'CorruptObject',
        status: 500,
      });
      expect(await refusalOf(get(node.store, TARGET))).toMatchObject({ code: 'ObjectNotFound' });
    }
    await writeFile(path, whole);
    expect(await get(node.store, TARGET)).toEqual(small);
  });

  it('is found in the middle of a large body, after what is good was read', async () => {
    await put(node.store, TARGET, 1, large);
    await flip(await versionFile(), 32 + 700_000);
    const reading = await node.store.open(TARGET);
    const chunks: Buffer[] = [];
    const readAll = async () => {
      for await (const chunk of reading.body(0, large.length)) chunks.push(Buffer.from(chunk));
    };
    expect(await refusalOf(readAll())).toMatchObject({ code: 'CorruptObject' });
    await reading.close();
    const good = Buffer.concat(chunks);
    expect(good.length).toBeGreaterThan(0);
    expect(good.equals(large.subarray(0, good.length))).toBe(true);
    expect((await node.files()).filter((path) => path.startsWith('quarantined/objects/'))).toHaveLength(1);
    expect(await refusalOf(node.store.open(TARGET))).toMatchObject({ code: 'ObjectNotFound' });
  });

  it('does no harm to a range that does not touch the damage', async () => {
    await put(node.store, TARGET, 1, large);
    await flip(await versionFile(), 32 + 700_000);
    expect((await get(node.store, TARGET, 0, 600_000)).equals(large.subarray(0, 600_000))).toBe(true);
    expect((await get(node.store, TARGET, 800_000, 1_000_000)).equals(large.subarray(800_000))).toBe(true);
    expect(await refusalOf(get(node.store, TARGET, 700_000, 700_001))).toMatchObject({ code: 'CorruptObject' });
  });

  it('is found when the file was cut', async () => {
    await put(node.store, TARGET, 1, large);
    await truncate(await versionFile(), 500_000);
    expect(await refusalOf(node.store.open(TARGET))).toMatchObject({ code: 'CorruptObject' });
  });

  it('is found when the file of another object stands in its place', async () => {
    await put(node.store, { ...TARGET, object: 'other' }, 1, small);
    const other = await readFile(await versionFile());
    await node.store.remove({ ...TARGET, object: 'other' }, { timestamp: at(2) });
    await put(node.store, TARGET, 1, small);
    const [mine] = (await node.files()).filter((path) => path.endsWith('.data'));
    await writeFile(join(node.folder, 'd1', mine ?? ''), other);
    expect(await refusalOf(node.store.open(TARGET))).toMatchObject({ code: 'CorruptObject' });
  });

  it('is not quarantined for a reader of the old bytes when a good file came into its place', async () => {
    await put(node.store, TARGET, 1, large);
    const path = await versionFile();
    const good = await readFile(path);
    await flip(path, 32 + 700_000);
    const reading = await node.store.open(TARGET);
    await writeFile(`${path}.new`, good);
    await rename(`${path}.new`, path);
    const body = async () => {
      for await (const chunk of reading.body(0, large.length)) expect(chunk.length).toBeGreaterThan(0);
    };
    expect(await refusalOf(body())).toMatchObject({ code: 'CorruptObject' });
    await reading.close();
    expect((await get(node.store, TARGET)).equals(large)).toBe(true);
  });

  it('does not uncover the older version that it superseded', async () => {
    await put(node.store, TARGET, 1, small);
    const older = await versionFile();
    const olderBytes = await readFile(older);
    await put(node.store, TARGET, 2, large);
    const newer = await versionFile();
    await writeFile(older, olderBytes); // as a crash before the cleaning would leave it
    await truncate(newer, 100);
    expect(await refusalOf(node.store.open(TARGET))).toMatchObject({ code: 'CorruptObject' });
    expect(await refusalOf(node.store.open(TARGET))).toMatchObject({ code: 'ObjectNotFound' });
  });

  it('of metadata is set aside too', async () => {
    await put(node.store, TARGET, 1, small);
    await node.store.setMetadata(TARGET, { timestamp: at(2), metadata: { m: '2' } });
    const [meta] = (await node.files()).filter((path) => path.endsWith('.meta'));
    await flip(join(node.folder, 'd1', meta ?? ''), 40);
    expect(await refusalOf(node.store.open(TARGET))).toMatchObject({ code: 'CorruptObject' });
    expect(await get(node.store, TARGET)).toEqual(small);
  });
});
