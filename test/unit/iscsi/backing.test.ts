import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  BackingFailedError,
  type DiskCalls,
  ExtentFile,
  systemDisk,
} from '../../../volume/iscsi/backing/extent-file.ts';
import { FallocatePuncher, type HolePuncher } from '../../../volume/iscsi/backing/punch-hole.ts';
import { RangeLock } from '../../../volume/iscsi/backing/range-lock.ts';
import { Semaphore } from '../../../volume/iscsi/backing/semaphore.ts';
import { SENSE, STATUS } from '../../../volume/iscsi/scsi/sense.ts';
import { noPuncher } from '../../support/iscsi/no-puncher.ts';
import { rwCdb, UnitUnderTest } from '../../support/iscsi/unit-under-test.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'martlet-backing-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, bytes: number, fill = 0): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.alloc(bytes, fill));
  return path;
}

describe('extents', () => {
  test('reads and writes across the seams land where the map says', async () => {
    const a = file('a', 4096);
    const b = file('b', 4096);
    const backing = await ExtentFile.open(
      [
        { path: a, offsetBytes: 3072, lengthBytes: 1024 },
        { path: b, offsetBytes: 512, lengthBytes: 1024 },
        { path: a, offsetBytes: 0, lengthBytes: 512 },
      ],
      noPuncher,
    );
    const data = Buffer.from(Array.from({ length: 2560 }, (_, at) => at % 250));
    await backing.write(0, [data.subarray(0, 700), data.subarray(700, 701), data.subarray(701)]);
    expect((await backing.read(0, 2560)).equals(data)).toBe(true);
    expect((await backing.read(1000, 600)).equals(data.subarray(1000, 1600))).toBe(true);
    expect(readFileSync(a).subarray(3072).equals(data.subarray(0, 1024))).toBe(true);
    expect(readFileSync(b).subarray(512, 1536).equals(data.subarray(1024, 2048))).toBe(true);
    expect(readFileSync(a).subarray(0, 512).equals(data.subarray(2048))).toBe(true);
    await backing.zero(512, 1024);
    expect((await backing.read(512, 1024)).equals(Buffer.alloc(1024))).toBe(true);
    expect((await backing.read(1536, 1024)).equals(data.subarray(1536))).toBe(true);
    await backing.close();
  });

  test('short writes of the disk are continued, pieces and all', async () => {
    const path = file('a', 4096);
    const disk: DiskCalls = {
      ...systemDisk,
      write: (fd, pieces, offset) => systemDisk.write(fd, [Buffer.concat(pieces).subarray(0, 300)], offset),
    };
    const backing = await ExtentFile.open([{ path, offsetBytes: 0, lengthBytes: 4096 }], noPuncher, disk);
    const data = Buffer.from(Array.from({ length: 1500 }, (_, at) => at % 199));
    await backing.write(512, [data.subarray(0, 999), data.subarray(999)]);
    expect(readFileSync(path).subarray(512, 2012).equals(data)).toBe(true);
    await backing.close();
  });

  test('a file that has become shorter is an error, not zeros', async () => {
    const path = file('a', 4096);
    const backing = await ExtentFile.open([{ path, offsetBytes: 0, lengthBytes: 4096 }], noPuncher);
    writeFileSync(path, 'short');
    await expect(backing.read(0, 4096)).rejects.toThrow(RangeError);
    await backing.close();
  });
});

describe('flush', () => {
  /** A disk whose fdatasync is settled by hand. */
  function controlled() {
    const calls: { resolve: () => void; reject: (error: Error) => void }[] = [];
    const fdatasync = () => new Promise<void>((resolve, reject) => calls.push({ resolve, reject }));
    return { calls, disk: { ...systemDisk, fdatasync } };
  }
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  test('one fdatasync serves all who asked before it began; who asks during it gets the next', async () => {
    const { calls, disk } = controlled();
    const path = file('a', 4096);
    const backing = await ExtentFile.open([{ path, offsetBytes: 0, lengthBytes: 4096 }], noPuncher, disk);
    const done: number[] = [];
    const flush = (id: number) => backing.flush().then(() => void done.push(id));
    const first = [flush(1), flush(2)];
    await turn();
    const second = [flush(3), flush(4)];
    await turn();
    expect(calls).toHaveLength(1);
    calls[0]?.resolve();
    await Promise.all(first);
    await turn();
    expect([done, calls.length]).toEqual([[1, 2], 2]);
    calls[1]?.resolve();
    await Promise.all(second);
    expect(done).toEqual([1, 2, 3, 4]);
    await backing.close();
  });

  test('after one failed fdatasync everything fails until the volume is opened anew', async () => {
    const { calls, disk } = controlled();
    const path = file('a', 4096);
    const backing = await ExtentFile.open([{ path, offsetBytes: 0, lengthBytes: 4096 }], noPuncher, disk);
    const first = backing.flush();
    await turn();
    const second = backing.flush();
    calls[0]?.reject(Object.assign(new Error('EIO'), { code: 'EIO' }));
    await expect(first).rejects.toThrow(BackingFailedError);
    await expect(second).rejects.toThrow(BackingFailedError);
    expect(calls).toHaveLength(1);
    for (const call of [
      backing.read(0, 512),
      backing.write(0, [Buffer.alloc(512)]),
      backing.flush(),
      backing.zero(0, 512),
    ])
      await expect(call).rejects.toThrow(BackingFailedError);
    await backing.close();
    const again = await ExtentFile.open([{ path, offsetBytes: 0, lengthBytes: 4096 }], noPuncher);
    await again.flush();
    await again.close();
  });
});

