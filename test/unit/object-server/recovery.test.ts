import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../common/log.ts';
import { nodeDisk } from '../../../object-server/disk/node-disk.ts';
import { saveRecord } from '../../../object-server/engine/record-file.ts';
import { at } from '../../support/listing-store.ts';
import { get, makeObjectNode, type ObjectNode, put, refusalOf, TARGET } from '../../support/object-store.ts';

const named = (object: string) => ({ ...TARGET, object });

describe('the recovery of a device', () => {
  let node: ObjectNode;
  const body = randomBytes(3000);
  const large = randomBytes(150_000);

  beforeEach(async () => {
    node = await makeObjectNode();
    await put(node.store, named('old'), 1, body);
    await put(node.store, named('large'), 1, large);
    await put(node.store, named('gone'), 1, body);
    await node.store.remove(named('gone'), { timestamp: at(2) });
    await node.store.setMetadata(named('old'), { timestamp: at(3), metadata: { m: '3' } });
    await node.store.checkpoint();
    await put(node.store, named('new'), 4, body);
    await put(node.store, named('old'), 5, body, { metadata: { n: '5' } });
  });
  afterEach(() => node.remove());

  const device = (name: string) => join(node.folder, 'd1', name);

  async function expectAll(store = node.store): Promise<void> {
    expect(await get(store, named('new'))).toEqual(body);
    expect((await get(store, named('large'))).equals(large)).toBe(true);
    const old = await store.open(named('old'));
    expect(old.state).toMatchObject({ timestamp: at(5), metadata: { n: '5' } });
    await old.close();
    expect(await refusalOf(store.open(named('gone')))).toMatchObject({ details: { timestamp: at(2) } });
    expect(await refusalOf(put(store, named('gone'), 1, body))).toMatchObject({ code: 'OlderVersion' });
  }

  it('finds everything that was acknowledged, whether the process was stopped or killed, as often as wanted', async () => {
    await expectAll();
    for (const how of ['stopped', 'killed', 'killed', 'stopped'] as const) await expectAll(await node.restart(how));
  });

  it('makes the index again where it is lost, or beyond reading', async () => {
    const indexes = async () => (await readdir(device('quarantine'))).filter((name) => name.startsWith('index-'));
    await (await node.restart('stopped')).stop();
    await rm(device('index'), { recursive: true });
    const store = await node.restart('killed');
    await expectAll(store);
    expect(await indexes()).toEqual([]);
    await store.stop();
    await writeFile(join(device('index'), 'CURRENT'), 'nonsense');
    await expectAll(await node.restart('killed'));
    expect(await indexes()).toEqual(['index-1']);
  });

  it('replays everything where the checkpoint is lost or damaged', async () => {
    await rm(device('checkpoint'));
    await expectAll(await node.restart('killed'));
    const bytes = await readFile(device('checkpoint'));
    await writeFile(device('checkpoint'), bytes.subarray(0, bytes.length - 3));
    await expectAll(await node.restart('killed'));
    await truncate(device('checkpoint'), 0);
    await expectAll(await node.restart('killed'));
  });

  it('drops what a kill left half written, and goes on behind it in another segment', async () => {
    await (await node.restart('stopped')).stop();
    const [first] = await readdir(device('slabs'));
    const path = join(device('slabs'), first ?? '');
    const bytes = await readFile(path);
    const end = bytes.findLastIndex((byte) => byte !== 0);
    bytes.fill(0, end - 20, end + 1); // the tail of the last needle
    await writeFile(path, bytes);
    await rm(device('checkpoint'));
    await rm(device('index'), { recursive: true });
    const store = await node.restart('killed');
    expect((await get(store, named('large'))).equals(large)).toBe(true);
    const old = await store.open(named('old'));
    expect(old.state.timestamp).toBe(at(3));
    await old.close();
    await put(store, named('old'), 6, body);
    expect(await get(await node.restart('killed'), named('old'))).toEqual(body);
  });

  it('refuses a folder of another layout with one clear line, and touches nothing in it', async () => {
    const problems: string[] = [];
    const logger = createLogger('silent');
    logger.error = ({ err }: { err: Error }) => void problems.push(err.message);
    const quiet = { logger };
    await node.restart('stopped');
    await saveRecord(nodeDisk, device(''), 'layout', { version: 3, nameKey: '00'.repeat(16) });
    let store = await node.restart('stopped', quiet);
    expect(await refusalOf(store.open(named('old')))).toMatchObject({ code: 'DeviceUnavailable' });
    await writeFile(device('layout'), 'nonsense');
    store = await node.restart('stopped', quiet);
    await rm(device('layout'));
    await mkdir(device('quarantined'));
    store = await node.restart('stopped', quiet);
    expect(await refusalOf(store.open(named('old')))).toMatchObject({ code: 'DeviceUnavailable' });
    expect(problems.map((line) => line.replaceAll(node.folder, ''))).toEqual([
      expect.stringContaining('has layout version 3; this Martlet knows 2'),
      expect.stringContaining('layout is damaged'),
      expect.stringContaining('was written by an older Martlet'),
    ]);
  });
});
