import { MAX_TRANSFER_BYTES } from '../limits.ts';
import { BLOCK_BYTES, type Lun } from './command.ts';
import { checkCondition, SENSE } from './sense.ts';

/** The blocks a CDB names, inside the unit. */
export interface BlockRange {
  lbaBlocks: number;
  lengthBlocks: number;
  offsetBytes: number;
  lengthBytes: number;
}

/** Length of a CDB by the group of its opcode. Spec: SPC-4, 4.2.5.1 */
export function cdbLength(opcode: number): number {
  return [6, 10, 10, 16, 16, 12, 16, 16][opcode >>> 5] ?? 16;
}

/**
 * Reads LBA and number of blocks from a 6, 10, 12 or 16 byte CDB of the common layout.
 *
 * @throws ScsiError LBA OUT OF RANGE. Spec: SPC-4, 4.2.2 (typical CDBs); SBC-3, 5.10 (READ(6): 0 means 256)
 */
export function parseRange(cdb: Buffer, lun: Lun): BlockRange {
  switch (cdbLength(cdb.readUInt8(0))) {
    case 6:
      return toRange(BigInt(cdb.readUIntBE(1, 3) & 0x1f_ffff), cdb.readUInt8(4) || 256, lun);
    case 10:
      return toRange(BigInt(cdb.readUInt32BE(2)), cdb.readUInt16BE(7), lun);
    case 12:
      return toRange(BigInt(cdb.readUInt32BE(2)), cdb.readUInt32BE(6), lun);
    default:
      return toRange(cdb.readBigUInt64BE(2), cdb.readUInt32BE(10), lun);
  }
}

/** As `parseRange`, refusing transfers above the limit that the Block Limits page names. */
export function parseTransfer(cdb: Buffer, lun: Lun): BlockRange {
  const range = parseRange(cdb, lun);
  if (range.lengthBytes > MAX_TRANSFER_BYTES) throw checkCondition(SENSE.invalidFieldInCdb);
  return range;
}

/**
 * The one place where an LBA becomes a number: it is compared with the unit's size as a bigint first.
 *
 * @throws ScsiError LBA OUT OF RANGE.
 */
export function toRange(lba: bigint, lengthBlocks: number, lun: Lun): BlockRange {
  if (lba + BigInt(lengthBlocks) > BigInt(lun.sizeBlocks)) throw checkCondition(SENSE.lbaOutOfRange);
  const lbaBlocks = Number(lba);
  return {
    lbaBlocks,
    lengthBlocks,
    offsetBytes: lbaBlocks * BLOCK_BYTES,
    lengthBytes: lengthBlocks * BLOCK_BYTES,
  };
}

/** RDPROTECT, WRPROTECT, VRPROTECT, ORPROTECT: the unit has no protection information. Spec: SBC-3, 5.8, table 37 */
export function assertNoProtection(cdb: Buffer): void {
  if (cdb.readUInt8(1) >>> 5 !== 0) throw checkCondition(SENSE.invalidFieldInCdb);
}

/** FUA of READ, WRITE and ORWRITE (10), (12), (16); a 6 byte CDB has none. */
export function hasFua(cdb: Buffer): boolean {
  return cdbLength(cdb.readUInt8(0)) !== 6 && (cdb.readUInt8(1) & 0x08) !== 0;
}
