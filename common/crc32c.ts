/** Slicing by eight: table[k * 256 + b] is the CRC of byte b followed by k zero bytes. */
const table = buildTable();

function buildTable(): Uint32Array {
  const built = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    built[byte] = crc;
  }
  for (let index = 256; index < built.length; index += 1) {
    const shorter = built[index - 256] ?? 0;
    built[index] = (shorter >>> 8) ^ (built[shorter & 0xff] ?? 0);
  }
  return built;
}

/**
 * Castagnoli CRC of `pieces`, one after the other.
 *
 * @returns the digest as an unsigned 32-bit number: iSCSI sends it little-endian, S3 big-endian.
 * Spec: RFC 7143, 13.1; polynomial 0x1EDC6F41, reflected.
 */
export function crc32c(...pieces: readonly Uint8Array[]): number {
  let crc = CRC32C_START;
  for (const piece of pieces) crc = updateCrc32c(crc, piece);
  return endCrc32c(crc);
}

export const CRC32C_START = -1;

/** For checksums that grow: goes on from CRC32C_START, or from what it returned; `endCrc32c` makes the digest of that. */
export function updateCrc32c(start: number, bytes: Uint8Array): number {
  const t = table as unknown as number[]; // indices are masked below: always inside
  const b = bytes as unknown as number[];
  let crc = start;
  let at = 0;
  const end = bytes.length;
  for (; at + 8 <= end; at += 8) {
    crc ^=
      (b[at] as number) | ((b[at + 1] as number) << 8) | ((b[at + 2] as number) << 16) | ((b[at + 3] as number) << 24);
    crc =
      (t[1792 + (crc & 0xff)] as number) ^
      (t[1536 + ((crc >>> 8) & 0xff)] as number) ^
      (t[1280 + ((crc >>> 16) & 0xff)] as number) ^
      (t[1024 + (crc >>> 24)] as number) ^
      (t[768 + (b[at + 4] as number)] as number) ^
      (t[512 + (b[at + 5] as number)] as number) ^
      (t[256 + (b[at + 6] as number)] as number) ^
      (t[b[at + 7] as number] as number);
  }
  for (; at < end; at += 1) crc = (t[(crc ^ (b[at] as number)) & 0xff] as number) ^ (crc >>> 8);
  return crc;
}

export function endCrc32c(crc: number): number {
  return ~crc >>> 0;
}
