import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SENSE, STATUS } from '../../../volume/iscsi/scsi/sense.ts';
import { be, rwCdb, SERIAL, UnitUnderTest } from '../../support/iscsi/unit-under-test.ts';

let unit: UnitUnderTest;

beforeEach(async () => {
  unit = await UnitUnderTest.create();
});
afterEach(() => unit.close());

const vpd = (page: number, allocation = 255) => unit.run([0x12, 1, page, ...be(allocation, 2), 0]);
const reportOpcodes = (options: number, opcode = 0, action = 0) =>
  unit.run([0xa3, 0x0c, options, opcode, ...be(action, 2), ...be(65_535, 4), 0, 0]);

describe('INQUIRY', () => {
  test('standard data names vendor, product and the standards', async () => {
    const { data } = await unit.run([0x12, 0, 0, 0, 255, 0]);
    expect(data[0]).toBe(0);
    expect(data.toString('latin1', 8, 32)).toBe('MARTLET VOLUME          ');
    expect(data[4]).toBe(data.length - 5);
  });

  test('is cut at the allocation length', async () => {
    expect((await unit.run([0x12, 0, 0, 0, 36, 0])).data).toHaveLength(36);
  });

  test('a page code without EVPD, and an unknown page, are refused', async () => {
    expect((await unit.run([0x12, 0, 0x83, 0, 255, 0])).sense).toEqual(SENSE.invalidFieldInCdb);
    expect((await vpd(0xc0)).sense).toEqual(SENSE.invalidFieldInCdb);
  });

  test('the list of pages is ascending, and every page on it answers with its own code and length', async () => {
    const pages = [...(await vpd(0x00)).data.subarray(4)];
    expect(pages).toEqual([0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2]);
    for (const page of pages) {
      const { data } = await vpd(page);
      expect(data[1]).toBe(page);
      expect(data.readUInt16BE(2)).toBe(data.length - 4);
    }
  });

  test('the serial number is the volume id', async () => {
    expect((await vpd(0x80)).data.toString('latin1', 4)).toBe(SERIAL);
  });

  test('the device identification holds a T10 vendor id with the volume id, and a locally assigned NAA name', async () => {
    const { data } = await vpd(0x83);
    expect(data.toString('latin1', 8, 8 + 8 + SERIAL.length)).toBe(`MARTLET ${SERIAL}`);
    const naa = data.subarray(8 + 8 + SERIAL.length);
    expect(naa.subarray(0, 4)).toEqual(Buffer.of(0x01, 0x03, 0x00, 8));
    expect((naa[4] ?? 0) >>> 4).toBe(3);
  });

  test('a LUN that is not there has peripheral qualifier 3', async () => {
    expect((await unit.run([0x12, 0, 0, 0, 36, 0], { addressed: false })).data[0]).toBe(0x7f);
  });
});

test('any command but INQUIRY and REPORT LUNS to a LUN that is not there is LOGICAL UNIT NOT SUPPORTED', async () => {
  expect((await unit.run([0x00], { addressed: false })).sense).toEqual(SENSE.logicalUnitNotSupported);
});

