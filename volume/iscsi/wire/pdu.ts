/** Length of the basic header segment. */
export const BHS_BYTES = 48;

/** "No tag": an initiator task tag or target transfer tag that names nothing. */
export const NO_TAG = 0xffff_ffff;

/** Opcodes of initiators. Spec: RFC 7143, 11.2.1.2 */
export const REQUEST = {
  nopOut: 0x00,
  scsiCommand: 0x01,
  taskManagement: 0x02,
  login: 0x03,
  text: 0x04,
  dataOut: 0x05,
  logout: 0x06,
  snack: 0x10,
} as const;

/** Opcodes of targets. Spec: RFC 7143, 11.2.1.2 */
export const RESPONSE = {
  nopIn: 0x20,
  scsiResponse: 0x21,
  taskManagement: 0x22,
  login: 0x23,
  text: 0x24,
  dataIn: 0x25,
  logout: 0x26,
  r2t: 0x31,
  async: 0x32,
  reject: 0x3f,
} as const;

/** One protocol data unit, digests checked and taken off. */
export interface Pdu {
  /** Basic header segment, 48 bytes. */
  bhs: Buffer;
  /** Additional header segments, a multiple of 4 bytes; mostly empty. */
  ahs: Buffer;
  /** Data segment without its padding. */
  data: Buffer;
}

/** Which digests both sides have agreed on. */
export interface Digests {
  header: boolean;
  data: boolean;
}

const empty = Buffer.alloc(0);

/** A header for `opcode`, all else zero; TotalAHSLength and DataSegmentLength are set by `encodePdu`. */
export function newBhs(opcode: number): Buffer {
  const bhs = Buffer.alloc(BHS_BYTES);
  bhs[0] = opcode;
  return bhs;
}

export function newPdu(bhs: Buffer, data: Buffer = empty): Pdu {
  return { bhs, ahs: empty, data };
}

export function opcodeOf(pdu: Pdu): number {
  return (pdu.bhs[0] ?? 0) & 0x3f;
}

/** The I bit: delivered at once, outside the CmdSN order. */
export function isImmediate(pdu: Pdu): boolean {
  return ((pdu.bhs[0] ?? 0) & 0x40) !== 0;
}

export function taskTagOf(pdu: Pdu): number {
  return pdu.bhs.readUInt32BE(16);
}

/** CmdSN of any request that has one. */
export function cmdSnOf(pdu: Pdu): number {
  return pdu.bhs.readUInt32BE(24);
}

/** Whether serial number `a` comes after `b`, modulo 2^32. Spec: RFC 1982 */
export function isAfter(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}
