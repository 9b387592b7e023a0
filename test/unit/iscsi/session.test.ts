import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemDisk } from '../../../volume/iscsi/backing/extent-file.ts';
import { newBhs, newPdu, opcodeOf, type Pdu, REQUEST, RESPONSE } from '../../../volume/iscsi/wire/pdu.ts';
import type { Initiator } from '../../support/iscsi/initiator.ts';
import { RunningTarget, SIZE_BYTES } from '../../support/iscsi/running-target.ts';
import { rwCdb } from '../../support/iscsi/unit-under-test.ts';

let target: RunningTarget;

beforeEach(async () => {
  target = new RunningTarget();
  await target.server.start();
  await target.server.export(target.definition('one'));
});
afterEach(() => target.stop());

const kind = (pdu: Pdu | undefined) => (pdu === undefined ? undefined : opcodeOf(pdu));
const bytes = (length: number) => Buffer.from(Array.from({ length }, (_, at) => (at * 7) % 253));

/** Answers R2Ts of one command until its response; gives what was asked for. */
async function answerR2ts(initiator: Initiator, taskTag: number, data: Buffer, segment = 1 << 18) {
  const asked: [offset: number, length: number][] = [];
  for (;;) {
    const pdu = await initiator.next();
    if (pdu === undefined) throw new Error('closed');
    if (opcodeOf(pdu) !== RESPONSE.r2t) {
      initiator.received.unshift(pdu);
      return { asked, result: await initiator.collect() };
    }
    const offset = pdu.bhs.readUInt32BE(40);
    const length = pdu.bhs.readUInt32BE(44);
    asked.push([offset, length]);
    for (let at = 0, dataSn = 0; at < length; at += segment, dataSn += 1) {
      const end = Math.min(at + segment, length);
      const piece = data.subarray(offset + at, offset + end);
      const transferTag = pdu.bhs.readUInt32BE(20);
      initiator.send(
        initiator.dataOutPdu({ taskTag, transferTag, dataSn, offset: offset + at, final: end === length, data: piece }),
      );
    }
  }
}

