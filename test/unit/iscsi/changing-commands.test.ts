import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SENSE, STATUS } from '../../../volume/iscsi/scsi/sense.ts';
import { be, rwCdb, UnitUnderTest } from '../../support/iscsi/unit-under-test.ts';

let unit: UnitUnderTest;

beforeEach(async () => {
  unit = await UnitUnderTest.create();
});
afterEach(() => unit.close());

const pattern = (blocks: number, byte: number) => Buffer.alloc(blocks * 512, byte);
const onDisk = (lba: number, blocks: number) => readFileSync(unit.path).subarray(lba * 512, (lba + blocks) * 512);
const fill = (lba: number, blocks: number, byte: number) =>
  unit.run(rwCdb(0x8a, lba, blocks), { out: pattern(blocks, byte) });
const compareAndWrite = (lba: number, blocks: number) => [0x89, 0, ...be(lba, 8), 0, 0, 0, blocks, 0, 0];

function unmapList(...ranges: [lba: number, blocks: number][]): Buffer {
  const descriptors = ranges.flatMap(([lba, blocks]) => [...be(lba, 8), ...be(blocks, 4), 0, 0, 0, 0]);
  return Buffer.from([...be(descriptors.length + 6, 2), ...be(descriptors.length, 2), 0, 0, 0, 0, ...descriptors]);
}
const unmapCdb = (list: Buffer, flags = 0) => [0x42, flags, 0, 0, 0, 0, 0, ...be(list.length, 2), 0];

test('UNMAP zeroes its ranges and nothing beside them', async () => {
  await fill(0, 300, 4);
  const list = unmapList([1, 2], [3, 1], [100, 150]);
  expect((await unit.run(unmapCdb(list), { out: list })).status).toBe(STATUS.good);
  expect(onDisk(0, 1).equals(pattern(1, 4))).toBe(true);
  expect(onDisk(1, 3).equals(pattern(3, 0))).toBe(true);
  expect(onDisk(4, 96).equals(pattern(96, 4))).toBe(true);
  expect(onDisk(100, 150).equals(pattern(150, 0))).toBe(true);
  expect(onDisk(250, 50).equals(pattern(50, 4))).toBe(true);
});

test('UNMAP with one range past the end touches none', async () => {
  await fill(0, 1, 4);
  const list = unmapList([0, 1], [unit.lun.sizeBlocks, 1]);
  expect((await unit.run(unmapCdb(list), { out: list })).sense).toEqual(SENSE.lbaOutOfRange);
  expect(onDisk(0, 1).equals(pattern(1, 4))).toBe(true);
});

test('UNMAP refuses an anchor, a short list, and more than its limits', async () => {
  const list = unmapList([0, 1]);
  expect((await unit.run(unmapCdb(list, 1), { out: list })).sense).toEqual(SENSE.invalidFieldInCdb);
  expect((await unit.run([0x42, 0, 0, 0, 0, 0, 0, 0, 4], { out: list })).sense).toEqual(SENSE.parameterListLengthError);
  const huge = unmapList([0, 1024 * 1024], [0, 1]);
  unit.lun.sizeBlocks = 2 ** 30;
  expect((await unit.run(unmapCdb(huge), { out: huge })).sense).toEqual(SENSE.invalidFieldInParameterList);
});

test('UNMAP without a list, or without descriptors, does nothing and is no error', async () => {
  expect((await unit.run([0x42, 0, 0, 0, 0, 0, 0, 0, 0])).status).toBe(STATUS.good);
  const list = unmapList();
  expect((await unit.run(unmapCdb(list), { out: list })).status).toBe(STATUS.good);
});

test.each([
  ['(10)', 0x41],
  ['(16)', 0x93],
])('WRITE SAME %s repeats its block over the range', async (_, opcode) => {
  expect((await unit.run(rwCdb(opcode, 5, 1000), { out: pattern(1, 0xab) })).status).toBe(STATUS.good);
  expect(onDisk(5, 1000).equals(pattern(1000, 0xab))).toBe(true);
  expect(onDisk(4, 1).equals(pattern(1, 0))).toBe(true);
  expect(onDisk(1005, 1).equals(pattern(1, 0))).toBe(true);
});

test('WRITE SAME with UNMAP zeroes for a zero block, and still writes any other', async () => {
  await fill(0, 64, 1);
  await unit.run(rwCdb(0x93, 0, 32, 0x08), { out: pattern(1, 0) });
  await unit.run(rwCdb(0x93, 32, 32, 0x08), { out: pattern(1, 7) });
  expect(onDisk(0, 32).equals(pattern(32, 0))).toBe(true);
  expect(onDisk(32, 32).equals(pattern(32, 7))).toBe(true);
});

