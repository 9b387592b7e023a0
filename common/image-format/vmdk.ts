import { type Finding, type Inspector, MOST_TAIL_BYTES, sizeOf } from './inspector.ts';

const MAGIC = Buffer.from('KDMV', 'latin1');
const TEXT_DESCRIPTOR = '# Disk DescriptorFile';
const SECTOR_BYTES = 512;
/** QEMU refuses longer descriptors too. */
const MOST_DESCRIPTOR_SECTORS = 2048;
/** Value of the grain directory's offset in a header whose real one stands in the footer. */
const AT_END = 0xffff_ffff_ffff_ffffn;
const SUPPORTED_TYPES = ['monolithicSparse', 'streamOptimized'];
/** Keys of a descriptor's header section that name no file. */
const HARMLESS_KEYS = ['version', 'encoding', 'cid', 'isnativesnapshot', 'createtype'];

/**
 * VMware's format in one file: `monolithicSparse` and `streamOptimized`. What describes extents in other files, a parent, or
 * anything unknown is a hazard.
 *
 * Spec: VMware, "Virtual Disk Format 1.1". CVE-2022-47951.
 */
export function* inspectVmdk(): Inspector {
  const { bytes: header } = yield { offset: 0, length: SECTOR_BYTES };
  if (header.toString('latin1', 0, TEXT_DESCRIPTOR.length).toLowerCase() === TEXT_DESCRIPTOR.toLowerCase())
    return hazard('its descriptor names extents in other files');
  if (!header.subarray(0, 4).equals(MAGIC)) return undefined;
  if (header.length < SECTOR_BYTES) return hazard('its header is cut off');

  const descriptorSector = header.readBigUInt64LE(28);
  const descriptorSectors = header.readBigUInt64LE(36);
  if (descriptorSector < 1n || descriptorSectors < 1n || descriptorSectors > MOST_DESCRIPTOR_SECTORS)
    return hazard('it has no embedded descriptor');
  if (descriptorSector > 1n << 32n) return hazard('its descriptor is out of reach');
  const { bytes: descriptor } = yield {
    offset: Number(descriptorSector) * SECTOR_BYTES,
    length: Number(descriptorSectors) * SECTOR_BYTES,
  };
  const wrong = faultOfDescriptor(descriptor.toString('latin1'));
  if (wrong !== undefined) return hazard(wrong);

  if (header.readBigUInt64LE(56) === AT_END) {
    const { bytes: tail } = yield { tail: MOST_TAIL_BYTES };
    const footer = tail.subarray(SECTOR_BYTES, 2 * SECTOR_BYTES);
    if (tail.length < MOST_TAIL_BYTES || !sameButGrainDirectory(header, footer))
      return hazard('its footer differs from its header');
  }
  const virtualSizeBytes = sizeOf(header.readBigUInt64LE(12) * BigInt(SECTOR_BYTES));
  if (virtualSizeBytes === undefined) return hazard('its virtual size is impossible');
  return { format: 'vmdk', virtualSizeBytes };
}

/** Programs open an image by its footer where it has one: it must say what the header said, but for where the grains are. */
function sameButGrainDirectory(header: Buffer, footer: Buffer): boolean {
  const comparedBytes = 48; // magic … entries per grain table; the directories' offsets follow
  return header.subarray(0, comparedBytes).equals(footer.subarray(0, comparedBytes));
}

/** Why a descriptor is refused, or undefined for one that describes exactly this file. */
function faultOfDescriptor(text: string): string | undefined {
  const end = text.indexOf('\0');
  const lines = (end < 0 ? text : text.slice(0, end)).split(/\r?\n/).map((line) => line.trim());
  if (lines[0]?.toLowerCase() !== TEXT_DESCRIPTOR.toLowerCase()) return 'its descriptor is malformed';
  let type: string | undefined;
  let extents = 0;
  for (const line of lines) {
    if (line === '' || line.startsWith('#') || /^ddb\.[\w.]+\s*=/i.test(line)) continue;
    if (/^(RW|RDONLY|NOACCESS)\s/i.test(line)) {
      const fault = faultOfExtent(line);
      if (fault !== undefined) return fault;
      extents += 1;
      continue;
    }
    const [, key, value] = /^(\w+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) return 'its descriptor has a line that is not understood';
    const name = key.toLowerCase();
    if (name === 'createtype') type = value.replace(/^"(.*)"$/, '$1');
    if (name === 'parentcid' ? !/^f{8}$/i.test(value) : !HARMLESS_KEYS.includes(name))
      return name.startsWith('parent') ? 'it has a parent' : 'its descriptor has a key that is not understood';
  }
  if (type === undefined || !SUPPORTED_TYPES.includes(type))
    return `its type is not one of ${SUPPORTED_TYPES.join(', ')}`;
  return extents === 1 ? undefined : 'it does not have exactly one extent';
}

function faultOfExtent(line: string): string | undefined {
  const [, name] = /^\w+\s+\d+\s+SPARSE\s+"([^"]*)"(?:\s+\d+)?$/i.exec(line) ?? [];
  if (name === undefined) return 'its descriptor has an extent that is not understood';
  return /[/\\]/.test(name) ? 'its descriptor names an extent by a path' : undefined;
}

function hazard(text: string): Finding {
  return { format: 'vmdk', hazard: text };
}
