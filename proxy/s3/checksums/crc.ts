import { crc32 as zlibCrc32 } from 'node:zlib';
import { CRC32C_START, endCrc32c, updateCrc32c } from '../../../common/crc32c.ts';

/** A checksum that grows piece by piece. */
export interface RunningCrc {
  update(bytes: Uint8Array): void;
  /** Big-endian. */
  digest(): Buffer;
}

export function crc32(): RunningCrc {
  let crc = 0;
  return {
    update(bytes) {
      crc = zlibCrc32(bytes, crc);
    },
    digest: () => bufferOf32(crc),
  };
}

export function crc32c(): RunningCrc {
  let crc = CRC32C_START;
  return {
    update(bytes) {
      crc = updateCrc32c(crc, bytes);
    },
    digest: () => bufferOf32(endCrc32c(crc)),
  };
}

/** Polynomial of CRC-64/NVME, reflected, in halves of 32 bits: numbers of 64 bits would be slow. Spec: NVM Express, 5.2.1.3.4. */
const NVME_HIGH = 0x9a6c9329;
const NVME_LOW = 0xac4bc9b5 | 0;
let tables64: { high: Int32Array; low: Int32Array } | undefined;

function nvmeTables(): { high: Int32Array; low: Int32Array } {
  if (tables64) return tables64;
  const high = new Int32Array(8 * 256);
  const low = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let h = 0;
    let l = byte;
    for (let bit = 0; bit < 8; bit += 1) {
      const isOdd = (l & 1) === 1;
      l = (l >>> 1) | (h << 31);
      h >>>= 1;
      if (isOdd) {
        h ^= NVME_HIGH;
        l ^= NVME_LOW;
      }
    }
    high[byte] = h;
    low[byte] = l;
  }
  for (let index = 256; index < high.length; index += 1) {
    const h = high[index - 256] ?? 0;
    const l = low[index - 256] ?? 0;
    high[index] = (h >>> 8) ^ (high[l & 0xff] ?? 0);
    low[index] = (l >>> 8) ^ (h << 24) ^ (low[l & 0xff] ?? 0);
  }
  tables64 = { high, low };
  return tables64;
}

export function crc64nvme(): RunningCrc {
  const { high, low } = nvmeTables();
  const th = high as unknown as number[];
  const tl = low as unknown as number[];
  let h = -1;
  let l = -1;
  return {
    update(bytes) {
      const b = bytes as unknown as number[];
      let at = 0;
      for (; at + 8 <= b.length; at += 8) {
        const x =
          l ^
          ((b[at] as number) |
            ((b[at + 1] as number) << 8) |
            ((b[at + 2] as number) << 16) |
            ((b[at + 3] as number) << 24));
        const y =
          h ^
          ((b[at + 4] as number) |
            ((b[at + 5] as number) << 8) |
            ((b[at + 6] as number) << 16) |
            ((b[at + 7] as number) << 24));
        const i7 = 1792 + (x & 0xff);
        const i6 = 1536 + ((x >>> 8) & 0xff);
        const i5 = 1280 + ((x >>> 16) & 0xff);
        const i4 = 1024 + (x >>> 24);
        const i3 = 768 + (y & 0xff);
        const i2 = 512 + ((y >>> 8) & 0xff);
        const i1 = 256 + ((y >>> 16) & 0xff);
        const i0 = y >>> 24;
        h =
          (th[i7] as number) ^
          (th[i6] as number) ^
          (th[i5] as number) ^
          (th[i4] as number) ^
          (th[i3] as number) ^
          (th[i2] as number) ^
          (th[i1] as number) ^
          (th[i0] as number);
        l =
          (tl[i7] as number) ^
          (tl[i6] as number) ^
          (tl[i5] as number) ^
          (tl[i4] as number) ^
          (tl[i3] as number) ^
          (tl[i2] as number) ^
          (tl[i1] as number) ^
          (tl[i0] as number);
      }
      for (; at < b.length; at += 1) {
        const index = (l ^ (b[at] as number)) & 0xff;
        l = (l >>> 8) ^ (h << 24) ^ (tl[index] as number);
        h = (h >>> 8) ^ (th[index] as number);
      }
    },
    digest() {
      const out = Buffer.alloc(8);
      out.writeUInt32BE(~h >>> 0, 0);
      out.writeUInt32BE(~l >>> 0, 4);
      return out;
    },
  };
}

function bufferOf32(crc: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(crc >>> 0, 0);
  return out;
}
