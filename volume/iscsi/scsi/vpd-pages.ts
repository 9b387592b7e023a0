import { createHash } from 'node:crypto';
import {
  MAX_COMPARE_AND_WRITE_BLOCKS,
  MAX_TRANSFER_BYTES,
  MAX_UNMAP_BLOCKS,
  MAX_UNMAP_DESCRIPTORS,
  MAX_WRITE_SAME_BLOCKS,
} from '../limits.ts';
import { BLOCK_BYTES, type Lun, PHYSICAL_BLOCK_BYTES } from './command.ts';

/** Bodies by page code, in ascending order. Spec: SPC-4, 7.8; SBC-3, 6.6 */
const PAGES: ReadonlyMap<number, (lun: Lun) => Buffer> = new Map<number, (lun: Lun) => Buffer>([
  [0x00, listPages],
  [0x80, ({ serial }) => Buffer.from(serial, 'latin1')],
  [0x83, deviceIdentification],
  [0xb0, blockLimits],
  [0xb1, blockDeviceCharacteristics],
  [0xb2, logicalBlockProvisioning],
]);

function listPages(): Buffer {
  return Buffer.from([...PAGES.keys()]);
}

/** @returns undefined for a page that is not there. */
export function encodeVpdPage(page: number, lun: Lun): Buffer | undefined {
  const body = PAGES.get(page)?.(lun);
  if (body === undefined) return undefined;
  const header = Buffer.alloc(4);
  header[1] = page;
  header.writeUInt16BE(body.length, 2);
  return Buffer.concat([header, body]);
}

/** A T10 vendor id with the volume's id, and a NAA name made from it. Spec: SPC-4, 7.8.5 */
function deviceIdentification({ serial }: Lun): Buffer {
  const vendorId = Buffer.from(`MARTLET ${serial}`, 'latin1');
  const naa = createHash('sha256').update(serial).digest().subarray(0, 8);
  naa[0] = 0x30 | (naa.readUInt8(0) & 0x0f); // NAA 3: assigned locally
  return Buffer.concat([
    Buffer.of(0x02, 0x01, 0x00, vendorId.length),
    vendorId,
    Buffer.of(0x01, 0x03, 0x00, naa.length),
    naa,
  ]);
}

/** Spec: SBC-3, 6.6.3 */
function blockLimits(): Buffer {
  const page = Buffer.alloc(60);
  page[0] = 0x01; // WSNZ: WRITE SAME of 0 blocks is refused
  page[1] = MAX_COMPARE_AND_WRITE_BLOCKS;
  page.writeUInt16BE(PHYSICAL_BLOCK_BYTES / BLOCK_BYTES, 2); // optimal transfer length granularity
  page.writeUInt32BE(MAX_TRANSFER_BYTES / BLOCK_BYTES, 4);
  page.writeUInt32BE((1024 * 1024) / BLOCK_BYTES, 8); // optimal transfer length
  page.writeUInt32BE(MAX_UNMAP_BLOCKS, 16);
  page.writeUInt32BE(MAX_UNMAP_DESCRIPTORS, 20);
  page.writeUInt32BE(PHYSICAL_BLOCK_BYTES / BLOCK_BYTES, 24); // optimal unmap granularity
  page.writeUInt32BE(0x8000_0000, 28); // alignment 0, and it is valid
  page.writeBigUInt64BE(BigInt(MAX_WRITE_SAME_BLOCKS), 32);
  return page;
}

/** Spec: SBC-3, 6.6.2 */
function blockDeviceCharacteristics(): Buffer {
  const page = Buffer.alloc(60);
  page.writeUInt16BE(1, 0); // not rotating
  return page;
}

/** Thin, by UNMAP and both WRITE SAMEs; unmapped blocks read as zeros. Spec: SBC-3, 6.6.4 */
function logicalBlockProvisioning(): Buffer {
  return Buffer.of(0, 0x80 | 0x40 | 0x20 | 0x04, 0x02, 0);
}