describe('data', () => {
  test('a write with immediate data is on disk when its response arrives, and reads back', async () => {
    const initiator = await target.session('one');
    const data = bytes(4096);
    expect((await initiator.command(rwCdb(0x2a, 8, 8), { write: data })).status).toBe(0);
    expect(target.bytes('one').subarray(4096, 8192).equals(data)).toBe(true);
    expect((await initiator.command(rwCdb(0x28, 8, 8), { read: 4096 })).data.equals(data)).toBe(true);
  });

  test.each([
    ['without digests', []],
    [
      'with digests',
      [
        ['HeaderDigest', 'CRC32C,None'],
        ['DataDigest', 'CRC32C'],
      ],
    ],
  ] as const)('a long write is asked for in bursts and a long read is cut to segments, %s', async (_, digests) => {
    const operational = [...digests, ['MaxRecvDataSegmentLength', '4096'], ['MaxBurstLength', '65536']] as const;
    const initiator = await target.session('one', { operational });
    const data = bytes(200_704);
    const pdu = initiator.commandPdu(rwCdb(0x8a, 1, 392), { flags: 0x20, expected: data.length, taskTag: 77 });
    initiator.send(pdu);
    const { asked, result } = await answerR2ts(initiator, 77, data, 8192);
    expect(result.status).toBe(0);
    expect(asked).toEqual([
      [0, 65_536],
      [65_536, 65_536],
      [131_072, 65_536],
      [196_608, 4096],
    ]);
    expect(
      target
        .bytes('one')
        .subarray(512, 512 + data.length)
        .equals(data),
    ).toBe(true);
    expect((await initiator.command(rwCdb(0x88, 1, 392), { read: data.length })).data.equals(data)).toBe(true);
  });

  test('unsolicited data counts; only the rest is asked for', async () => {
    const operational = [
      ['InitialR2T', 'No'],
      ['ImmediateData', 'Yes'],
      ['FirstBurstLength', '4096'],
    ] as const;
    const initiator = await target.session('one', { operational });
    const data = bytes(8192);
    const command = { flags: 0x20, expected: 8192, taskTag: 5, final: false, data: data.subarray(0, 1024) };
    initiator.send(initiator.commandPdu(rwCdb(0x2a, 0, 16), command));
    initiator.send(initiator.dataOutPdu({ taskTag: 5, offset: 1024, data: data.subarray(1024, 4096) }));
    const { asked, result } = await answerR2ts(initiator, 5, data);
    expect([asked, result.status]).toEqual([[[4096, 4096]], 0]);
    expect(target.bytes('one').subarray(0, 8192).equals(data)).toBe(true);
  });

  test.each([
    ['a wrong DataSN', { dataSn: 1 }],
    ['a wrong offset', { offset: 512 }],
    ['too much data', { data: Buffer.alloc(2048) }],
    ['an end that comes too early', { data: Buffer.alloc(512) }],
    ['a transfer tag that was never given', { transferTag: 0x7777 }],
  ])('a Data-Out with %s fails the command and writes nothing; the session goes on', async (_, wrong) => {
    const initiator = await target.session('one');
    initiator.send(initiator.commandPdu(rwCdb(0x2a, 0, 2), { flags: 0x20, expected: 1024, taskTag: 9 }));
    const r2t = await initiator.next();
    const transferTag = r2t?.bhs.readUInt32BE(20) ?? 0;
    initiator.send(initiator.dataOutPdu({ taskTag: 9, transferTag, data: Buffer.alloc(1024, 1), ...wrong }));
    expect(await initiator.collect()).toMatchObject({ status: 2, sense: [0xb, 0x4b, 0] });
    expect(target.bytes('one').subarray(0, 1024).equals(Buffer.alloc(1024))).toBe(true);
    expect((await initiator.command([0x00])).status).toBe(0);
  });

  test('residuals: less than expected is underflow, more is overflow', async () => {
    const initiator = await target.session('one');
    expect(await initiator.command(rwCdb(0x28, 0, 1), { read: 1024 })).toMatchObject({ flags: 0x83, residual: 512 });
    const over = await initiator.command(rwCdb(0x28, 0, 2), { read: 512 });
    expect(over).toMatchObject({ flags: 0x85, residual: 512 });
    expect(over.data).toHaveLength(512);
    const write = await initiator.command(rwCdb(0x2a, 0, 1), { write: Buffer.alloc(1024, 3) });
    expect(write).toMatchObject({ status: 0, flags: 0x82, residual: 512 });
    expect(target.bytes('one')[512]).toBe(0);
    const none = await initiator.command(rwCdb(0x28, 0, 1));
    expect(none).toMatchObject({ status: 0, flags: 0x84, residual: 512 });
  });
});

describe('order and windows', () => {
  test('a command before its turn waits for the one that is missing', async () => {
    const initiator = await target.session('one');
    const later = initiator.commandPdu([0x00], { cmdSn: initiator.cmdSn + 1, taskTag: 2 });
    initiator.send(later);
    initiator.send(initiator.commandPdu([0x00], { cmdSn: initiator.cmdSn, taskTag: 1 }));
    const tags = [(await initiator.next())?.bhs.readUInt32BE(16), (await initiator.next())?.bhs.readUInt32BE(16)];
    expect(tags).toEqual([1, 2]);
  });

  test('commands outside the window are ignored, and StatSN counts without gaps', async () => {
    const initiator = await target.session('one');
    for (const cmdSn of [initiator.cmdSn - 1, initiator.cmdSn + 5000])
      initiator.send(initiator.commandPdu([0x00], { cmdSn }));
    initiator.send(initiator.commandPdu([0x00], { taskTag: 501 }));
    const first = await initiator.next();
    initiator.send(initiator.commandPdu([0x00], { taskTag: 502 }));
    const second = await initiator.next();
    expect([first?.bhs.readUInt32BE(16), second?.bhs.readUInt32BE(16)]).toEqual([501, 502]);
    expect((second?.bhs.readUInt32BE(24) ?? 0) - (first?.bhs.readUInt32BE(24) ?? 0)).toBe(1);
  });

  test('a command that waits for data closes the window by one', async () => {
    const initiator = await target.session('one');
    initiator.send(initiator.commandPdu(rwCdb(0x2a, 0, 1), { flags: 0x20, expected: 512, taskTag: 9 }));
    const r2t = await initiator.next();
    const open = (pdu: Pdu | undefined) => (pdu?.bhs.readUInt32BE(32) ?? 0) - (pdu?.bhs.readUInt32BE(28) ?? 0) + 1;
    expect(open(r2t)).toBe(127);
    initiator.send(
      initiator.dataOutPdu({ taskTag: 9, transferTag: r2t?.bhs.readUInt32BE(20) ?? 0, data: Buffer.alloc(512) }),
    );
    expect(open(await initiator.next())).toBe(128);
  });

  test('an ORDERED command waits for those before it', async () => {
    const initiator = await target.session('one');
    initiator.send(initiator.commandPdu(rwCdb(0x2a, 0, 1), { flags: 0x20, expected: 512, taskTag: 1 }));
    const r2t = await initiator.next();
    const ordered = initiator.commandPdu([0x00], { taskTag: 2 });
    ordered.bhs[1] = 0x82;
    initiator.send(ordered);
    initiator.send(initiator.commandPdu([0x00], { taskTag: 3 }));
    initiator.send(
      initiator.dataOutPdu({ taskTag: 1, transferTag: r2t?.bhs.readUInt32BE(20) ?? 0, data: Buffer.alloc(512) }),
    );
    const tags = [];
    for (let index = 0; index < 3; index += 1) tags.push((await initiator.next())?.bhs.readUInt32BE(16));
    expect(tags).toEqual([1, 2, 3]);
  });
});

