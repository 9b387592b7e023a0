import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BackingFile } from '../../../volume/data/backing-file.ts';
import type { VolumeDriver } from '../../../volume/drivers/contract.ts';

export interface DriverUnderTest {
  driver: VolumeDriver;
  /** A second instance over the same storage: what a restart makes. */
  reopen(): Promise<VolumeDriver>;
  /** A size that the pool can hold three times, with room for one doubling; a multiple of the driver's grain. */
  sizeBytes: number;
  /** More than the pool can hold; undefined where it promises more than it has. */
  tooLargeBytes: number | undefined;
  release(): Promise<void>;
}

/** What every driver promises: volume/drivers/contract.ts. Call it within a `describe`. */
export function driverSuite(open: () => Promise<DriverUnderTest>): void {
  let subject: DriverUnderTest;
  let driver: VolumeDriver;
  beforeEach(async () => {
    subject = await open();
    driver = subject.driver;
    await driver.start();
  });
  afterEach(() => subject.release());

  const write = async (id: string, text: string, position: number): Promise<void> => {
    const file = await BackingFile.open(await driver.backing(id), 'r+');
    await file.write(Buffer.from(text), position);
    await file.sync();
    await file.close();
  };
  const read = async (id: string, length: number, position: number): Promise<Buffer> => {
    const file = await BackingFile.open(await driver.backing(id), 'r');
    const buffer = Buffer.alloc(length);
    await file.read(buffer, position);
    await file.close();
    return buffer;
  };

  it('a new volume has its size, and extents that cover it', async () => {
    const id = randomUUID();
    await driver.create(id, subject.sizeBytes);
    const { sizeBytes, extents } = await driver.backing(id);
    expect(sizeBytes).toBe(subject.sizeBytes);
    expect(extents.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)).toBeGreaterThanOrEqual(sizeBytes);
    for (const { path, offsetBytes } of extents) {
      expect(path).toMatch(/^\//);
      expect(offsetBytes % 512).toBe(0);
    }
  });

  it('bytes are where they were written, first and last, also after a restart', async () => {
    const id = randomUUID();
    await driver.create(id, subject.sizeBytes);
    await write(id, 'first', 0);
    await write(id, 'last', subject.sizeBytes - 4);
    driver = await subject.reopen();
    expect((await read(id, 5, 0)).toString()).toBe('first');
    expect((await read(id, 4, subject.sizeBytes - 4)).toString()).toBe('last');
  });

  it('two volumes share no byte', async () => {
    const [one, two] = [randomUUID(), randomUUID()];
    await driver.create(one, subject.sizeBytes);
    await driver.create(two, subject.sizeBytes);
    await write(one, 'one', 0);
    await write(two, 'two', 0);
    expect((await read(one, 3, 0)).toString()).toBe('one');
    expect((await read(two, 3, 0)).toString()).toBe('two');
  });

  it('creating again changes nothing', async () => {
    const id = randomUUID();
    await driver.create(id, subject.sizeBytes);
    await write(id, 'kept', 0);
    await driver.create(id, subject.sizeBytes);
    expect((await read(id, 4, 0)).toString()).toBe('kept');
  });

  it('a deleted volume is gone, its bytes in no other, and deleting again is no error', async () => {
    const id = randomUUID();
    await driver.create(id, subject.sizeBytes);
    for (let at = 0; at < subject.sizeBytes; at += subject.sizeBytes / 8) await write(id, 'secret of a tenant', at);
    await driver.delete(id);
    await driver.delete(id);
    await expect(driver.backing(id)).rejects.toThrow();
    const next = randomUUID();
    await driver.create(next, subject.sizeBytes);
    for (let at = 0; at < subject.sizeBytes; at += subject.sizeBytes / 8)
      expect((await read(next, 18, at)).every((byte) => byte === 0)).toBe(true);
  });

  it('a new volume reads as zeros where the driver says so', async () => {
    const id = randomUUID();
    await driver.create(id, subject.sizeBytes);
    if (driver.freshVolumesReadZero) expect((await read(id, 4096, 0)).every((byte) => byte === 0)).toBe(true);
    else expect(driver.freshVolumesReadZero).toBe(false);
  });

  it('an extended volume keeps its bytes and shows nothing in its new part, also when others lie behind it', async () => {
    const [id, neighbour, dead] = [randomUUID(), randomUUID(), randomUUID()];
    await driver.create(id, subject.sizeBytes);
    await driver.create(neighbour, subject.sizeBytes);
    await driver.create(dead, subject.sizeBytes);
    await write(dead, 'secret of a tenant', 0);
    await driver.delete(dead);
    await write(id, 'kept', subject.sizeBytes - 4);
    await driver.extend(id, 2 * subject.sizeBytes);
    await driver.extend(id, 2 * subject.sizeBytes);
    expect((await driver.backing(id)).sizeBytes).toBe(2 * subject.sizeBytes);
    expect((await read(id, 4, subject.sizeBytes - 4)).toString()).toBe('kept');
    expect((await read(id, 18, subject.sizeBytes)).every((byte) => byte === 0)).toBe(true);
    await write(id, 'grown', 2 * subject.sizeBytes - 5);
    expect((await read(neighbour, 18, 0)).includes('grown')).toBe(false);
  });

  it('extending to less changes nothing', async () => {
    const id = randomUUID();
    await driver.create(id, subject.sizeBytes);
    await driver.extend(id, subject.sizeBytes / 2);
    expect((await driver.backing(id)).sizeBytes).toBe(subject.sizeBytes);
  });

  it('what does not fit is refused as PoolFull and leaves nothing, or the volume as it was', async () => {
    if (subject.tooLargeBytes === undefined) return expect((await driver.stats()).thin).toBe(true);
    const [id, large] = [randomUUID(), randomUUID()];
    await driver.create(id, subject.sizeBytes);
    await expect(driver.create(large, subject.tooLargeBytes)).rejects.toMatchObject({ code: 'PoolFull' });
    await expect(driver.backing(large)).rejects.toThrow();
    await expect(driver.extend(id, subject.tooLargeBytes)).rejects.toMatchObject({ code: 'PoolFull' });
    expect((await driver.backing(id)).sizeBytes).toBe(subject.sizeBytes);
  });

  it('an id that is no UUID reaches neither path nor command', async () => {
    for (const id of ['../escape', 'a b', '', '-f', `${randomUUID()}/x`]) {
      await expect(driver.create(id, subject.sizeBytes)).rejects.toThrow('UUID');
      await expect(driver.delete(id)).rejects.toThrow('UUID');
    }
  });

  it('stats tell what is there and what is free', async () => {
    const { totalBytes, freeBytes } = await driver.stats();
    expect(totalBytes).toBeGreaterThan(0);
    expect(freeBytes).toBeLessThanOrEqual(totalBytes);
  });
}
