import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Nexus } from '../../../volume/iscsi/scsi/nexus.ts';
import { SENSE, STATUS } from '../../../volume/iscsi/scsi/sense.ts';
import { be, rwCdb, UnitUnderTest } from '../../support/iscsi/unit-under-test.ts';

let unit: UnitUnderTest;

beforeEach(async () => {
  unit = await UnitUnderTest.create();
});
afterEach(() => unit.close());

const ACTION = { register: 0, reserve: 1, release: 2, clear: 3, preempt: 4, preemptAndAbort: 5, registerAndIgnore: 6 };
const block = Buffer.alloc(512, 1);

function prout(
  action: number,
  options: { nexus?: Nexus; key?: number; actionKey?: number; type?: number; flags?: number } = {},
) {
  const { nexus = unit.first, key = 0, actionKey = 0, type = 0, flags = 0 } = options;
  const out = Buffer.from([...be(key, 8), ...be(actionKey, 8), 0, 0, 0, 0, flags, 0, 0, 0]);
  return unit.run([0x5f, action, type, 0, 0, ...be(24, 4), 0], { out, nexus });
}
const prin = (action: number) => unit.run([0x5e, action, 0, 0, 0, 0, 0, ...be(512, 2), 0]);
const readBy = async (nexus: Nexus) => (await unit.run(rwCdb(0x28, 0, 1), { nexus })).status;
const writeBy = async (nexus: Nexus) => (await unit.run(rwCdb(0x2a, 0, 1), { nexus, out: block })).status;
const keys = async () => {
  const { data } = await prin(0);
  return Array.from({ length: data.readUInt32BE(4) / 8 }, (_, index) => Number(data.readBigUInt64BE(8 + 8 * index)));
};
const register = (nexus: Nexus, actionKey: number) => prout(ACTION.register, { nexus, actionKey });

describe('RESERVE and RELEASE', () => {
  test.each([
    ['(6)', 0x16, 0x17],
    ['(10)', 0x56, 0x57],
  ])('%s: only the holder gets through, and only the holder can release', async (_, reserve, release) => {
    expect((await unit.run([reserve])).status).toBe(STATUS.good);
    expect((await unit.run([reserve])).status).toBe(STATUS.good);
    expect((await unit.run([reserve], { nexus: unit.second })).status).toBe(STATUS.reservationConflict);
    expect((await unit.run([0x00], { nexus: unit.second })).status).toBe(STATUS.reservationConflict);
    expect(await readBy(unit.second)).toBe(STATUS.reservationConflict);
    expect((await unit.run([0x12, 0, 0, 0, 36, 0], { nexus: unit.second })).status).toBe(STATUS.good);
    expect((await unit.run([release], { nexus: unit.second })).status).toBe(STATUS.good);
    expect(await writeBy(unit.second)).toBe(STATUS.reservationConflict);
    expect(await writeBy(unit.first)).toBe(STATUS.good);
    await unit.run([release]);
    expect(await writeBy(unit.second)).toBe(STATUS.good);
  });

  test('the reservation goes with its session, and with a LUN reset', async () => {
    await unit.run([0x16]);
    unit.lun.unit.leave(unit.first);
    expect(await readBy(unit.second)).toBe(STATUS.good);
    await unit.run([0x16], { nexus: unit.second });
    unit.lun.unit.reset();
    expect(unit.lun.unit.reservedBy).toBeUndefined();
    expect((await unit.run([0x00], { nexus: unit.second })).sense).toEqual(SENSE.busDeviceReset);
  });

  test('third party reservations are refused, and RESERVE beside registered keys conflicts', async () => {
    expect((await unit.run([0x16, 0x10])).sense).toEqual(SENSE.invalidFieldInCdb);
    await register(unit.first, 7);
    expect((await unit.run([0x16])).status).toBe(STATUS.reservationConflict);
    expect((await unit.run([0x17])).status).toBe(STATUS.reservationConflict);
  });
});

