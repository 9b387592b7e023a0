import type { Handler } from './command.ts';
import { checkCondition, SENSE } from './sense.ts';

/** LUN of the first level, or undefined for an address we never give. Spec: SAM-5, 4.7 (peripheral device and flat space addressing) */
export function parseLun(address: Buffer): number | undefined {
  if (address.readUIntBE(2, 6) !== 0) return undefined;
  const first = address.readUInt8(0);
  if (first === 0) return address.readUInt8(1);
  return first >>> 6 === 1 ? ((first & 0x3f) << 8) | address.readUInt8(1) : undefined;
}

/** REPORT LUNS: answered by the target, whatever LUN it is sent to. Spec: SPC-4, 6.33 */
export function reportLuns(cdb: Buffer, lun: number): Buffer {
  const select = cdb.readUInt8(2);
  const allocationBytes = cdb.readUInt32BE(6);
  if (select > 2 || allocationBytes < 16) throw checkCondition(SENSE.invalidFieldInCdb);
  const wellKnownOnly = select === 1; // there are none
  const data = Buffer.alloc(wellKnownOnly ? 8 : 16);
  data.writeUInt32BE(data.length - 8);
  if (!wellKnownOnly) data[9] = lun;
  return data.subarray(0, allocationBytes);
}

export const listLuns: Handler = async ({ cdb, lun }) => reportLuns(cdb, lun.lun);
