import { MAX_PARAMETER_LIST_BYTES } from '../limits.ts';
import { BLOCK_BYTES, type Handler, type Lun } from './command.ts';
import { checkCondition, SENSE } from './sense.ts';

/** Pages by code, as they are: nothing can be changed or saved. Spec: SBC-3, 6.4; SPC-4, 7.5 */
const PAGES = new Map<number, () => Buffer>([
  // Caching: WCE. Writes without FUA sit in the kernel until SYNCHRONIZE CACHE.
  [0x08, () => page(0x08, 20, (body) => body.writeUInt8(0x04, 2))],
  // Control: unrestricted reordering; busy timeout period unlimited.
  [
    0x0a,
    () =>
      page(0x0a, 12, (body) => {
        body.writeUInt8(0x10, 3);
        body.writeUInt16BE(0xffff, 8);
      }),
  ],
  // Informational exceptions control: never reported.
  [0x1c, () => page(0x1c, 12, () => {})],
]);

const ALL_PAGES = 0x3f;
const SUBPAGES_ALL = 0xff;

/** MODE SENSE (6), (10). Spec: SPC-4, 6.13 and 6.14 */
export const modeSense: Handler = async ({ cdb, lun }) => {
  const isShort = cdb.readUInt8(0) === 0x1a;
  const flags = cdb.readUInt8(1);
  const noBlockDescriptor = (flags & 0x08) !== 0;
  const longLba = !isShort && (flags & 0x10) !== 0;
  const control = cdb.readUInt8(2) >>> 6; // current, changeable, default, saved
  const code = cdb.readUInt8(2) & 0x3f;
  const subpage = cdb.readUInt8(3);
  if (control === 3) throw checkCondition(SENSE.savingParametersNotSupported);
  if (subpage !== 0 && !(subpage === SUBPAGES_ALL && code === ALL_PAGES)) throw checkCondition(SENSE.invalidFieldInCdb);
  if (code !== ALL_PAGES && !PAGES.has(code)) throw checkCondition(SENSE.invalidFieldInCdb);
  const pages = [...PAGES]
    .filter(([other]) => code === ALL_PAGES || code === other)
    .map(([, encode]) => (control === 1 ? unchangeable(encode()) : encode()));
  const descriptor = noBlockDescriptor ? Buffer.alloc(0) : blockDescriptor(lun, longLba);
  const body = Buffer.concat([descriptor, ...pages]);
  const header = modeHeader({ isShort, longLba, lun, descriptorBytes: descriptor.length, bodyBytes: body.length });
  return Buffer.concat([header, body]).subarray(0, isShort ? cdb.readUInt8(4) : cdb.readUInt16BE(7));
};

/**
 * MODE SELECT (6), (10): accepts pages as they already are, and refuses every change.
 * Spec: SPC-4, 6.11 and 6.12
 */
export const modeSelect: Handler = async ({ cdb, transfer }) => {
  const isShort = cdb.readUInt8(0) === 0x15;
  const pageFormat = (cdb.readUInt8(1) & 0x10) !== 0;
  const savePages = (cdb.readUInt8(1) & 0x01) !== 0;
  if (!pageFormat || savePages) throw checkCondition(SENSE.invalidFieldInCdb);
  const listBytes = isShort ? cdb.readUInt8(4) : cdb.readUInt16BE(7);
  if (listBytes === 0) return undefined;
  if (listBytes > MAX_PARAMETER_LIST_BYTES) throw checkCondition(SENSE.invalidFieldInCdb);
  const list = Buffer.concat(await transfer.receive(listBytes));
  const headerBytes = isShort ? 4 : 8;
  if (list.length < headerBytes) throw checkCondition(SENSE.parameterListLengthError);
  let at = headerBytes + (isShort ? list.readUInt8(3) : list.readUInt16BE(6));
  while (at < list.length) {
    if (at + 2 > list.length) throw checkCondition(SENSE.parameterListLengthError);
    const current = PAGES.get(list.readUInt8(at) & 0x3f)?.();
    if (current === undefined) throw checkCondition(SENSE.invalidFieldInParameterList);
    if (at + current.length > list.length) throw checkCondition(SENSE.parameterListLengthError);
    if (!list.subarray(at + 1, at + current.length).equals(current.subarray(1)))
      throw checkCondition(SENSE.invalidFieldInParameterList);
    at += current.length;
  }
  return undefined;
};

function page(code: number, lengthBytes: number, fill: (body: Buffer) => void): Buffer {
  const body = Buffer.alloc(lengthBytes);
  body[0] = code;
  body[1] = lengthBytes - 2;
  fill(body);
  return body;
}

/** The mask of what can be changed: nothing. */
function unchangeable(encoded: Buffer): Buffer {
  return encoded.fill(0, 2);
}

/** Spec: SBC-3, 6.4.2 */
function blockDescriptor({ sizeBlocks }: Lun, longLba: boolean): Buffer {
  const descriptor = Buffer.alloc(longLba ? 16 : 8);
  if (longLba) {
    descriptor.writeBigUInt64BE(BigInt(sizeBlocks));
    descriptor.writeUInt32BE(BLOCK_BYTES, 12);
  } else {
    descriptor.writeUInt32BE(Math.min(sizeBlocks, 0xffff_ffff));
    descriptor.writeUIntBE(BLOCK_BYTES, 5, 3);
  }
  return descriptor;
}

function modeHeader(options: {
  isShort: boolean;
  longLba: boolean;
  lun: Lun;
  descriptorBytes: number;
  bodyBytes: number;
}): Buffer {
  const { isShort, longLba, lun, descriptorBytes, bodyBytes } = options;
  const deviceSpecific = (lun.readOnly ? 0x80 : 0) | 0x10; // WP, DPOFUA
  if (isShort) return Buffer.of(3 + bodyBytes, 0, deviceSpecific, descriptorBytes);
  const header = Buffer.alloc(8);
  header.writeUInt16BE(6 + bodyBytes);
  header[3] = deviceSpecific;
  header[4] = longLba ? 1 : 0;
  header.writeUInt16BE(descriptorBytes, 6);
  return header;
}
