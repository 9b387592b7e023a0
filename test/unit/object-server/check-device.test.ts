import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../common/log.ts';
import { nodeDisk } from '../../../object-server/disk/node-disk.ts';
import { largeLabelOf } from '../../../object-server/engine/large-label.ts';
import { checkDevice } from '../../../object-server/housekeeping/check-device.ts';
import { openLevelIndex } from '../../../object-server/index/level-index.ts';
import { openLargeFiles } from '../../../object-server/large/large-files.ts';
import { segmentPath } from '../../../object-server/slab/segment-file.ts';
import { at } from '../../support/listing-store.ts';
import { indexOf } from '../../support/object-server/index-of.ts';
import { get, makeObjectNode, type ObjectNode, put, refusalOf, TARGET } from '../../support/object-store.ts';

const named = (object: string) => ({ ...TARGET, object });

describe('the check of a device', () => {
  let node: ObjectNode;
  const small = randomBytes(2000);
  const large = randomBytes(200_000);

  beforeEach(async () => {
    node = await makeObjectNode();
    for (const name of ['a', 'b', 'c']) await put(node.store, named(name), 1, small);
    await put(node.store, named('large'), 1, large);
    await put(node.store, named('a'), 2, small);
    await node.store.remove(named('c'), { timestamp: at(2) });
    await node.store.stop();
  });
  afterEach(() => node.remove());

  const device = () => join(node.folder, 'd1');
  const check = (repair = false) => checkDevice(device(), { repair, logger: createLogger('silent') });
  const kinds = async (repair = false) =>
    (await check(repair)).problems.map(({ kind, repaired }) => (repaired ? `${kind}, repaired` : kind));

  async function flipNeedle(ticks: number, large: boolean): Promise<void> {
    const found = (await indexOf(node.folder)).versions.find(
      ({ version }) => version.timestamp === at(ticks) && version.large === large && version.kind === 'data',
    );
    if (found === undefined) throw new Error('there is no such version');
    const { segment, offset } = found.version.location;
    await flip(segmentPath(join(device(), 'slabs'), segment), offset + 100);
  }

  async function flip(path: string, position: number): Promise<void> {
    const bytes = await readFile(path);
    bytes[position] = (bytes[position] ?? 0) ^ 1;
    await writeFile(path, bytes);
  }

  it('finds nothing wrong with what a stopped or a killed process leaves', async () => {
    const expected = { problemCount: 0, problems: [], needles: 6, versions: 6, largeFiles: 1, pending: 0, damaged: 0 };
    expect(await check()).toMatchObject(expected);
    const store = await node.restart('killed');
    await put(store, named('later'), 3, small);
    await store.housekeep();
    expect((await check()).problems).toEqual([]);
  });

  it('finds a damaged needle, and marks its version when it repairs', async () => {
    await flipNeedle(2, false);
    expect(await kinds()).toEqual(['damaged-bytes', 'damaged-version']);
    expect(await kinds(), 'it has changed nothing').toEqual(['damaged-bytes', 'damaged-version']);
    expect(await kinds(true)).toEqual(['damaged-bytes', 'damaged-version, repaired']);
    expect(await check()).toMatchObject({ damaged: 1, problemCount: 1 });
    const store = await node.restart('killed');
    expect(await refusalOf(store.open(named('a'))), 'nothing older is uncovered').toMatchObject({
      code: 'ObjectNotFound',
    });
    expect(await get(store, named('b'))).toEqual(small);
  });

  it('finds a damaged large body, and one that belongs to nobody', async () => {
    const [file = ''] = (await node.files()).filter((path) => path.startsWith('large/'));
    await flip(join(device(), file), 150_000);
    const [{ object: key } = { object: undefined }] = (await indexOf(node.folder)).versions;
    if (key === undefined) throw new Error('nothing was written');
    const orphan = openLargeFiles({ disk: nodeDisk, folder: device() }).begin({
      seed: 1n,
      label: largeLabelOf(key, at(7)),
    });
    await orphan.write(large);
    await orphan.finish();
    expect((await kinds()).sort()).toEqual(['damaged-version', 'orphan-body']);
    expect((await kinds(true)).sort()).toEqual(['damaged-version, repaired', 'orphan-body, repaired']);
    expect(await kinds()).toEqual([]);
    expect(
      (await node.files()).filter((path) => path.startsWith('large/')),
      'the damaged one is kept',
    ).toEqual([file]);
  });

  it('finds a needle that the index has lost, and puts it there; none that is dead', async () => {
    const index = await openLevelIndex(join(device(), 'index'));
    const { versions } = await indexOf(node.folder);
    for (const { object, version } of versions)
      if (version.kind === 'data') await index.put([{ change: 'remove', object, version }]);
    await index.close();
    expect(await kinds()).toEqual(['missing-entry', 'missing-entry', 'missing-entry', 'orphan-body']);
    expect(await kinds(true)).toEqual(Array.from({ length: 3 }, () => 'missing-entry, repaired'));
    expect(await kinds()).toEqual([]);
    const store = await node.restart('killed');
    for (const name of ['a', 'b']) expect(await get(store, named(name))).toEqual(small);
    expect((await get(store, named('large'))).equals(large)).toBe(true);
    expect(await refusalOf(store.open(named('c')))).toMatchObject({ details: { timestamp: at(2) } });
  });

  it('refuses a folder that is no device', async () => {
    await expect(checkDevice(node.folder, { repair: false, logger: createLogger('silent') })).rejects.toThrow(
      'is no device of this Martlet',
    );
  });
});
