import { BLOCK_BYTES, type Handler, PHYSICAL_BLOCK_BYTES } from './command.ts';
import { checkCondition, SENSE } from './sense.ts';

/** READ CAPACITY (10): the last LBA, or 0xffffffff if it needs READ CAPACITY (16). Spec: SBC-3, 5.15 */
export const readCapacity10: Handler = async ({ cdb, lun }) => {
  if ((cdb.readUInt8(8) & 1) === 0 && cdb.readUInt32BE(2) !== 0) throw checkCondition(SENSE.invalidFieldInCdb);
  const data = Buffer.alloc(8);
  data.writeUInt32BE(Math.min(lun.sizeBlocks - 1, 0xffff_ffff));
  data.writeUInt32BE(BLOCK_BYTES, 4);
  return data;
};

/** READ CAPACITY (16): thin (LBPME), unmapped blocks read as zeros (LBPRZ). Spec: SBC-3, 5.16 */
export const readCapacity16: Handler = async ({ cdb, lun }) => {
  const data = Buffer.alloc(32);
  data.writeBigUInt64BE(BigInt(lun.sizeBlocks - 1));
  data.writeUInt32BE(BLOCK_BYTES, 8);
  data[13] = Math.log2(PHYSICAL_BLOCK_BYTES / BLOCK_BYTES);
  data[14] = 0x80 | 0x40;
  return data.subarray(0, cdb.readUInt32BE(10));
};

/** GET LBA STATUS: one descriptor to the end of the unit; which blocks are holes is not known, so all count as mapped. Spec: SBC-3, 5.5 */
export const getLbaStatus: Handler = async ({ cdb, lun }) => {
  const lba = cdb.readBigUInt64BE(2);
  if (lba >= BigInt(lun.sizeBlocks)) throw checkCondition(SENSE.lbaOutOfRange);
  const data = Buffer.alloc(24);
  data.writeUInt32BE(20);
  data.writeBigUInt64BE(lba, 8);
  data.writeUInt32BE(Math.min(lun.sizeBlocks - Number(lba), 0xffff_ffff), 16);
  return data.subarray(0, cdb.readUInt32BE(10));
};