describe('what a failing disk becomes for the initiator', () => {
  const failing = (code: string) => async () => {
    throw Object.assign(new Error(code), { code });
  };

  test.each([
    ['EIO', SENSE.writeError],
    ['ENOSPC', SENSE.spaceAllocationFailed],
    ['EBADF', SENSE.writeProtected],
  ])('a write that fails with %s', async (code, sense) => {
    const unit = await UnitUnderTest.create({ disk: { write: failing(code) } });
    expect((await unit.run(rwCdb(0x2a, 0, 1), { out: Buffer.alloc(512) })).sense).toEqual(sense);
    await unit.close();
  });

  test('a read that fails is an unrecovered read error', async () => {
    const unit = await UnitUnderTest.create({ disk: { read: failing('EIO') } });
    expect((await unit.run(rwCdb(0x28, 0, 1))).sense).toEqual(SENSE.unrecoveredReadError);
    await unit.close();
  });

  test('a FUA write whose fdatasync fails is not acknowledged, and the unit fails from then on', async () => {
    const unit = await UnitUnderTest.create({ disk: { fdatasync: failing('EIO') } });
    const write = await unit.run(rwCdb(0x2a, 0, 1, 0x08), { out: Buffer.alloc(512) });
    expect(write).toMatchObject({ status: STATUS.checkCondition, sense: SENSE.internalTargetFailure });
    for (const cdb of [[0x00], rwCdb(0x28, 0, 1), rwCdb(0x35, 0, 0)])
      expect((await unit.run(cdb)).sense).toEqual(SENSE.internalTargetFailure);
    expect((await unit.run([0x12, 0, 0, 0, 36, 0])).status).toBe(STATUS.good);
    await unit.close();
  });
});

describe('zeroing', () => {
  test('the aligned middle of a range is punched, its edges are overwritten', async () => {
    const punched: [number, number][] = [];
    const puncher: HolePuncher = { punch: async (_, offset, length) => punched.push([offset, length]) > 0 };
    const path = file('a', 1 << 20, 7);
    const backing = await ExtentFile.open([{ path, offsetBytes: 0, lengthBytes: 1 << 20 }], puncher);
    await backing.zero(512, 200_000 - (200_000 % 512));
    expect(punched).toEqual([[4096, 192_512]]);
    const bytes = readFileSync(path);
    expect([bytes[511], bytes[512], bytes[4095], bytes[4096]]).toEqual([7, 0, 0, 7]);
    await backing.zero(0, 4096);
    expect(punched).toHaveLength(1);
    await backing.close();
  });

  test('a file system or a machine that cannot punch gets zeros instead', async () => {
    const path = file('a', 1 << 20, 7);
    const backing = await ExtentFile.open([{ path, offsetBytes: 0, lengthBytes: 1 << 20 }], noPuncher);
    await backing.zero(0, 1 << 20);
    expect(readFileSync(path).equals(Buffer.alloc(1 << 20))).toBe(true);
    await backing.close();
  });

  test('fallocate leaves zeros and the length, or says that it could not', async () => {
    const path = file('a', 1 << 20, 7);
    const before = statSync(path).blocks;
    const punched = await new FallocatePuncher().punch(path, 4096, 1 << 19);
    const bytes = readFileSync(path);
    expect(bytes).toHaveLength(1 << 20);
    expect(bytes[4096]).toBe(punched ? 0 : 7);
    if (punched) expect(statSync(path).blocks).toBeLessThan(before);
    expect(await new FallocatePuncher().punch(join(folder, 'missing'), 0, 4096)).toBe(false);
  });
});

test('a range lock keeps exclusive work apart from what overlaps it, and from nothing else', async () => {
  const lock = new RangeLock();
  const order: string[] = [];
  let release = () => {};
  const hold = lock.run({ from: 0, to: 10, exclusive: true }, async () => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    order.push('first');
  });
  const overlapping = lock.run({ from: 5, to: 6, exclusive: false }, async () => void order.push('overlapping'));
  await lock.run({ from: 10, to: 20, exclusive: true }, async () => void order.push('beside'));
  release();
  await Promise.all([hold, overlapping]);
  expect(order).toEqual(['beside', 'first', 'overlapping']);
});

test('a semaphore lets its capacity through, in order, and a greedy one when it is alone', async () => {
  const semaphore = new Semaphore(10);
  const order: string[] = [];
  await semaphore.acquire(6);
  const large = semaphore.acquire(50).then(() => order.push('large'));
  const small = semaphore.acquire(1).then(() => order.push('small'));
  semaphore.release(6);
  await large;
  expect(order).toEqual(['large']);
  semaphore.release(50);
  await small;
  expect(order).toEqual(['large', 'small']);
});
