import { type Pdu, taskTagOf } from './pdu.ts';

/** Spec: RFC 7143, 11.12 */
export interface LoginRequest {
  transit: boolean;
  continues: boolean;
  /** Current stage: 0 security, 1 operational, 3 full feature. */
  currentStage: number;
  nextStage: number;
  versionMin: number;
  /** Initiator's part of the session id, 6 bytes as 12 hexadecimal digits. */
  isid: string;
  tsih: number;
  taskTag: number;
  connectionId: number;
  cmdSn: number;
  expStatSn: number;
  data: Buffer;
}

export function decodeLoginRequest({ bhs, data }: Pdu): LoginRequest {
  const flags = bhs.readUInt8(1);
  return {
    transit: (flags & 0x80) !== 0,
    continues: (flags & 0x40) !== 0,
    currentStage: (flags >>> 2) & 3,
    nextStage: flags & 3,
    versionMin: bhs.readUInt8(3),
    isid: bhs.toString('hex', 8, 14),
    tsih: bhs.readUInt16BE(14),
    taskTag: bhs.readUInt32BE(16),
    connectionId: bhs.readUInt16BE(20),
    cmdSn: bhs.readUInt32BE(24),
    expStatSn: bhs.readUInt32BE(28),
    data,
  };
}

/** Task attributes. Spec: RFC 7143, 11.3.1 */
export const ATTRIBUTE = { untagged: 0, simple: 1, ordered: 2, headOfQueue: 3, aca: 4 } as const;

/** Spec: RFC 7143, 11.3 */
export interface ScsiCommandRequest {
  /** No unsolicited Data-Out follows. */
  final: boolean;
  reads: boolean;
  writes: boolean;
  attribute: number;
  lun: Buffer;
  taskTag: number;
  /** Expected data transfer length, in bytes. */
  expectedBytes: number;
  cmdSn: number;
  /** 16 bytes. */
  cdb: Buffer;
  immediateData: Buffer;
}

export function decodeScsiCommand({ bhs, data }: Pdu): ScsiCommandRequest {
  const flags = bhs.readUInt8(1);
  return {
    final: (flags & 0x80) !== 0,
    reads: (flags & 0x40) !== 0,
    writes: (flags & 0x20) !== 0,
    attribute: flags & 7,
    lun: bhs.subarray(8, 16),
    taskTag: bhs.readUInt32BE(16),
    expectedBytes: bhs.readUInt32BE(20),
    cmdSn: bhs.readUInt32BE(24),
    cdb: bhs.subarray(32, 48),
    immediateData: data,
  };
}

/** Spec: RFC 7143, 11.7 */
export interface DataOutRequest {
  final: boolean;
  taskTag: number;
  transferTag: number;
  dataSn: number;
  offsetBytes: number;
  data: Buffer;
}

export function decodeDataOut({ bhs, data }: Pdu): DataOutRequest {
  return {
    final: (bhs.readUInt8(1) & 0x80) !== 0,
    taskTag: bhs.readUInt32BE(16),
    transferTag: bhs.readUInt32BE(20),
    dataSn: bhs.readUInt32BE(36),
    offsetBytes: bhs.readUInt32BE(40),
    data,
  };
}

/** Task management functions. Spec: RFC 7143, 11.5.1 */
export const TMF = {
  abortTask: 1,
  abortTaskSet: 2,
  clearAca: 3,
  clearTaskSet: 4,
  lunReset: 5,
  targetWarmReset: 6,
  targetColdReset: 7,
  taskReassign: 8,
} as const;

/** Spec: RFC 7143, 11.5 */
export interface TaskManagementRequest {
  operation: number;
  lun: Buffer;
  taskTag: number;
  referencedTag: number;
  referencedCmdSn: number;
}

export function decodeTaskManagement(pdu: Pdu): TaskManagementRequest {
  const { bhs } = pdu;
  return {
    operation: bhs.readUInt8(1) & 0x7f,
    lun: bhs.subarray(8, 16),
    taskTag: taskTagOf(pdu),
    referencedTag: bhs.readUInt32BE(20),
    referencedCmdSn: bhs.readUInt32BE(32),
  };
}

/** Spec: RFC 7143, 11.10 */
export interface TextRequest {
  final: boolean;
  continues: boolean;
  taskTag: number;
  transferTag: number;
  data: Buffer;
}

export function decodeTextRequest({ bhs, data }: Pdu): TextRequest {
  const flags = bhs.readUInt8(1);
  return {
    final: (flags & 0x80) !== 0,
    continues: (flags & 0x40) !== 0,
    taskTag: bhs.readUInt32BE(16),
    transferTag: bhs.readUInt32BE(20),
    data,
  };
}

/** Spec: RFC 7143, 11.14 */
export interface LogoutRequest {
  /** 0 closes the session, 1 the connection, 2 asks for recovery. */
  reason: number;
  taskTag: number;
  connectionId: number;
}

export function decodeLogout(pdu: Pdu): LogoutRequest {
  return {
    reason: pdu.bhs.readUInt8(1) & 0x7f,
    taskTag: taskTagOf(pdu),
    connectionId: pdu.bhs.readUInt16BE(20),
  };
}

/** Spec: RFC 7143, 11.18 */
export interface NopOutRequest {
  lun: Buffer;
  taskTag: number;
  transferTag: number;
  data: Buffer;
}

export function decodeNopOut({ bhs, data }: Pdu): NopOutRequest {
  return { lun: bhs.subarray(8, 16), taskTag: bhs.readUInt32BE(16), transferTag: bhs.readUInt32BE(20), data };
}
