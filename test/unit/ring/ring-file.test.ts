import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RingBuilder } from '../../../ring/builder/builder.ts';
import { ringOf } from '../../../ring/lookup.ts';
import { backUp, loadBuilder, loadRing, publishBuilder, publishRing, RingFile } from '../../../ring/ring-file.ts';
import { device } from '../../support/ring/scenarios.ts';

function builder(devices: number): RingBuilder {
  const made = RingBuilder.create({ id: 'x', partPower: 6, replicas: 3, minPartHours: 1 });
  for (let id = 0; id < devices; id++) made.addDevice(device({ id, zone: id }));
  made.rebalance({ nowSeconds: 1e9 });
  return made;
}

describe('ring and builder files', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-ring-unit-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('are published whole, readable by all, with nothing left beside them', async () => {
    await publishRing(join(folder, 'object.ring.gz'), builder(4).ringData());
    expect(await readdir(folder)).toEqual(['object.ring.gz']);
    expect((await stat(join(folder, 'object.ring.gz'))).mode & 0o777).toBe(0o644);
  });

  it('are loaded again only when they were replaced', async () => {
    const path = join(folder, 'object.ring.gz');
    await publishRing(path, builder(4).ringData());
    const file = await RingFile.open(path);
    const before = file.data;
    expect(await file.reload()).toBe(false);
    expect(file.data).toBe(before);
    await publishRing(path, builder(5).ringData());
    expect(await file.reload()).toBe(true);
    expect(file.data.devices).toHaveLength(5);
  });

  it('that are damaged are refused by name, and the ring in use stays', async () => {
    const path = join(folder, 'object.ring.gz');
    await publishRing(path, builder(4).ringData());
    const file = await RingFile.open(path);
    await writeFile(path, 'damaged');
    await expect(file.reload()).rejects.toThrow(`${path}: the ring file is not a whole gzip file`);
    expect(file.data.devices).toHaveLength(4);
    await expect(loadRing(path)).rejects.toMatchObject({ code: 'RingFileMalformed' });
  });

  it("of Swift's builder are refused as pickles", async () => {
    const path = join(folder, 'object.builder');
    await writeFile(path, Buffer.from('\x80\x02}q\x00(X\n\x00\x00\x00part_power', 'latin1'));
    await expect(loadBuilder(path)).rejects.toThrow('a Python pickle, which is not read');
  });

  it('of a builder are refused when a byte has changed, or the version is another', async () => {
    const path = join(folder, 'object.builder');
    await publishBuilder(path, builder(4));
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('"replicas":3', '"replicas":2'));
    await expect(loadBuilder(path)).rejects.toThrow('its checksum does not match');
    await writeFile(path, text.replace('"format_version":1', '"format_version":2'));
    await expect(loadBuilder(path)).rejects.toThrow('builder format version 2 is not supported');
    for (const other of ['', '{}', 'no JSON', '{"format":"other"}\n{}']) {
      await writeFile(path, other);
      await expect(loadBuilder(path)).rejects.toMatchObject({ code: 'RingFileMalformed' });
    }
  });

  it('are kept in backups under the time they were made', async () => {
    const path = join(folder, 'object.builder');
    await publishBuilder(path, builder(4));
    await backUp(path, 1_700_000_000.5);
    expect(await readFile(join(folder, 'backups', '1700000000.object.builder'))).toEqual(await readFile(path));
  });

  it('give rings whose assignment several threads can share', async () => {
    const data = builder(4).ringData();
    const clone = structuredClone(data);
    new Uint16Array(data.assignment)[0] = 3;
    expect(new Uint16Array(clone.assignment)[0]).toBe(3);
    const secret = { prefix: 'a', suffix: 'b' };
    const ring = ringOf(data, secret);
    const partition = ring.partitionOf('AUTH_a', 'c', 'o');
    expect(ringOf(ring.share(), secret).primaries(partition)).toEqual(ring.primaries(partition));
  });
});
