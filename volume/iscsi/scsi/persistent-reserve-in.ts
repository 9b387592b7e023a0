import type { Handler, Lun } from './command.ts';
import { isAllRegistrants, RESERVATION_TYPE } from './persistent-reservations.ts';

/** READ KEYS. Spec: SPC-4, 6.15.2 */
export const readKeys = answer(({ unit }) => {
  const keys = [...unit.persistent.registrations.values()];
  const list = Buffer.alloc(8 * keys.length);
  keys.forEach((key, index) => {
    list.writeBigUInt64BE(key, 8 * index);
  });
  return withHeader(unit.persistent.generation, list);
});

/** READ RESERVATION. Spec: SPC-4, 6.15.3 */
export const readReservation = answer(({ unit }) => {
  const { persistent } = unit;
  if (persistent.reservation === undefined) return withHeader(persistent.generation, Buffer.alloc(0));
  const descriptor = Buffer.alloc(16);
  descriptor.writeBigUInt64BE(persistent.reservationKey);
  descriptor[13] = persistent.reservation.type;
  return withHeader(persistent.generation, descriptor);
});

/** REPORT CAPABILITIES: all types; nothing persists through power loss. Spec: SPC-4, 6.15.4 */
export const reportCapabilities = answer(() => {
  const data = Buffer.alloc(8);
  data.writeUInt16BE(data.length);
  data[3] = 0x80; // TMV
  for (const type of Object.values(RESERVATION_TYPE)) {
    const at = type === RESERVATION_TYPE.exclusiveAccessAllRegistrants ? 5 : 4;
    data[at] = (data[at] ?? 0) | (1 << (type % 8));
  }
  return data;
});

/** READ FULL STATUS: with the initiator ports' names. Spec: SPC-4, 6.15.5 and 7.6.4.6 */
export const readFullStatus = answer(({ unit }) => {
  const { persistent } = unit;
  const descriptors = [...persistent.registrations].map(([port, key]) => {
    const transportId = encodeTransportId(port);
    const descriptor = Buffer.alloc(24);
    descriptor.writeBigUInt64BE(key);
    const held = persistent.reservation;
    if (held !== undefined && (isAllRegistrants(held.type) || held.holder === port)) {
      descriptor[12] = 0x01; // R_HOLDER
      descriptor[13] = held.type;
    }
    descriptor.writeUInt16BE(1, 18); // relative target port
    descriptor.writeUInt32BE(transportId.length, 20);
    return Buffer.concat([descriptor, transportId]);
  });
  return withHeader(persistent.generation, Buffer.concat(descriptors));
});

function answer(encode: (lun: Lun) => Buffer): Handler {
  return async ({ cdb, lun }) => encode(lun).subarray(0, cdb.readUInt16BE(7));
}

function withHeader(generation: number, body: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(generation >>> 0);
  header.writeUInt32BE(body.length, 4);
  return Buffer.concat([header, body]);
}

/** iSCSI initiator port: name, `,i,0x`, ISID, ended by NUL and padded to words. */
function encodeTransportId(port: string): Buffer {
  const name = Buffer.from(port, 'utf8');
  const padded = Buffer.alloc(Math.max(20, Math.ceil((name.length + 1) / 4) * 4));
  name.copy(padded);
  const header = Buffer.of(0x45, 0, 0, 0); // format 01b, protocol iSCSI
  header.writeUInt16BE(padded.length, 2);
  return Buffer.concat([header, padded]);
}
