import { type Inspector, sizeOf } from './inspector.ts';

const VDI_MAGIC = 0xbeda107f;
const VDI_HEADER_BYTES = 0x200;
const VDI_DYNAMIC = 1;
const VDI_FIXED = 2;

/** VirtualBox's format; a differencing or undo disk, which needs another file, is a hazard. Spec: VirtualBox, VDICore.h. */
export function* inspectVdi(): Inspector {
  const { bytes: header } = yield { offset: 0, length: VDI_HEADER_BYTES };
  if (header.length < 0x44 || header.readUInt32LE(0x40) !== VDI_MAGIC) return undefined;
  if (header.length < VDI_HEADER_BYTES) return { format: 'vdi', hazard: 'its header is cut off' };
  const type = header.readUInt32LE(0x4c);
  if (type !== VDI_DYNAMIC && type !== VDI_FIXED) return { format: 'vdi', hazard: 'it is no fixed or dynamic disk' };
  const virtualSizeBytes = sizeOf(header.readBigUInt64LE(0x170));
  if (virtualSizeBytes === undefined) return { format: 'vdi', hazard: 'its virtual size is impossible' };
  return { format: 'vdi', virtualSizeBytes };
}

const ISO_DESCRIPTOR_OFFSET = 32 << 10;
const ISO_DESCRIPTOR_BYTES = 2048;

/** A CD or DVD; its size is what the first volume descriptor says. Spec: ECMA-119, 8.4 "Primary Volume Descriptor". */
export function* inspectIso(): Inspector {
  const { bytes } = yield { offset: ISO_DESCRIPTOR_OFFSET, length: ISO_DESCRIPTOR_BYTES };
  if (bytes.toString('latin1', 1, 6) !== 'CD001') return undefined;
  if (bytes.length < ISO_DESCRIPTOR_BYTES) return { format: 'iso', hazard: 'its volume descriptor is cut off' };
  return { format: 'iso', virtualSizeBytes: bytes.readUInt32LE(80) * bytes.readUInt16LE(128) };
}

const LUKS_MAGIC = Buffer.from('LUKS\xba\xbe', 'latin1');
const LUKS_HEADER_BYTES = 592;
const SECTOR_BYTES = 512;

/** A LUKS container, version 1; its disk is what follows the header. Spec: LUKS On-Disk Format 1.2.3, "phdr". */
export function* inspectLuks(): Inspector {
  const { bytes: header } = yield { offset: 0, length: LUKS_HEADER_BYTES };
  if (!header.subarray(0, LUKS_MAGIC.length).equals(LUKS_MAGIC)) return undefined;
  if (header.length < LUKS_HEADER_BYTES) return { format: 'luks', hazard: 'its header is cut off' };
  const version = header.readUInt16BE(6);
  if (version !== 1) return { format: 'luks', hazard: `version ${version} is not supported` };
  const payloadBytes = header.readUInt32BE(104) * SECTOR_BYTES;
  const { totalBytes = 0 } = yield { tail: 0 };
  return { format: 'luks', virtualSizeBytes: Math.max(0, totalBytes - payloadBytes) };
}

const PLOOP_MAGICS = ['WithoutFreeSpace', 'WithouFreSpacExt'];

/** Virtuozzo's expandable disk. Spec: ploop, "image format". */
export function* inspectPloop(): Inspector {
  const { bytes: header } = yield { offset: 0, length: 64 };
  if (!PLOOP_MAGICS.includes(header.toString('latin1', 0, 16)) || header.length < 64) return undefined;
  const virtualSizeBytes = sizeOf(header.readBigUInt64LE(36) * BigInt(SECTOR_BYTES));
  return { format: 'ploop', ...(virtualSizeBytes === undefined ? {} : { virtualSizeBytes }) };
}
