import { NO_TAG, newBhs, newPdu, type Pdu, RESPONSE } from './pdu.ts';

/** The serial numbers that nearly every response carries. */
export interface Serials {
  statSn: number;
  expCmdSn: number;
  maxCmdSn: number;
}

export interface LoginResponse {
  transit: boolean;
  continues: boolean;
  currentStage: number;
  nextStage: number;
  isid: string;
  tsih: number;
  taskTag: number;
  /** Class and detail, such as 0x0201. */
  status: number;
  text: Buffer;
}

/** Spec: RFC 7143, 11.13 */
export function encodeLoginResponse(response: LoginResponse, serials: Serials): Pdu {
  const bhs = newBhs(RESPONSE.login);
  bhs[1] =
    (response.transit ? 0x80 : 0) | (response.continues ? 0x40 : 0) | (response.currentStage << 2) | response.nextStage;
  bhs.write(response.isid, 8, 6, 'hex');
  bhs.writeUInt16BE(response.tsih, 14);
  bhs.writeUInt32BE(response.taskTag, 16);
  writeSerials(bhs, serials);
  bhs.writeUInt16BE(response.status, 36);
  return newPdu(bhs, response.text);
}

/** What was not transferred as the initiator expected. Spec: RFC 7143, 11.4.5 */
export interface Residual {
  kind: 'none' | 'underflow' | 'overflow';
  bytes: number;
}

export interface ScsiResponse {
  taskTag: number;
  scsiStatus: number;
  residual: Residual;
  /** Fixed or descriptor format sense data; empty if there is none. */
  sense: Buffer;
  /** Data-In PDUs sent for the command. */
  expDataSn: number;
}

/** Spec: RFC 7143, 11.4 */
export function encodeScsiResponse(response: ScsiResponse, serials: Serials): Pdu {
  const bhs = newBhs(RESPONSE.scsiResponse);
  bhs[1] = 0x80 | residualFlag(response.residual);
  bhs[3] = response.scsiStatus;
  bhs.writeUInt32BE(response.taskTag, 16);
  writeSerials(bhs, serials);
  bhs.writeUInt32BE(response.expDataSn, 36);
  bhs.writeUInt32BE(response.residual.bytes, 44);
  if (response.sense.length === 0) return newPdu(bhs);
  const segment = Buffer.alloc(2 + response.sense.length);
  segment.writeUInt16BE(response.sense.length);
  response.sense.copy(segment, 2);
  return newPdu(bhs, segment);
}

export interface DataIn {
  taskTag: number;
  dataSn: number;
  offsetBytes: number;
  /** Ends a sequence. */
  final: boolean;
  /** Set in the last Data-In of a command that ends well: the response rides on it. */
  status?: { scsiStatus: number; residual: Residual };
  data: Buffer;
}

/** Without a status, `serials.statSn` does not go on the wire. Spec: RFC 7143, 11.7 */
export function encodeDataIn(response: DataIn, serials: Serials): Pdu {
  const bhs = newBhs(RESPONSE.dataIn);
  bhs[1] = response.final ? 0x80 : 0;
  bhs.writeUInt32BE(response.taskTag, 16);
  bhs.writeUInt32BE(NO_TAG, 20);
  writeSerials(bhs, response.status === undefined ? { ...serials, statSn: 0 } : serials);
  bhs.writeUInt32BE(response.dataSn, 36);
  bhs.writeUInt32BE(response.offsetBytes, 40);
  if (response.status !== undefined) {
    bhs[1] = 0x80 | 0x01 | residualFlag(response.status.residual);
    bhs[3] = response.status.scsiStatus;
    bhs.writeUInt32BE(response.status.residual.bytes, 44);
  }
  return newPdu(bhs, response.data);
}

export interface ReadyToTransfer {
  lun: Buffer;
  taskTag: number;
  transferTag: number;
  r2tSn: number;
  offsetBytes: number;
  lengthBytes: number;
}

