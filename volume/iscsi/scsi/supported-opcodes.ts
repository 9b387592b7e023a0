import { cdbLength } from './cdb.ts';
import type { Handler } from './command.ts';
import { checkCondition, SENSE } from './sense.ts';

/** What REPORT SUPPORTED OPERATION CODES tells of a command. */
export interface OpcodeDescription {
  opcode: number;
  serviceAction?: number;
  usage: readonly number[];
}

const ALL_COMMANDS = 0;
const BY_OPCODE = 1;
const BY_SERVICE_ACTION = 2;
const BY_EITHER = 3;

/** REPORT SUPPORTED OPERATION CODES over a table. Spec: SPC-4, 6.35 */
export function reportSupportedOpcodes(table: () => readonly OpcodeDescription[]): Handler {
  return async ({ cdb }) => {
    const withTimeouts = (cdb.readUInt8(2) & 0x80) !== 0;
    const option = cdb.readUInt8(2) & 7;
    const data =
      option === ALL_COMMANDS
        ? encodeAll(table(), withTimeouts)
        : encodeOne(findCommand(table(), option, cdb), withTimeouts);
    return data.subarray(0, cdb.readUInt32BE(6));
  };
}

function findCommand(table: readonly OpcodeDescription[], option: number, cdb: Buffer): OpcodeDescription | undefined {
  const opcode = cdb.readUInt8(3);
  const serviceAction = cdb.readUInt16BE(4);
  const family = table.filter((entry) => entry.opcode === opcode);
  const hasActions = family.some((entry) => entry.serviceAction !== undefined);
  if (option > BY_EITHER) throw checkCondition(SENSE.invalidFieldInCdb);
  if (option === BY_OPCODE && hasActions) throw checkCondition(SENSE.invalidFieldInCdb);
  if (option === BY_SERVICE_ACTION && family.length > 0 && !hasActions) throw checkCondition(SENSE.invalidFieldInCdb);
  return family.find((entry) => !hasActions || entry.serviceAction === serviceAction);
}

function encodeAll(table: readonly OpcodeDescription[], withTimeouts: boolean): Buffer {
  const descriptors = table.map(({ opcode, serviceAction }) => {
    const descriptor = Buffer.alloc(8);
    descriptor[0] = opcode;
    descriptor.writeUInt16BE(serviceAction ?? 0, 2);
    descriptor[5] = (serviceAction === undefined ? 0 : 0x01) | (withTimeouts ? 0x02 : 0);
    descriptor.writeUInt16BE(cdbLength(opcode), 6);
    return withTimeouts ? Buffer.concat([descriptor, noTimeouts()]) : descriptor;
  });
  const header = Buffer.alloc(4);
  const list = Buffer.concat(descriptors);
  header.writeUInt32BE(list.length);
  return Buffer.concat([header, list]);
}

function encodeOne(entry: OpcodeDescription | undefined, withTimeouts: boolean): Buffer {
  if (entry === undefined) return Buffer.of(0, 0x01, 0, 0); // not supported
  const header = Buffer.of(0, 0x03 | (withTimeouts ? 0x80 : 0), 0, entry.usage.length);
  const parts: Buffer[] = [header, Buffer.from(entry.usage)];
  if (withTimeouts) parts.push(noTimeouts());
  return Buffer.concat(parts);
}

/** Command timeouts descriptor: no time is promised. Spec: SPC-4, 6.35.4 */
function noTimeouts(): Buffer {
  const descriptor = Buffer.alloc(12);
  descriptor.writeUInt16BE(10);
  return descriptor;
}
