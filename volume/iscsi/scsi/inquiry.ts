import type { Handler } from './command.ts';
import { checkCondition, SENSE } from './sense.ts';
import { encodeVpdPage } from './vpd-pages.ts';

/** Standards claimed: SAM-5, iSCSI, SPC-4, SBC-3. Spec: SPC-4, 6.6.2, table 142 */
const VERSION_DESCRIPTORS = [0x00a0, 0x0960, 0x0460, 0x04c0];

/** INQUIRY: standard data, or a vital product data page. Spec: SPC-4, 6.6 */
export const inquiry: Handler = async ({ cdb, lun }) => {
  const vital = (cdb.readUInt8(1) & 0x01) !== 0;
  const page = cdb.readUInt8(2);
  if (!vital && page !== 0) throw checkCondition(SENSE.invalidFieldInCdb);
  const data = vital ? encodeVpdPage(page, lun) : encodeStandardData(0x00);
  if (data === undefined) throw checkCondition(SENSE.invalidFieldInCdb);
  return data.subarray(0, cdb.readUInt16BE(3));
};

/** INQUIRY for a LUN that the target has not: "no device here, and none can be". Spec: SPC-4, 6.6.2 (peripheral qualifier 3) */
export function inquireMissing(cdb: Buffer): Buffer {
  if ((cdb.readUInt8(1) & 0x01) !== 0) throw checkCondition(SENSE.logicalUnitNotSupported);
  return encodeStandardData(0x7f).subarray(0, cdb.readUInt16BE(3));
}

function encodeStandardData(peripheral: number): Buffer {
  const data = Buffer.alloc(96);
  data[0] = peripheral;
  data[2] = 0x06; // SPC-4
  data[3] = 0x12; // HISUP, response data format 2
  data[4] = data.length - 5;
  data[7] = 0x02; // CMDQUE
  data.write('MARTLET '.padEnd(8), 8, 'latin1');
  data.write('VOLUME'.padEnd(16), 16, 'latin1');
  data.write('0001', 32, 'latin1');
  VERSION_DESCRIPTORS.forEach((descriptor, index) => {
    data.writeUInt16BE(descriptor, 58 + 2 * index);
  });
  return data;
}