test('WRITE SAME (16) with NDOB zeroes without data-out', async () => {
  await fill(0, 8, 1);
  expect((await unit.run(rwCdb(0x93, 0, 8, 0x01))).status).toBe(STATUS.good);
  expect(onDisk(0, 8).equals(pattern(8, 0))).toBe(true);
});

test('WRITE SAME refuses a length of 0, too long a range, an anchor, protection and the wrong amount of data', async () => {
  const out = pattern(1, 1);
  expect((await unit.run(rwCdb(0x93, 0, 0), { out })).sense).toEqual(SENSE.invalidFieldInCdb);
  expect((await unit.run(rwCdb(0x93, 0, 8, 0x10), { out })).sense).toEqual(SENSE.invalidFieldInCdb);
  expect((await unit.run(rwCdb(0x93, 0, 8, 0x20), { out })).sense).toEqual(SENSE.invalidFieldInCdb);
  expect((await unit.run(rwCdb(0x93, 0, 8), { out: pattern(2, 1) })).sense).toEqual(SENSE.invalidFieldInCdb);
  expect((await unit.run(rwCdb(0x93, unit.lun.sizeBlocks, 1), { out })).sense).toEqual(SENSE.lbaOutOfRange);
  unit.lun.sizeBlocks = 2 ** 30;
  expect((await unit.run(rwCdb(0x93, 0, 65_536), { out })).sense).toEqual(SENSE.invalidFieldInCdb);
});

test('COMPARE AND WRITE writes the second half when the first is what is there', async () => {
  await fill(2, 2, 1);
  const out = Buffer.concat([pattern(2, 1), pattern(2, 9)]);
  expect((await unit.run(compareAndWrite(2, 2), { out })).status).toBe(STATUS.good);
  expect(onDisk(2, 2).equals(pattern(2, 9))).toBe(true);
});

test('COMPARE AND WRITE that finds something else says where, and writes nothing', async () => {
  await fill(2, 2, 1);
  const expected = pattern(2, 1);
  expected[700] = 2;
  const outcome = await unit.run(compareAndWrite(2, 2), { out: Buffer.concat([expected, pattern(2, 9)]) });
  expect(outcome.sense).toEqual({ ...SENSE.miscompare, information: 700 });
  expect(onDisk(2, 2).equals(pattern(2, 1))).toBe(true);
});

test('COMPARE AND WRITE with any other amount of data than two halves is refused', async () => {
  expect((await unit.run(compareAndWrite(0, 1), { out: pattern(4, 0) })).sense).toEqual(SENSE.invalidFieldInCdb);
  expect((await unit.run(compareAndWrite(0, 0), { out: pattern(512, 0) })).sense).toEqual(SENSE.invalidFieldInCdb);
});

test('of many concurrent COMPARE AND WRITEs of one block, exactly one wins', async () => {
  const attempts = Array.from({ length: 16 }, (_, index) =>
    unit.run(compareAndWrite(0, 1), { out: Buffer.concat([pattern(1, 0), pattern(1, index + 1)]) }),
  );
  const winners = (await Promise.all(attempts)).flatMap(({ status }, index) => (status === 0 ? [index + 1] : []));
  expect(winners).toHaveLength(1);
  expect(onDisk(0, 1).equals(pattern(1, winners[0] ?? 0))).toBe(true);
});

test('concurrent ORWRITEs to one block lose no bit', async () => {
  const bits = [1, 2, 4, 8, 16, 32, 64, 128];
  await Promise.all(bits.map((bit) => unit.run(rwCdb(0x8b, 0, 1), { out: pattern(1, bit) })));
  expect(onDisk(0, 1).equals(pattern(1, 0xff))).toBe(true);
});

test('changing commands are refused on a read-only export', async () => {
  unit.lun.readOnly = true;
  const list = unmapList([0, 1]);
  for (const [cdb, out] of [
    [unmapCdb(list), list],
    [rwCdb(0x93, 0, 1), pattern(1, 0)],
    [compareAndWrite(0, 1), pattern(2, 0)],
    [rwCdb(0x8b, 0, 1), pattern(1, 0)],
  ] as const)
    expect((await unit.run(cdb, { out })).sense).toEqual(SENSE.writeProtected);
});
