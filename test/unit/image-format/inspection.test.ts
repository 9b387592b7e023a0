import { describe, expect, it } from 'vitest';
import { ImageInspection, type InspectionReport } from '../../../common/image-format/inspection.ts';
import { iso, luks, partitioned, qcow2, vdi, vhdFooter, vhdx, vmdk } from '../../support/image/made-images.ts';

function inspect(bytes: Buffer, chunkBytes = bytes.length || 1): InspectionReport {
  const inspection = new ImageInspection();
  for (let at = 0; at < bytes.length; at += chunkBytes) inspection.write(bytes.subarray(at, at + chunkBytes));
  return inspection.finish();
}

const TEN_MIB = 10 << 20;
const disk = (bytes = 4096): Buffer => Buffer.alloc(bytes);
const fixedVhd = (content = disk()): Buffer => Buffer.concat([content, vhdFooter(2)]);
const gpt = (): Buffer => {
  const image = partitioned(disk(), 0, 0xee);
  image.write('EFI PART', 512, 'latin1');
  return image;
};

describe('what an image is', () => {
  it.each([
    ['raw', disk(), 4096],
    ['raw', Buffer.alloc(0), 0],
    ['raw', Buffer.from('QF'), 2],
    ['qcow2', qcow2(), TEN_MIB],
    ['qcow2', qcow2({ version: 2 }), TEN_MIB],
    ['qcow2', qcow2({ incompatible: 0b11011n }), TEN_MIB],
    ['vmdk', vmdk(), TEN_MIB],
    ['vdi', vdi(), TEN_MIB],
    ['vhd', Buffer.concat([vhdFooter(3), disk()]), TEN_MIB],
    ['vhd', fixedVhd(), TEN_MIB],
    ['vhd', fixedVhd(partitioned(disk())), TEN_MIB],
    ['vhdx', vhdx(), TEN_MIB],
    ['iso', iso(), 32 * 2048],
    ['iso', partitioned(iso()), 32 * 2048],
    ['luks', luks(), 4096],
    ['mbr', partitioned(disk()), 4096],
    ['gpt', gpt(), 4096],
  ] as const)('is told as %s, with its virtual size, however the bytes are cut', (format, bytes, virtualSizeBytes) => {
    const report = inspect(bytes);
    expect(report).toEqual({ format, virtualSizeBytes, sizeBytes: bytes.length, hazard: undefined });
    const chunkBytes = bytes.length > 1 << 20 ? 4093 : 7;
    expect(inspect(bytes, chunkBytes)).toEqual(report);
  });

  it.each([
    ['a qcow2 with a backing file', qcow2({ backing: 4096n }), 'backing file'],
    ['a qcow2 of version 2 with a backing file', qcow2({ version: 2, backing: 4096n }), 'backing file'],
    ['a qcow2 with an external data file', qcow2({ incompatible: 4n }), 'external data file'],
    ['a qcow2 with unknown features', qcow2({ incompatible: 1n << 40n }), '0x10000000000'],
    ['a qcow2 of version 4', qcow2({ version: 4 }), 'version 4'],
    ['a qcow2 of version 1', qcow2({ version: 1 }), 'version 1'],
    ['a qcow2 that ends in its header', qcow2().subarray(0, 90), 'cut off'],
    ['a qcow2 of an impossible size', qcow2({ size: 1n << 62n }), 'impossible'],
    ['a QED', Buffer.from('QED\0and so on'), 'QED'],
    ['a VMDK with an extent elsewhere', vmdk((text) => text.replace('disk.vmdk', '/etc/passwd')), 'by a path'],
    ['a VMDK with a flat extent', vmdk((text) => text.replace('SPARSE', 'FLAT')), 'extent that is not understood'],
    ['a VMDK with two extents', vmdk((text) => text.replace(/(RW.*\n)/, '$1$1')), 'exactly one extent'],
    ['a VMDK without extents', vmdk((text) => text.replace(/RW.*\n/, '')), 'exactly one extent'],
    ['a VMDK with a parent', vmdk((text) => text.replace('ffffffff', '12345678')), 'a parent'],
    ['a VMDK that names a parent', vmdk((text) => `${text}parentFileNameHint="x"\n`), 'a parent'],
    ['a VMDK of another type', vmdk((text) => text.replace('monolithicSparse', 'vmfs')), 'type'],
    ['a VMDK with an unknown line', vmdk((text) => `${text}include /etc/passwd\n`), 'line that is not understood'],
    ['a VMDK with an unknown key', vmdk((text) => `${text}changeTrackPath="x"\n`), 'key that is not understood'],
    ['a VMDK whose footer is another header', vmdk((text) => text, Buffer.alloc(512)), 'footer'],
    ['a bare VMDK descriptor', Buffer.from('# Disk DescriptorFile\nversion=1\n'), 'other files'],
    ['a differencing VDI', vdi(4), 'fixed or dynamic'],
    ['a differencing VHD', Buffer.concat([vhdFooter(4), disk()]), 'fixed or dynamic'],
    ['a VHDX with a parent', vhdx({ hasParent: true }), 'parent'],
    ['a VHDX whose metadata has passed', vhdx({ metadataOffset: 8n }), 'out of order'],
    ['a VHDX whose metadata is not there', vhdx({ metadataOffset: 1n << 40n }), 'malformed'],
    ['LUKS of version 2', luks(2), 'version 2'],
    ['impossible partition flags', partitioned(disk(), 0x55), 'flags'],
    ['a protective MBR without a GPT', partitioned(disk(), 0, 0xee), 'GPT header'],
    ['two formats at once', Buffer.concat([qcow2(), iso().subarray(4096)]), 'qcow2 and iso'],
    ['a partitioned qcow2', partitioned(qcow2()), 'qcow2 and mbr'],
  ])('%s is a hazard', (_, bytes, reason) => {
    expect(inspect(bytes).hazard).toContain(reason);
    expect(inspect(bytes, bytes.length > 1 << 20 ? 4093 : 7).hazard).toContain(reason);
  });

  it('a VMDK whose footer repeats its header is harmless', () => {
    const footer = Buffer.from(vmdk((text) => text, Buffer.alloc(512)).subarray(0, 512));
    footer.writeBigUInt64LE(21n, 56);
    expect(inspect(vmdk((text) => text, footer))).toMatchObject({ format: 'vmdk', hazard: undefined });
  });

  it('the boot sector of a file system and a Linux kernel are no partition tables', () => {
    const fat = partitioned(disk(), 0x55);
    fat.set([0xeb, 0x3c, 0x90], 0);
    fat.writeUInt16LE(512, 11);
    expect(inspect(fat)).toMatchObject({ format: 'raw', hazard: undefined });
    const kernel = partitioned(disk(), 0x55);
    kernel.write('HdrS', 0x202, 'latin1');
    expect(inspect(kernel)).toMatchObject({ format: 'raw', hazard: undefined });
  });

  it('a hazard shows as soon as its bytes have passed', () => {
    const inspection = new ImageInspection();
    inspection.write(qcow2({ backing: 4096n }).subarray(0, 104));
    expect(inspection.hazard).toContain('backing file');
  });
});
