/** Headers of disk images, made by the letter of their specifications; `test/conformance/image-formats.test.ts` has qemu-img's own. */

export function qcow2(
  parts: { version?: number; backing?: bigint; incompatible?: bigint; size?: bigint } = {},
): Buffer {
  const header = Buffer.alloc(4096);
  header.write('QFI\xfb', 0, 'latin1');
  header.writeUInt32BE(parts.version ?? 3, 4);
  header.writeBigUInt64BE(parts.backing ?? 0n, 8);
  header.writeUInt32BE(16, 20);
  header.writeBigUInt64BE(parts.size ?? 10n << 20n, 24);
  header.writeBigUInt64BE(parts.incompatible ?? 0n, 72);
  header.writeUInt32BE(104, 100);
  return header;
}

const DESCRIPTOR = `# Disk DescriptorFile
version=1
CID=12345678
parentCID=ffffffff
createType="monolithicSparse"

# Extent description
RW 20480 SPARSE "disk.vmdk"

# The Disk Data Base
#DDB
ddb.virtualHWVersion = "4"
ddb.adapterType = "ide"
`;

/** A VMDK whose descriptor is changed by `edit`. */
export function vmdk(edit: (descriptor: string) => string = (text) => text, footer?: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write('KDMV', 0, 'latin1');
  header.writeUInt32LE(footer ? 3 : 1, 4);
  header.writeBigUInt64LE(20480n, 12);
  header.writeBigUInt64LE(128n, 20);
  header.writeBigUInt64LE(1n, 28);
  header.writeBigUInt64LE(20n, 36);
  header.writeUInt32LE(512, 44);
  header.writeBigUInt64LE(footer ? 0xffff_ffff_ffff_ffffn : 21n, 56);
  const descriptor = Buffer.alloc(20 * 512);
  descriptor.write(edit(DESCRIPTOR), 'latin1');
  const tail = footer ? [Buffer.alloc(512), footer, Buffer.alloc(512)] : [];
  return Buffer.concat([header, descriptor, Buffer.alloc(4096), ...tail]);
}

export function vhdFooter(type: number, size = 10n << 20n): Buffer {
  const footer = Buffer.alloc(512);
  footer.write('conectix', 0, 'latin1');
  footer.writeBigUInt64BE(size, 40);
  footer.writeBigUInt64BE(size, 48);
  footer.writeUInt32BE(type, 60);
  return footer;
}

const METADATA_OFFSET = 2 << 20;

export function vhdx(parts: { hasParent?: boolean; metadataOffset?: bigint } = {}): Buffer {
  const image = Buffer.alloc(METADATA_OFFSET + (1 << 20));
  image.write('vhdxfile', 0, 'latin1');
  const regions = 192 << 10;
  image.write('regi', regions, 'latin1');
  image.writeUInt32LE(1, regions + 8);
  image.write('06a27c8b90479a4bb8fe575f050f886e', regions + 16, 'hex');
  image.writeBigUInt64LE(parts.metadataOffset ?? BigInt(METADATA_OFFSET), regions + 32);
  image.write('metadata', METADATA_OFFSET, 'latin1');
  image.writeUInt16LE(2, METADATA_OFFSET + 10);
  const items = [
    ['3767a1ca36fa434db3b633f0aa44e76b', 65536],
    ['2442a52f1bcd7648b2115dbed83bf4b8', 65544],
  ] as const;
  items.forEach(([guid, offset], index) => {
    image.write(guid, METADATA_OFFSET + 32 + index * 32, 'hex');
    image.writeUInt32LE(offset, METADATA_OFFSET + 32 + index * 32 + 16);
  });
  image.writeUInt32LE(parts.hasParent ? 2 : 0, METADATA_OFFSET + 65536 + 4);
  image.writeBigUInt64LE(10n << 20n, METADATA_OFFSET + 65544);
  return image;
}

export function vdi(type = 1): Buffer {
  const image = Buffer.alloc(4096);
  image.writeUInt32LE(0xbeda107f, 0x40);
  image.writeUInt32LE(type, 0x4c);
  image.writeBigUInt64LE(10n << 20n, 0x170);
  return image;
}

export function iso(): Buffer {
  const image = Buffer.alloc(64 << 10);
  image.write('\x01CD001\x01', 32 << 10, 'latin1');
  image.writeUInt32LE(32, (32 << 10) + 80);
  image.writeUInt16LE(2048, (32 << 10) + 128);
  return image;
}

export function luks(version = 1): Buffer {
  const image = Buffer.alloc(8192);
  image.write('LUKS\xba\xbe', 0, 'latin1');
  image.writeUInt16BE(version, 6);
  image.writeUInt32BE(8, 104);
  return image;
}

/** Puts a partition table into a disk, in place. */
export function partitioned(disk: Buffer, flags = 0x80, type = 0x83): Buffer {
  disk[446] = flags;
  disk[446 + 4] = type;
  disk.writeUInt16LE(0xaa55, 510);
  return disk;
}