test('REPORT LUNS lists the LUN, whatever LUN it is sent to', async () => {
  const cdb = [0xa0, 0, 0, 0, 0, 0, ...be(64, 4), 0, 0];
  for (const addressed of [true, false]) {
    const { data } = await unit.run(cdb, { addressed });
    expect(data).toEqual(Buffer.from([0, 0, 0, 8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
  }
});

test('REPORT LUNS with an unknown report or too little room is refused; there are no well known units', async () => {
  expect((await unit.run([0xa0, 0, 9, 0, 0, 0, ...be(64, 4)])).sense).toEqual(SENSE.invalidFieldInCdb);
  expect((await unit.run([0xa0, 0, 0, 0, 0, 0, ...be(8, 4)])).sense).toEqual(SENSE.invalidFieldInCdb);
  expect((await unit.run([0xa0, 0, 1, 0, 0, 0, ...be(64, 4)])).data).toEqual(Buffer.alloc(8));
});

test('READ CAPACITY (10) gives the last LBA and the block size', async () => {
  const { data } = await unit.run([0x25]);
  expect([data.readUInt32BE(0), data.readUInt32BE(4)]).toEqual([16_383, 512]);
});

test('READ CAPACITY (10) of a unit beyond 2 TiB says 0xffffffff; (16) says it all', async () => {
  unit.lun.sizeBlocks = 2 ** 40;
  expect((await unit.run([0x25])).data.readUInt32BE(0)).toBe(0xffff_ffff);
  const { data } = await unit.run([0x9e, 0x10, ...be(0, 8), ...be(32, 4)]);
  expect(data.readBigUInt64BE(0)).toBe(2n ** 40n - 1n);
});

test('READ CAPACITY (16) tells of 4096-byte physical blocks and thin provisioning with zeros', async () => {
  const { data } = await unit.run([0x9e, 0x10, ...be(0, 8), ...be(32, 4)]);
  expect(data[13]).toBe(3);
  expect(data[14]).toBe(0xc0);
});

test('READ CAPACITY (10) with an LBA but without PMI is refused', async () => {
  expect((await unit.run([0x25, 0, ...be(1, 4)])).sense).toEqual(SENSE.invalidFieldInCdb);
});

test('GET LBA STATUS gives one mapped range to the end; past the end it is refused', async () => {
  const { data } = await unit.run([0x9e, 0x12, ...be(100, 8), ...be(24, 4)]);
  expect([data.readBigUInt64BE(8), data.readUInt32BE(16), data[20]]).toEqual([100n, 16_284, 0]);
  expect((await unit.run([0x9e, 0x12, ...be(16_384, 8), ...be(24, 4)])).sense).toEqual(SENSE.lbaOutOfRange);
});

describe('MODE SENSE and MODE SELECT', () => {
  test('all pages, with a block descriptor, in both forms', async () => {
    const short = (await unit.run([0x1a, 0, 0x3f, 0, 255])).data;
    expect([short[0], short[2], short[3]]).toEqual([short.length - 1, 0x10, 8]);
    const long = (await unit.run([0x5a, 0, 0x3f, 0, 0, 0, 0, ...be(255, 2)])).data;
    expect(long.readUInt16BE(0)).toBe(long.length - 2);
    expect(long.subarray(8).equals(short.subarray(4))).toBe(true);
  });

  test('the write cache is on, write protection is told, and LLBAA gives a long descriptor', async () => {
    unit.lun.readOnly = true;
    const caching = (await unit.run([0x1a, 0x08, 0x08, 0, 255])).data;
    expect([caching[2], caching[4], (caching[6] ?? 0) & 4]).toEqual([0x90, 0x08, 4]);
    const long = (await unit.run([0x5a, 0x10, 0x0a, 0, 0, 0, 0, ...be(255, 2)])).data;
    expect([long[4], long.readUInt16BE(6), long.readBigUInt64BE(8)]).toEqual([1, 16, 16_384n]);
  });

  test('nothing is changeable, nothing is saved, unknown pages are refused', async () => {
    const changeable = (await unit.run([0x1a, 0x08, 0x48, 0, 255])).data;
    expect(changeable.subarray(6).every((byte) => byte === 0)).toBe(true);
    expect((await unit.run([0x1a, 0, 0xc8, 0, 255])).sense).toEqual(SENSE.savingParametersNotSupported);
    expect((await unit.run([0x1a, 0, 0x05, 0, 255])).sense).toEqual(SENSE.invalidFieldInCdb);
    expect((await unit.run([0x1a, 0, 0x08, 1, 255])).sense).toEqual(SENSE.invalidFieldInCdb);
  });

  test('MODE SELECT takes a page as it is and refuses a change', async () => {
    const page = (await unit.run([0x1a, 0x08, 0x08, 0, 255])).data.subarray(4);
    const list = Buffer.concat([Buffer.alloc(4), page]);
    expect((await unit.run([0x15, 0x10, 0, 0, list.length], { out: list })).status).toBe(STATUS.good);
    list[6] = 0;
    const changed = await unit.run([0x15, 0x10, 0, 0, list.length], { out: list });
    expect(changed.sense).toEqual(SENSE.invalidFieldInParameterList);
    const cut = await unit.run([0x15, 0x10, 0, 0, 10], { out: list.subarray(0, 10) });
    expect(cut.sense).toEqual(SENSE.parameterListLengthError);
    expect((await unit.run([0x15, 0x11, 0, 0, 4], { out: list })).sense).toEqual(SENSE.invalidFieldInCdb);
  });
});

describe('REPORT SUPPORTED OPERATION CODES', () => {
  test('every command on the list can be asked for, and its usage data begins with its opcode', async () => {
    const { data } = await reportOpcodes(0);
    const list = data.subarray(4);
    expect(data.readUInt32BE(0)).toBe(list.length);
    for (let at = 0; at < list.length; at += 8) {
      const opcode = list[at] ?? 0;
      const hasAction = ((list[at + 5] ?? 0) & 1) === 1;
      const one = (await reportOpcodes(hasAction ? 2 : 1, opcode, list.readUInt16BE(at + 2))).data;
      expect([one[1], one[4]]).toEqual([0x03, opcode]);
      expect(one.readUInt16BE(2)).toBe(list.readUInt16BE(at + 6));
      expect(one).toHaveLength(4 + one.readUInt16BE(2));
    }
  });

  test('an unknown opcode is not supported; the wrong kind of question is refused', async () => {
    expect((await reportOpcodes(1, 0xff)).data[1]).toBe(1);
    expect((await reportOpcodes(1, 0x9e)).sense).toEqual(SENSE.invalidFieldInCdb);
    expect((await reportOpcodes(2, 0x28)).sense).toEqual(SENSE.invalidFieldInCdb);
    expect((await reportOpcodes(7, 0x28)).sense).toEqual(SENSE.invalidFieldInCdb);
  });

  test('RCTD adds a timeouts descriptor', async () => {
    const { data } = await reportOpcodes(0x81, 0x28);
    expect([data[1], data.length, data.readUInt16BE(14)]).toEqual([0x83, 4 + 10 + 12, 10]);
  });
});

test('an unknown opcode is INVALID COMMAND OPERATION CODE, an unknown service action INVALID FIELD', async () => {
  expect((await unit.run([0xff])).sense).toEqual(SENSE.invalidOpcode);
  expect((await unit.run([0x9e, 0x1f])).sense).toEqual(SENSE.invalidFieldInCdb);
});

test('REQUEST SENSE reports a pending unit attention once, in either format', async () => {
  unit.first.attend(SENSE.capacityChanged);
  const fixed = (await unit.run([0x03, 0, 0, 0, 252])).data;
  expect([fixed[0], fixed[2], fixed[12], fixed[13]]).toEqual([0x70, 6, 0x2a, 0x09]);
  expect([...(await unit.run([0x03, 1, 0, 0, 252])).data]).toEqual([0x72, 0, 0, 0, 0, 0, 0, 0]);
});

test('a unit attention is reported once by the next command, but never by INQUIRY or REPORT LUNS', async () => {
  unit.first.attend(SENSE.powerOn);
  unit.first.attend(SENSE.powerOn);
  expect((await unit.run([0x12, 0, 0, 0, 36, 0])).status).toBe(STATUS.good);
  expect((await unit.run([0xa0, 0, 0, 0, 0, 0, ...be(64, 4)])).status).toBe(STATUS.good);
  expect((await unit.run([0x00])).sense).toEqual(SENSE.powerOn);
  expect((await unit.run([0x00])).status).toBe(STATUS.good);
});

test('START STOP UNIT stops nothing, and cannot eject', async () => {
  expect((await unit.run([0x1b, 0, 0, 0, 0x00])).status).toBe(STATUS.good);
  expect((await unit.run([0x1b, 0, 0, 0, 0x02])).sense).toEqual(SENSE.invalidFieldInCdb);
  expect((await unit.run(rwCdb(0x28, 0, 1))).status).toBe(STATUS.good);
});