describe('other requests', () => {
  const immediate = (opcode: number, fill: (bhs: Buffer) => void, data?: Buffer) => {
    const bhs = newBhs(opcode | 0x40);
    bhs[1] = 0x80;
    bhs[9] = 1;
    bhs.writeUInt32BE(0x1234, 16);
    fill(bhs);
    return newPdu(bhs, data);
  };

  test('NOP-Out is echoed', async () => {
    const initiator = await target.session('one');
    initiator.send(immediate(REQUEST.nopOut, (bhs) => bhs.writeUInt32BE(0xffff_ffff, 20), Buffer.from('ping')));
    const answer = await initiator.next();
    expect([kind(answer), answer?.bhs.readUInt32BE(16), answer?.data.toString()]).toEqual([
      RESPONSE.nopIn,
      0x1234,
      'ping',
    ]);
  });

  test('logout is answered, then the connection closes', async () => {
    const initiator = await target.session('one');
    initiator.send(immediate(REQUEST.logout, () => {}));
    const answer = await initiator.next();
    expect([kind(answer), answer?.bhs[2]]).toEqual([RESPONSE.logout, 0]);
    await initiator.untilClosed();
  });

  test('logout for recovery, and of another connection, are refused and the session goes on', async () => {
    const initiator = await target.session('one');
    initiator.send(immediate(REQUEST.logout, (bhs) => bhs.writeUInt8(0x82, 1)));
    expect((await initiator.next())?.bhs[2]).toBe(2);
    initiator.send(
      immediate(REQUEST.logout, (bhs) => {
        bhs.writeUInt8(0x81, 1);
        bhs.writeUInt16BE(9, 20);
      }),
    );
    expect((await initiator.next())?.bhs[2]).toBe(1);
    expect((await initiator.command([0x00])).status).toBe(0);
  });

  test.each([
    ['SNACK', 0x10, 0x03],
    ['an unknown opcode', 0x1e, 0x05],
    ['a login request', 0x03, 0x04],
  ])('%s is rejected with its header, and the session goes on', async (_, opcode, reason) => {
    const initiator = await target.session('one');
    const pdu = immediate(opcode, () => {});
    initiator.send(pdu);
    const answer = await initiator.next();
    expect([kind(answer), answer?.bhs[2], answer?.data.equals(pdu.bhs)]).toEqual([RESPONSE.reject, reason, true]);
    expect((await initiator.command([0x00])).status).toBe(0);
  });

  test('a long CDB and a bidirectional command are rejected', async () => {
    const initiator = await target.session('one');
    const long = initiator.commandPdu([0x7f]);
    initiator.send({ ...long, ahs: Buffer.from([0, 5, 1, 0, 0, 0, 0, 0]) });
    expect((await initiator.next())?.bhs[2]).toBe(0x05);
    initiator.send(initiator.commandPdu([0x00], { flags: 0x60 }));
    expect((await initiator.next())?.bhs[2]).toBe(0x05);
  });

  test('a task tag in use, and data that was not agreed on, are rejected', async () => {
    const initiator = await target.session('one', {
      operational: [
        ['InitialR2T', 'Yes'],
        ['ImmediateData', 'No'],
      ],
    });
    initiator.send(initiator.commandPdu(rwCdb(0x2a, 0, 1), { flags: 0x20, expected: 512, taskTag: 9 }));
    await initiator.next();
    initiator.send(initiator.commandPdu([0x00], { taskTag: 9 }));
    expect((await initiator.next())?.bhs[2]).toBe(0x07);
    initiator.send(initiator.commandPdu(rwCdb(0x2a, 0, 1), { flags: 0x20, expected: 512, data: Buffer.alloc(512) }));
    expect((await initiator.next())?.bhs[2]).toBe(0x04);
    initiator.send(initiator.commandPdu(rwCdb(0x2a, 0, 1), { flags: 0x20, expected: 512, final: false }));
    expect((await initiator.next())?.bhs[2]).toBe(0x04);
  });
});

