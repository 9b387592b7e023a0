import type { Inspector } from './inspector.ts';

const SECTOR_BYTES = 512;
const GPT_PROTECTIVE = 0xee;
/** The signature `HdrS` of a Linux kernel, which ends its first sector as a boot sector does. */
const KERNEL_SIGNATURE_OFFSET = 0x202;

/**
 * A partitioned disk: a raw image in every way, told apart only to refuse a partition table that is none.
 *
 * Spec: UEFI 2.10, 5.2 "LBA 0 Format" and 5.3 "GPT Disk Layout".
 */
export function* inspectPartitions(): Inspector {
  const { bytes } = yield { offset: 0, length: 2 * SECTOR_BYTES };
  if (bytes.length < SECTOR_BYTES || bytes.readUInt16LE(510) !== 0xaa55) return undefined;
  if (isBootSector(bytes) || bytes.toString('latin1', KERNEL_SIGNATURE_OFFSET, KERNEL_SIGNATURE_OFFSET + 4) === 'HdrS')
    return undefined;
  const entries = [0, 1, 2, 3].map((index) => bytes.subarray(446 + index * 16, 446 + (index + 1) * 16));
  const format = entries[0]?.[4] === GPT_PROTECTIVE ? 'gpt' : 'mbr';
  if (entries.some((entry) => entry[0] !== 0 && entry[0] !== 0x80))
    return { format, hazard: 'its partition table has impossible flags' };
  if (format === 'gpt' && bytes.toString('latin1', SECTOR_BYTES, SECTOR_BYTES + 8) !== 'EFI PART')
    return { format, hazard: 'it has a protective MBR and no GPT header' };
  return { format };
}

/** The first sector of a FAT or NTFS file system: a jump, then a sensible sector size. It holds code where a table would be. */
function isBootSector(sector: Buffer): boolean {
  const jumps = (sector[0] === 0xeb && sector[2] === 0x90) || sector[0] === 0xe9;
  return jumps && [512, 1024, 2048, 4096].includes(sector.readUInt16LE(11));
}