describe('PERSISTENT RESERVE', () => {
  test('REGISTER adds, changes and removes a key; the wrong old key conflicts', async () => {
    expect((await register(unit.first, 7)).status).toBe(STATUS.good);
    expect((await prout(ACTION.register, { key: 1, actionKey: 8 })).status).toBe(STATUS.reservationConflict);
    expect((await prout(ACTION.register, { key: 7, actionKey: 8 })).status).toBe(STATUS.good);
    expect((await prout(ACTION.registerAndIgnore, { nexus: unit.second, key: 99, actionKey: 9 })).status).toBe(0);
    expect(await keys()).toEqual([8, 9]);
    expect((await prin(0)).data.readUInt32BE(0)).toBe(3);
    await prout(ACTION.register, { key: 8, actionKey: 0 });
    expect(await keys()).toEqual([9]);
  });

  const R = STATUS.reservationConflict;
  // type; then what a stranger, and what another registrant, gets for READ and WRITE
  test.each([
    ['write exclusive', 1, [0, R], [0, R]],
    ['exclusive access', 3, [R, R], [R, R]],
    ['write exclusive, registrants only', 5, [0, R], [0, 0]],
    ['exclusive access, registrants only', 6, [R, R], [0, 0]],
    ['write exclusive, all registrants', 7, [0, R], [0, 0]],
    ['exclusive access, all registrants', 8, [R, R], [0, 0]],
  ])('%s', async (_, type, stranger, registrant) => {
    const third = new Nexus('iqn.2026-11.test:third,i,0x000000000003', async () => {});
    await register(unit.first, 7);
    await register(unit.second, 9);
    expect((await prout(ACTION.reserve, { key: 7, type })).status).toBe(STATUS.good);
    expect([await readBy(unit.first), await writeBy(unit.first)]).toEqual([0, 0]);
    expect([await readBy(third), await writeBy(third)]).toEqual(stranger);
    expect([await readBy(unit.second), await writeBy(unit.second)]).toEqual(registrant);
    expect((await prin(1)).data[21]).toBe(type);
  });

  test('RESERVE needs a key and a known type; a second one of another type conflicts', async () => {
    expect((await prout(ACTION.reserve, { key: 7, type: 1 })).status).toBe(STATUS.reservationConflict);
    await register(unit.first, 7);
    expect((await prout(ACTION.reserve, { key: 7, type: 2 })).sense).toEqual(SENSE.invalidFieldInCdb);
    expect((await prout(ACTION.reserve, { key: 7, type: 1 })).status).toBe(STATUS.good);
    expect((await prout(ACTION.reserve, { key: 7, type: 1 })).status).toBe(STATUS.good);
    expect((await prout(ACTION.reserve, { key: 7, type: 3 })).status).toBe(STATUS.reservationConflict);
  });

  test('RELEASE by the holder ends it and tells registrants; of another type it is refused; by others it does nothing', async () => {
    await register(unit.first, 7);
    await register(unit.second, 9);
    await prout(ACTION.reserve, { key: 7, type: 5 });
    expect((await prout(ACTION.release, { key: 7, type: 6 })).sense).toEqual(SENSE.invalidReleaseOfReservation);
    expect((await prout(ACTION.release, { nexus: unit.second, key: 9, type: 5 })).status).toBe(STATUS.good);
    expect(unit.lun.unit.persistent.reservation).toBeDefined();
    expect((await prout(ACTION.release, { key: 7, type: 5 })).status).toBe(STATUS.good);
    expect(unit.lun.unit.persistent.reservation).toBeUndefined();
    expect(unit.second.takeAttention()).toEqual(SENSE.reservationsReleased);
  });

  test('CLEAR removes all keys and the reservation, and tells the others', async () => {
    await register(unit.first, 7);
    await register(unit.second, 9);
    await prout(ACTION.reserve, { key: 7, type: 3 });
    expect((await prout(ACTION.clear, { nexus: unit.second, key: 9 })).status).toBe(STATUS.good);
    expect(await keys().catch(() => [])).toEqual([]);
    expect(unit.lun.unit.persistent.reservation).toBeUndefined();
  });

  test('PREEMPT takes the reservation over and tells who lost it', async () => {
    await register(unit.first, 7);
    await register(unit.second, 9);
    await prout(ACTION.reserve, { key: 7, type: 1 });
    expect((await prout(ACTION.preempt, { nexus: unit.second, key: 9, actionKey: 7, type: 3 })).status).toBe(0);
    expect(unit.lun.unit.persistent.reservation).toEqual({ type: 3, holder: unit.second.initiatorPort });
    expect(unit.first.takeAttention()).toEqual(SENSE.registrationsPreempted);
    expect(await readBy(unit.first)).toBe(STATUS.reservationConflict);
    expect(await keys()).toEqual([9]);
  });

  test('PREEMPT of a key nobody has conflicts; of key 0 it is refused', async () => {
    await register(unit.first, 7);
    expect((await prout(ACTION.preempt, { key: 7, actionKey: 5, type: 1 })).status).toBe(STATUS.reservationConflict);
    const zero = await prout(ACTION.preempt, { key: 7, actionKey: 0, type: 1 });
    expect(zero.sense).toEqual(SENSE.invalidFieldInParameterList);
  });

  test('PREEMPT AND ABORT answers only when the commands of the preempted one have ended', async () => {
    const events: string[] = [];
    let ended = () => {};
    const slow = new Nexus('iqn.2026-11.test:slow,i,0x000000000009', async () => {
      events.push('abort');
      await new Promise<void>((resolve) => {
        ended = resolve;
      });
      events.push('ended');
    });
    unit.lun.unit.join(slow);
    slow.takeAttention();
    await register(unit.first, 7);
    await register(slow, 9);
    const answered = prout(ACTION.preemptAndAbort, { key: 7, actionKey: 9, type: 1 }).then(({ status }) => {
      events.push(`status ${status}`);
    });
    while (events.length === 0) await new Promise((resolve) => setImmediate(resolve));
    ended();
    await answered;
    expect(events).toEqual(['abort', 'ended', 'status 0']);
  });

  test('the holder that unregisters releases its reservation', async () => {
    await register(unit.first, 7);
    await prout(ACTION.reserve, { key: 7, type: 1 });
    await prout(ACTION.register, { key: 7, actionKey: 0 });
    expect(unit.lun.unit.persistent.reservation).toBeUndefined();
  });

  test('registrations outlive the session', async () => {
    await register(unit.first, 7);
    unit.lun.unit.leave(unit.first);
    expect(await keys()).toEqual([7]);
  });

  test('a wrong list length, another scope and persistence through power loss are refused', async () => {
    const short = await unit.run([0x5f, 0, 0, 0, 0, ...be(20, 4), 0], { out: Buffer.alloc(20) });
    expect(short.sense).toEqual(SENSE.parameterListLengthError);
    expect((await prout(ACTION.register, { type: 0x10, actionKey: 7 })).sense).toEqual(SENSE.invalidFieldInCdb);
    const aptpl = await prout(ACTION.register, { flags: 1, actionKey: 7 });
    expect(aptpl.sense).toEqual(SENSE.invalidFieldInParameterList);
  });

  test('REPORT CAPABILITIES names all six types, READ FULL STATUS the initiator ports', async () => {
    expect([...(await prin(2)).data]).toEqual([0, 8, 0, 0x80, 0xea, 0x01, 0, 0]);
    await register(unit.first, 7);
    await prout(ACTION.reserve, { key: 7, type: 1 });
    const { data } = await prin(3);
    expect([data.readBigUInt64BE(8), data[20], data[21]]).toEqual([7n, 1, 1]);
    expect(data.toString('latin1', 8 + 28)).toContain(unit.first.initiatorPort);
  });

  test('more keys than there is room for are refused', async () => {
    for (let index = 0; index < 128; index += 1)
      await register(new Nexus(`iqn.2026-11.test:n${index},i,0x00`, async () => {}), index + 1);
    expect((await register(unit.first, 500)).sense).toEqual(SENSE.insufficientRegistrationResources);
  });
});
