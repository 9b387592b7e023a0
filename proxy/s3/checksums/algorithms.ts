import { createHash } from 'node:crypto';
import { CRC32_KIND, CRC32C_KIND, CRC64NVME_KIND, type CrcKind } from './combine.ts';
import { crc32, crc32c, crc64nvme, type RunningCrc } from './crc.ts';

/** As the API names them. Spec: Amazon S3, "Checking object integrity". */
export const ALGORITHMS = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

interface Kind {
  begin(): RunningCrc;
  bytes: number;
  /** Of checks whose parts' values make that of the whole. */
  crc?: CrcKind;
}

const KINDS: Readonly<Record<Algorithm, Kind>> = {
  CRC32: { begin: crc32, bytes: 4, crc: CRC32_KIND },
  CRC32C: { begin: crc32c, bytes: 4, crc: CRC32C_KIND },
  CRC64NVME: { begin: crc64nvme, bytes: 8, crc: CRC64NVME_KIND },
  SHA1: { begin: () => hashOf('sha1'), bytes: 20 },
  SHA256: { begin: () => hashOf('sha256'), bytes: 32 },
};

function hashOf(name: string): RunningCrc {
  const hash = createHash(name);
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
}

export function beginChecksum(algorithm: Algorithm): RunningCrc {
  return KINDS[algorithm].begin();
}

export function crcKindOf(algorithm: Algorithm): CrcKind | undefined {
  return KINDS[algorithm].crc;
}

/** `x-amz-checksum-crc32`. */
export function checksumHeader(algorithm: Algorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

export function algorithmNamed(name: string | undefined): Algorithm | undefined {
  return ALGORITHMS.find((algorithm) => algorithm === name?.toUpperCase());
}

/** Whether a text is a value of the algorithm, in base64. */
export function isChecksumValue(algorithm: Algorithm, text: string): boolean {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === KINDS[algorithm].bytes && bytes.toString('base64') === text;
}
