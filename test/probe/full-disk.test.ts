import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Martlet } from '../support/martlet.ts';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk/small-disk.ts';
import { Cloud } from '../support/soak/cloud.ts';

const DISK_MIB = 400;
const SMALL_BYTES = 40_000;
const LARGE_BYTES = 3_000_000;
const WRITERS = 8;
const MOST_OBJECTS = 20_000;
const MOST_TRIES = 50;
const SPACE_WITHIN_MS = 120_000;
const CHECKPOINT_EVERY_MS = 10_000;

/** Writes until there is no room. @returns the code of the error that ended it. */
async function fillFile(handle: FileHandle): Promise<unknown> {
  for (const piece of [1 << 20, 4096])
    try {
      for (;;) await handle.write(Buffer.alloc(piece, 1));
    } catch (error) {
      if (piece === 4096) return error instanceof Error && 'code' in error ? error.code : error;
    }
  return undefined;
}

/** Judge: the disk that holds everything is filled to the brim. */
describe('a full disk', () => {
  let disk: SmallDisk | undefined;
  let martlet: Martlet;
  let cloud: Cloud;
  const acknowledged = new Map<string, number>();
  /** What was refused may be there all the same: some of its replicas had room. */
  const refused = new Set<string>();
  /**
   * Written when the disk was full for some: perhaps on two replicas of three, of which each tells one container replica. The third
   * one's rows are replication's to bring.
   */
  const perhapsUnlisted = new Set<string>();
  let lastNumber = 0;

  beforeAll(async () => {
    disk = await mountSmallDisk(DISK_MIB);
    if (disk === undefined) throw new Error('this test needs root, and loop devices or tmpfs, to mount a small disk');
    martlet = await Martlet.start({ data: join(disk.folder, 'data'), args: ['--workers', '2'] });
    cloud = new Cloud(martlet);
    await cloud.login();
    expect((await cloud.call('PUT', '/c')).status).toBe(201);
  });

  afterAll(async () => {
    await cloud?.close();
    await martlet?.remove();
    await disk?.remove();
  });

  const bodyOf = (name: string, sizeBytes: number) => Buffer.alloc(sizeBytes, `${name} `);

  /**
   * Writes until the disk is full for everybody. Where it is full for some replicas and not for others, a write is answered 503.
   *
   * @returns what the last write of each writer was answered.
   */
  async function fill(sizeBytes: number): Promise<number[]> {
    const refusals: number[] = [];
    const writer = async () => {
      for (let tries = MOST_TRIES; lastNumber < MOST_OBJECTS; ) {
        lastNumber += 1;
        const name = String(lastNumber);
        const { status } = await cloud.call('PUT', `/c/${name}`, { body: bodyOf(name, sizeBytes) });
        if (status === 201) {
          acknowledged.set(name, sizeBytes);
          if (refused.size > 0) perhapsUnlisted.add(name);
          continue;
        }
        if (refused.size === 0)
          for (const last of [...acknowledged.keys()].slice(-2 * WRITERS)) perhapsUnlisted.add(last);
        refused.add(name);
        tries -= 1;
        if (status === 503 && tries > 0) continue;
        refusals.push(status);
        return;
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, writer));
    return refusals;
  }

  async function expectEverythingWhole(): Promise<void> {
    const names = [...acknowledged];
    const reader = async () => {
      for (let next = names.pop(); next !== undefined; next = names.pop()) {
        const [name, sizeBytes] = next;
        const { status, body } = await cloud.call('GET', `/c/${name}`);
        expect(status, `object ${name}`).toBe(200);
        expect(body.equals(bodyOf(name, sizeBytes)), `object ${name} is whole`).toBe(true);
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, reader));
  }

  /** @returns what is wrong: nothing, when what was acknowledged is listed, and nothing else but what was refused. */
  async function wrongRows(): Promise<string[]> {
    const listed = await listedNames();
    const missing = [...acknowledged.keys()].filter((name) => !listed.includes(name) && !perhapsUnlisted.has(name));
    const extra = listed.filter((name) => !acknowledged.has(name) && !refused.has(name));
    return [...missing.map((name) => `${name} is missing`), ...extra.map((name) => `${name} is too many`)];
  }

  async function listedNames(): Promise<string[]> {
    const names: string[] = [];
    for (let marker = ''; ; marker = names.at(-1) ?? '') {
      const { body } = await cloud.call('GET', `/c?format=json&marker=${marker}`);
      const rows = JSON.parse(body.toString()) as { name: string }[];
      if (rows.length === 0) return names;
      names.push(...rows.map(({ name }) => name));
    }
  }

  it('refuses with 507, and everything acknowledged is whole and listed', async () => {
    expect(new Set(await fill(LARGE_BYTES))).toEqual(new Set([507]));
    expect(new Set(await fill(SMALL_BYTES))).toEqual(new Set([507]));
    expect(acknowledged.size).toBeGreaterThan(20);
    await expectEverythingWhole();
    await expect.poll(wrongRows, { timeout: 60_000 }).toEqual([]);
  });

  it('starts again after kill -9, with nothing lost, and still refuses', async () => {
    await martlet.kill();
    await martlet.up();
    await cloud.login();
    await expectEverythingWhole();
    expect((await cloud.call('PUT', '/c/more', { body: bodyOf('more', LARGE_BYTES) })).status).toBe(507);
  });

  it('takes deletions, and after them writes again', async () => {
    const half = [...acknowledged.keys()].filter((_name, index) => index % 2 === 0);
    for (const name of half) {
      expect((await cloud.call('DELETE', `/c/${name}`)).status, `DELETE of ${name}`).toBe(204);
      acknowledged.delete(name);
    }
    await expect
      .poll(async () => (await cloud.call('PUT', '/c/again', { body: bodyOf('again', SMALL_BYTES) })).status, {
        timeout: SPACE_WITHIN_MS,
      })
      .toBe(201);
    acknowledged.set('again', SMALL_BYTES);
    const before = acknowledged.size;
    await expect
      .poll(
        async () => {
          await fill(SMALL_BYTES);
          return acknowledged.size - before;
        },
        { timeout: SPACE_WITHIN_MS },
      )
      .toBeGreaterThan(20);
    await expectEverythingWhole();
    expect((await cloud.call('GET', `/c/${half[0]}`)).status).toBe(404);
  });

  it('that somebody else has filled to the last byte does no harm: there is room again, and all goes on', async () => {
    const filler = join(disk?.folder ?? '', 'filler');
    await setTimeout(2 * CHECKPOINT_EVERY_MS); // space is kept aside
    const handle = await open(filler, 'w');
    const full = await fillFile(handle);
    expect(full).toBe('ENOSPC');
    const names = [...acknowledged.keys()].slice(0, 20);
    for (const name of names) {
      const { status } = await cloud.call('DELETE', `/c/${name}`);
      expect([204, 404, 503, 507], `DELETE of ${name}`).toContain(status);
      acknowledged.delete(name);
    }
    await setTimeout(2 * CHECKPOINT_EVERY_MS); // checkpoints are due while there is no room
    await fillFile(handle);
    await setTimeout(CHECKPOINT_EVERY_MS);
    await handle.close();
    await rm(filler);
    await expect
      .poll(async () => (await cloud.call('PUT', '/c/after', { body: bodyOf('after', SMALL_BYTES) })).status, {
        timeout: SPACE_WITHIN_MS,
      })
      .toBe(201);
    acknowledged.set('after', SMALL_BYTES);
    for (const name of names) expect((await cloud.call('DELETE', `/c/${name}`)).status).toBeOneOf([204, 404]);
    await expectEverythingWhole();
  });

  it('has lost nothing after another kill -9', async () => {
    await martlet.kill();
    await martlet.up();
    await cloud.login();
    await expectEverythingWhole();
    await expect.poll(wrongRows, { timeout: 60_000 }).toEqual([]);
  });
});