/** `serials.statSn` is the next one; it is not used up. Spec: RFC 7143, 11.8 */
export function encodeR2t(response: ReadyToTransfer, serials: Serials): Pdu {
  const bhs = newBhs(RESPONSE.r2t);
  bhs[1] = 0x80;
  response.lun.copy(bhs, 8, 0, 8);
  bhs.writeUInt32BE(response.taskTag, 16);
  bhs.writeUInt32BE(response.transferTag, 20);
  writeSerials(bhs, serials);
  bhs.writeUInt32BE(response.r2tSn, 36);
  bhs.writeUInt32BE(response.offsetBytes, 40);
  bhs.writeUInt32BE(response.lengthBytes, 44);
  return newPdu(bhs);
}

export interface NopIn {
  lun: Buffer;
  taskTag: number;
  transferTag: number;
  data: Buffer;
}

/** Spec: RFC 7143, 11.19 */
export function encodeNopIn(response: NopIn, serials: Serials): Pdu {
  const bhs = newBhs(RESPONSE.nopIn);
  bhs[1] = 0x80;
  response.lun.copy(bhs, 8, 0, 8);
  bhs.writeUInt32BE(response.taskTag, 16);
  bhs.writeUInt32BE(response.transferTag, 20);
  writeSerials(bhs, serials);
  return newPdu(bhs, response.data);
}

/** Spec: RFC 7143, 11.6 */
export function encodeTaskManagementResponse(taskTag: number, response: number, serials: Serials): Pdu {
  const bhs = newBhs(RESPONSE.taskManagement);
  bhs[1] = 0x80;
  bhs[2] = response;
  bhs.writeUInt32BE(taskTag, 16);
  writeSerials(bhs, serials);
  return newPdu(bhs);
}

export interface TextResponse {
  final: boolean;
  continues: boolean;
  taskTag: number;
  transferTag: number;
  text: Buffer;
}

/** Spec: RFC 7143, 11.11 */
export function encodeTextResponse(response: TextResponse, serials: Serials): Pdu {
  const bhs = newBhs(RESPONSE.text);
  bhs[1] = (response.final ? 0x80 : 0) | (response.continues ? 0x40 : 0);
  bhs.writeUInt32BE(response.taskTag, 16);
  bhs.writeUInt32BE(response.transferTag, 20);
  writeSerials(bhs, serials);
  return newPdu(bhs, response.text);
}

/** Spec: RFC 7143, 11.15 */
export function encodeLogoutResponse(taskTag: number, response: number, serials: Serials): Pdu {
  const bhs = newBhs(RESPONSE.logout);
  bhs[1] = 0x80;
  bhs[2] = response;
  bhs.writeUInt32BE(taskTag, 16);
  writeSerials(bhs, serials);
  return newPdu(bhs);
}

/** Reasons for a reject. Spec: RFC 7143, 11.17.1 */
export const REJECT = {
  dataDigest: 0x02,
  snack: 0x03,
  protocolError: 0x04,
  notSupported: 0x05,
  tooManyImmediate: 0x06,
  taskInProgress: 0x07,
  invalidField: 0x09,
} as const;

/** Gives a PDU back: its header is the data. Spec: RFC 7143, 11.17 */
export function encodeReject(reason: number, rejected: Buffer, serials: Serials): Pdu {
  const bhs = newBhs(RESPONSE.reject);
  bhs[1] = 0x80;
  bhs[2] = reason;
  bhs.writeUInt32BE(NO_TAG, 16);
  writeSerials(bhs, serials);
  return newPdu(bhs, rejected);
}

function writeSerials(bhs: Buffer, { statSn, expCmdSn, maxCmdSn }: Serials): void {
  bhs.writeUInt32BE(statSn >>> 0, 24);
  bhs.writeUInt32BE(expCmdSn >>> 0, 28);
  bhs.writeUInt32BE(maxCmdSn >>> 0, 32);
}

function residualFlag({ kind }: Residual): number {
  return kind === 'overflow' ? 0x04 : kind === 'underflow' ? 0x02 : 0;
}