describe('task management', () => {
  const manage = (initiator: Initiator, operation: number, referenced = 0, lun = 1) => {
    const bhs = newBhs(REQUEST.taskManagement | 0x40);
    bhs[1] = 0x80 | operation;
    bhs[9] = lun;
    bhs.writeUInt32BE(0x4321, 16);
    bhs.writeUInt32BE(referenced, 20);
    initiator.send(newPdu(bhs));
  };
  const hang = async (initiator: Initiator, taskTag: number) => {
    initiator.send(initiator.commandPdu(rwCdb(0x2a, 0, 1), { flags: 0x20, expected: 512, taskTag }));
    const r2t = await initiator.next();
    return r2t?.bhs.readUInt32BE(20) ?? 0;
  };

  test.each([
    ['ABORT TASK', 1],
    ['ABORT TASK SET', 2],
    ['CLEAR TASK SET', 4],
  ])('%s ends a command without an answer; data that comes later is dropped', async (_, operation) => {
    const initiator = await target.session('one');
    const transferTag = await hang(initiator, 9);
    manage(initiator, operation, 9);
    const answer = await initiator.next();
    expect([kind(answer), answer?.bhs[2]]).toEqual([RESPONSE.taskManagement, 0]);
    initiator.send(initiator.dataOutPdu({ taskTag: 9, transferTag, data: Buffer.alloc(512, 1) }));
    expect((await initiator.command([0x00])).status).toBe(0);
    expect(target.bytes('one')[0]).toBe(0);
  });

  test('LUN RESET and TARGET WARM RESET abort everything and leave a unit attention', async () => {
    for (const operation of [5, 6]) {
      const initiator = await target.session('one');
      await hang(initiator, 9);
      manage(initiator, operation);
      expect((await initiator.next())?.bhs[2]).toBe(0);
      expect((await initiator.command([0x00])).sense).toEqual([6, 0x29, 3]);
      initiator.close();
    }
  });

  test('TARGET COLD RESET ends the sessions', async () => {
    const initiator = await target.session('one');
    manage(initiator, 7);
    expect((await initiator.next())?.bhs[2]).toBe(0);
    await initiator.untilClosed();
  });

  test('an unknown task, a wrong LUN, reassignment and ACA have their own answers', async () => {
    const initiator = await target.session('one');
    const answers = [];
    for (const [operation, lun] of [
      [1, 1],
      [5, 3],
      [8, 1],
      [3, 1],
    ] as const) {
      manage(initiator, operation, 0x9999, lun);
      answers.push((await initiator.next())?.bhs[2]);
    }
    expect(answers).toEqual([1, 2, 4, 5]);
  });

  test('CLEAR TASK SET tells the other sessions that their commands are gone', async () => {
    const first = await target.session('one');
    const second = await target.session('one', { isid: '800000000002' });
    await hang(second, 9);
    manage(first, 4);
    expect((await first.next())?.bhs[2]).toBe(0);
    expect((await second.command([0x00])).sense).toEqual([6, 0x2f, 0]);
  });
});

