import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SENSE, STATUS } from '../../../volume/iscsi/scsi/sense.ts';
import { rwCdb, UnitUnderTest } from '../../support/iscsi/unit-under-test.ts';

let unit: UnitUnderTest;
let flushes = 0;

beforeEach(async () => {
  flushes = 0;
  unit = await UnitUnderTest.create({
    disk: {
      fdatasync: async () => {
        flushes += 1;
      },
    },
  });
});
afterEach(() => unit.close());

const pattern = (blocks: number, byte: number) => Buffer.alloc(blocks * 512, byte);
const onDisk = (lba: number, blocks: number) => readFileSync(unit.path).subarray(lba * 512, (lba + blocks) * 512);

describe.each([
  ['(6)', 0x08, 0x0a],
  ['(10)', 0x28, 0x2a],
  ['(12)', 0xa8, 0xaa],
  ['(16)', 0x88, 0x8a],
])('READ and WRITE %s', (_, read, write) => {
  test('bytes written are in the file, and read back', async () => {
    const out = Buffer.concat([pattern(1, 1), pattern(2, 2)]);
    expect((await unit.run(rwCdb(write, 7, 3), { out })).status).toBe(STATUS.good);
    expect(onDisk(7, 3).equals(out)).toBe(true);
    expect((await unit.run(rwCdb(read, 7, 3))).data.equals(out)).toBe(true);
  });

  test('the last block is reachable, one past it is LBA OUT OF RANGE, and nothing is written', async () => {
    const last = unit.lun.sizeBlocks - 1;
    expect((await unit.run(rwCdb(write, last, 1), { out: pattern(1, 9) })).status).toBe(STATUS.good);
    const beyond = await unit.run(rwCdb(write, last, 2), { out: pattern(2, 8) });
    expect(beyond).toMatchObject({ status: STATUS.checkCondition, sense: SENSE.lbaOutOfRange });
    expect(onDisk(last, 1).equals(pattern(1, 9))).toBe(true);
    expect((await unit.run(rwCdb(read, last, 2))).sense).toEqual(SENSE.lbaOutOfRange);
  });

  test('a write to a read-only export is WRITE PROTECTED', async () => {
    unit.lun.readOnly = true;
    expect((await unit.run(rwCdb(write, 0, 1), { out: pattern(1, 1) })).sense).toEqual(SENSE.writeProtected);
    expect((await unit.run(rwCdb(read, 0, 1))).status).toBe(STATUS.good);
  });
});

describe.each([
  ['(10)', 0x28, 0x2a],
  ['(12)', 0xa8, 0xaa],
  ['(16)', 0x88, 0x8a],
])('flags of READ and WRITE %s', (_, read, write) => {
  test('a length of 0 moves nothing and is no error, except past the end', async () => {
    expect(await unit.run(rwCdb(read, 0, 0))).toMatchObject({ status: 0, data: Buffer.alloc(0) });
    expect((await unit.run(rwCdb(write, 0, 0))).status).toBe(STATUS.good);
    expect((await unit.run(rwCdb(read, unit.lun.sizeBlocks + 1, 0))).sense).toEqual(SENSE.lbaOutOfRange);
  });

  test('FUA flushes before the answer, DPO alone does not', async () => {
    await unit.run(rwCdb(write, 0, 1, 0x10), { out: pattern(1, 1) });
    expect(flushes).toBe(0);
    await unit.run(rwCdb(write, 0, 1, 0x08), { out: pattern(1, 1) });
    expect(flushes).toBe(1);
  });

  test('protection information is refused', async () => {
    expect((await unit.run(rwCdb(read, 0, 1, 0x20))).sense).toEqual(SENSE.invalidFieldInCdb);
    expect((await unit.run(rwCdb(write, 0, 1, 0x20), { out: pattern(1, 1) })).sense).toEqual(SENSE.invalidFieldInCdb);
  });
});

test('READ(6) and WRITE(6) with length 0 mean 256 blocks', async () => {
  await unit.run(rwCdb(0x0a, 0, 0), { out: pattern(256, 5) });
  expect((await unit.run(rwCdb(0x08, 0, 0))).data.equals(pattern(256, 5))).toBe(true);
});

test('an LBA beyond 2^53 is out of range, not rounded into it', async () => {
  const cdb = [0x88, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0];
  expect((await unit.run(cdb)).sense).toEqual(SENSE.lbaOutOfRange);
});

