import { type Finding, type Inspector, MOST_REGION_BYTES, sizeOf } from './inspector.ts';

const SIGNATURE = Buffer.from('vhdxfile', 'latin1');
const REGION_TABLE_OFFSET = 192 << 10;
const TABLE_BYTES = 64 << 10;
/** GUIDs as they stand in the file: the first three groups little-endian. */
const METADATA_REGION = Buffer.from('06a27c8b90479a4bb8fe575f050f886e', 'hex');
const FILE_PARAMETERS = Buffer.from('3767a1ca36fa434db3b633f0aa44e76b', 'hex');
const VIRTUAL_DISK_SIZE = Buffer.from('2442a52f1bcd7648b2115dbed83bf4b8', 'hex');
const HAS_PARENT = 0b10;

/**
 * Microsoft's VHDX. A disk with a parent is a hazard, and so is one whose metadata cannot be read in one pass.
 *
 * Spec: [MS-VHDX] 2.2.3 "Region Tables", 2.6 "Metadata Region".
 */
export function* inspectVhdx(): Inspector {
  const { bytes: identifier } = yield { offset: 0, length: SIGNATURE.length };
  if (!identifier.equals(SIGNATURE)) return undefined;
  const { bytes: regions } = yield { offset: REGION_TABLE_OFFSET, length: TABLE_BYTES };
  const metadataOffset = findMetadata(regions);
  if (metadataOffset === undefined) return hazard('its region table is malformed');
  const { bytes: metadata } = yield { offset: metadataOffset, length: MOST_REGION_BYTES };
  return readMetadata(metadata);
}

function findMetadata(table: Buffer): number | undefined {
  if (table.length < TABLE_BYTES || table.toString('latin1', 0, 4) !== 'regi') return undefined;
  const entries = Math.min(table.readUInt32LE(8), 2047);
  for (let index = 0; index < entries; index += 1) {
    const at = 16 + index * 32;
    if (table.subarray(at, at + 16).equals(METADATA_REGION)) return sizeOf(table.readBigUInt64LE(at + 16));
  }
  return undefined;
}

function readMetadata(metadata: Buffer): Finding {
  if (metadata.length < TABLE_BYTES || metadata.toString('latin1', 0, 8) !== 'metadata')
    return hazard('its metadata is malformed');
  const parameters = itemOf(metadata, FILE_PARAMETERS, 8);
  const size = itemOf(metadata, VIRTUAL_DISK_SIZE, 8);
  if (!parameters || !size) return hazard('its metadata is incomplete');
  if ((parameters.readUInt32LE(4) & HAS_PARENT) !== 0) return hazard('it has a parent');
  const virtualSizeBytes = sizeOf(size.readBigUInt64LE(0));
  if (virtualSizeBytes === undefined) return hazard('its virtual size is impossible');
  return { format: 'vhdx', virtualSizeBytes };
}

function itemOf(metadata: Buffer, id: Buffer, bytes: number): Buffer | undefined {
  const entries = Math.min(metadata.readUInt16LE(10), 2047);
  for (let index = 0; index < entries; index += 1) {
    const at = 32 + index * 32;
    if (!metadata.subarray(at, at + 16).equals(id)) continue;
    const offset = metadata.readUInt32LE(at + 16);
    const item = metadata.subarray(offset, offset + bytes);
    return item.length === bytes ? item : undefined;
  }
  return undefined;
}

function hazard(text: string): Finding {
  return { format: 'vhdx', hazard: text };
}