describe('streams that are broken', () => {
  test('a wrong header digest ends the session', async () => {
    const initiator = await target.session('one', { operational: [['HeaderDigest', 'CRC32C']] });
    initiator.socket.write(Buffer.alloc(52));
    await initiator.untilClosed();
  });

  test('a wrong data digest is rejected, then the session ends', async () => {
    const initiator = await target.session('one', { operational: [['DataDigest', 'CRC32C']] });
    const pdu = initiator.commandPdu(rwCdb(0x2a, 0, 1), { flags: 0x20, expected: 512, data: Buffer.alloc(512) });
    pdu.bhs.writeUIntBE(512, 5, 3);
    initiator.socket.write(Buffer.concat([pdu.bhs, pdu.data, Buffer.from('bad!')]));
    const answer = await initiator.next();
    expect([kind(answer), answer?.bhs[2]]).toEqual([RESPONSE.reject, 0x02]);
    await initiator.untilClosed();
  });

  test('a data segment longer than allowed ends the connection, before and after login', async () => {
    const header = newBhs(REQUEST.login);
    header.writeUIntBE(0xff_ffff, 5, 3);
    const early = await target.connect();
    early.socket.write(header);
    await early.untilClosed();
    const late = await target.session('one');
    late.socket.write(header);
    await late.untilClosed();
  });
});

describe('exports', () => {
  test('a login with the same ISID ends the session before it', async () => {
    const first = await target.session('one');
    const second = await target.session('one');
    await first.untilClosed();
    expect((await second.command([0x00])).status).toBe(0);
    expect((await target.server.list())[0]?.sessions).toHaveLength(1);
  });

  test('unexport ends the sessions, refuses new ones, and may be repeated', async () => {
    const initiator = await target.session('one');
    await target.server.unexport('iqn.2026-11.test:one');
    await initiator.untilClosed();
    await expect(target.session('one')).rejects.toThrow('0x203');
    await target.server.unexport('iqn.2026-11.test:one');
    expect(await target.server.list()).toEqual([]);
  });

  test('a login that is nearly through when its target is unexported gets no session', async () => {
    const beforeLast = () => target.server.unexport('iqn.2026-11.test:one');
    await expect(target.session('one', { beforeLast })).rejects.toThrow('closed the connection');
    expect(target.logged.filter((line) => line.startsWith('iSCSI session begun'))).toEqual([]);
  });

  test('exporting again changes nothing, or the secret; over another volume it is a conflict', async () => {
    const initiator = await target.session('one');
    await target.server.export(target.definition('one'));
    expect((await initiator.command([0x00])).status).toBe(0);
    await target.server.export(target.definition('one', { chap: { username: 'alice', secret: 'a-new-secret' } }));
    await expect(target.session('one')).rejects.toThrow('0x201');
    await target.session('one', { secret: 'a-new-secret', isid: '800000000005' });
    const other = target.definition('other', { iqn: 'iqn.2026-11.test:one' });
    await expect(target.server.export(other)).rejects.toMatchObject({ status: 409, code: 'TargetExportConflict' });
  });

  test('an export of a file that is not there, too short, or misshapen is refused', async () => {
    const missing = target.definition('two', {
      extents: [{ path: '/nonexistent', offsetBytes: 0, lengthBytes: SIZE_BYTES }],
    });
    await expect(target.server.export(missing)).rejects.toMatchObject({ code: 'BackingUnavailable' });
    const [extent] = target.definition('two').extents;
    if (extent === undefined) throw new Error('no extent');
    const short = target.definition('two', { extents: [{ ...extent, lengthBytes: SIZE_BYTES * 2 }] });
    await expect(target.server.export(short)).rejects.toMatchObject({ code: 'BackingUnavailable' });
    for (const wrong of [
      { sizeBytes: 1000 },
      { sizeBytes: SIZE_BYTES * 2 },
      { lun: 256 },
      { iqn: 'nonsense' },
      { chap: { username: 'a', secret: '' } },
    ])
      await expect(target.server.export(target.definition('two', wrong))).rejects.toMatchObject({
        code: 'InvalidTargetExport',
      });
  });

  test('two exports of one volume see each other’s writes and reservations', async () => {
    const twin = target.definition('one', { iqn: 'iqn.2026-11.test:twin', initiatorName: 'iqn.2026-11.test:host2' });
    await target.server.export(twin);
    const first = await target.session('one');
    const second = await target.session('twin', { initiatorName: 'iqn.2026-11.test:host2' });
    await first.command(rwCdb(0x2a, 0, 1), { write: Buffer.alloc(512, 8) });
    expect((await second.command(rwCdb(0x28, 0, 1), { read: 512 })).data[0]).toBe(8);
    await first.command([0x16]);
    expect((await second.command([0x00])).status).toBe(0x18);
    await target.server.unexport('iqn.2026-11.test:one');
    expect((await second.command([0x00])).status).toBe(0);
    expect((await second.command(rwCdb(0x28, 0, 1), { read: 512 })).data[0]).toBe(8);
  });

  test('resize tells every session, once, and the new blocks can be used', async () => {
    await target.server.unexport('iqn.2026-11.test:one');
    await target.server.export(target.definition('one', { sizeBytes: SIZE_BYTES / 2 }));
    const initiator = await target.session('one');
    const lastBlock = rwCdb(0x28, SIZE_BYTES / 512 - 1, 1);
    expect((await initiator.command(lastBlock, { read: 512 })).sense).toEqual([5, 0x21, 0]);
    await target.server.resize('iqn.2026-11.test:one', SIZE_BYTES);
    expect((await initiator.command([0x00])).sense).toEqual([6, 0x2a, 9]);
    expect((await initiator.command(lastBlock, { read: 512 })).status).toBe(0);
    await expect(target.server.resize('iqn.2026-11.test:none', 512)).rejects.toMatchObject({ code: 'TargetNotFound' });
  });

  test('stop ends everything, also while a command waits for data', async () => {
    const initiator = await target.session('one');
    initiator.send(initiator.commandPdu(rwCdb(0x2a, 0, 1), { flags: 0x20, expected: 512 }));
    await initiator.next();
    await target.server.stop();
    await initiator.untilClosed();
  });
});