test('a transfer above the limit of the Block Limits page is refused before any data is asked for', async () => {
  expect((await unit.run(rwCdb(0x8a, 0, 16_385))).sense).toEqual(SENSE.lbaOutOfRange);
  unit.lun.sizeBlocks = 2 ** 20;
  expect((await unit.run(rwCdb(0x8a, 0, 16_385))).sense).toEqual(SENSE.invalidFieldInCdb);
});

test('a long READ arrives whole, in pieces', async () => {
  const out = Buffer.alloc(2048 * 512, 0).map((_, at) => at % 251);
  await unit.run(rwCdb(0x8a, 3, 2048), { out: Buffer.from(out) });
  expect((await unit.run(rwCdb(0x88, 3, 2048))).data.equals(Buffer.from(out))).toBe(true);
});

test('an initiator that sends less than the CDB says has whole blocks written only', async () => {
  await unit.run(rwCdb(0x2a, 0, 2), { out: Buffer.alloc(700, 7) });
  expect(onDisk(0, 1).equals(pattern(1, 7))).toBe(true);
  expect(onDisk(1, 1).equals(pattern(1, 0))).toBe(true);
});

describe.each([
  ['(10)', 0x2f, 0x2e],
  ['(12)', 0xaf, 0xae],
  ['(16)', 0x8f, 0x8e],
])('VERIFY and WRITE AND VERIFY %s', (_, verify, writeAndVerify) => {
  beforeEach(() => unit.run(rwCdb(0x2a, 0, 4), { out: pattern(4, 6) }));

  test('BYTCHK 1 compares: equal is GOOD, a difference is MISCOMPARE', async () => {
    expect((await unit.run(rwCdb(verify, 0, 4, 0x02), { out: pattern(4, 6) })).status).toBe(STATUS.good);
    const different = Buffer.concat([pattern(3, 6), pattern(1, 7)]);
    expect((await unit.run(rwCdb(verify, 0, 4, 0x02), { out: different })).sense).toEqual(SENSE.miscompare);
  });

  test('BYTCHK 0 compares nothing, BYTCHK 3 compares each block with one, BYTCHK 2 is invalid', async () => {
    expect((await unit.run(rwCdb(verify, 0, 4))).status).toBe(STATUS.good);
    expect((await unit.run(rwCdb(verify, 0, 4, 0x06), { out: pattern(1, 6) })).status).toBe(STATUS.good);
    expect((await unit.run(rwCdb(verify, 0, 5, 0x06), { out: pattern(1, 6) })).sense).toEqual(SENSE.miscompare);
    expect((await unit.run(rwCdb(verify, 0, 4, 0x04))).sense).toEqual(SENSE.invalidFieldInCdb);
  });

  test('VERIFY past the end, and with protection, is refused', async () => {
    expect((await unit.run(rwCdb(verify, unit.lun.sizeBlocks, 1))).sense).toEqual(SENSE.lbaOutOfRange);
    expect((await unit.run(rwCdb(verify, 0, 1, 0x20))).sense).toEqual(SENSE.invalidFieldInCdb);
  });

  test('WRITE AND VERIFY writes, and is durable', async () => {
    expect((await unit.run(rwCdb(writeAndVerify, 2, 2), { out: pattern(2, 3) })).status).toBe(STATUS.good);
    expect(onDisk(2, 2).equals(pattern(2, 3))).toBe(true);
    expect(flushes).toBe(1);
  });
});

test('SYNCHRONIZE CACHE (10) and (16) flush, and check their range', async () => {
  expect((await unit.run(rwCdb(0x35, 0, 0))).status).toBe(STATUS.good);
  expect((await unit.run(rwCdb(0x91, 0, 0))).status).toBe(STATUS.good);
  expect(flushes).toBe(2);
  expect((await unit.run(rwCdb(0x91, unit.lun.sizeBlocks, 1))).sense).toEqual(SENSE.lbaOutOfRange);
});

test('PRE-FETCH (10) and (16) check their range only', async () => {
  expect((await unit.run(rwCdb(0x34, 0, 8))).status).toBe(STATUS.good);
  expect((await unit.run(rwCdb(0x90, unit.lun.sizeBlocks, 1))).sense).toEqual(SENSE.lbaOutOfRange);
});