describe('commands on a slow medium', () => {
  let slow: RunningTarget;
  let initiator: Initiator;
  let finish = () => {};
  const events: string[] = [];

  /** A write is on the medium, and stays there until `finish`. */
  beforeEach(async () => {
    events.length = 0;
    let started = () => {};
    const onMedium = new Promise<void>((resolve) => {
      started = resolve;
    });
    const write = async (...args: Parameters<typeof systemDisk.write>) => {
      started();
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      events.push('written');
      return await systemDisk.write(...args);
    };
    slow = new RunningTarget({ disk: { ...systemDisk, write } });
    await slow.server.start();
    await slow.server.export(slow.definition('one'));
    initiator = await slow.session('one');
    initiator.send(
      initiator.commandPdu(rwCdb(0x2a, 0, 1), { flags: 0x20, expected: 512, data: Buffer.alloc(512), taskTag: 9 }),
    );
    await onMedium;
  });
  afterEach(() => slow.stop());

  /** Long enough for anything that does not wait to have happened. */
  const settle = async () => {
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };

  test('unexport, and a login that replaces the session, return only when the write has ended', async () => {
    const replaced = slow.session('one').then(
      () => events.push('replaced'),
      () => events.push('no session'),
    );
    await settle();
    const unexported = slow.server.unexport('iqn.2026-11.test:one').then(() => events.push('unexported'));
    await settle();
    expect(events).toEqual([]);
    finish();
    await unexported;
    await replaced;
    expect(events[0]).toBe('written');
    expect(events).toContain('unexported');
  });

  test.each([[1], [2], [4], [5]])(
    'task management function %i answers only when the aborted write has ended',
    async (operation) => {
      const bhs = newBhs(REQUEST.taskManagement | 0x40);
      bhs[1] = 0x80 | operation;
      bhs[9] = 1;
      bhs.writeUInt32BE(9, 20);
      initiator.send(newPdu(bhs));
      const answered = initiator.next().then((pdu) => events.push(`answer ${kind(pdu)}`));
      await settle();
      expect(events).toEqual([]);
      finish();
      await answered;
      expect(events).toEqual(['written', `answer ${RESPONSE.taskManagement}`]);
    },
  );
});
