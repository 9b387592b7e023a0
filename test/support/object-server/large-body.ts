import { BODY_BLOCK_BYTES, blockChecksum } from '../../../object-server/contract.ts';
import type { LargeFiles, LargeReading } from '../../../object-server/large/contract.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';

export function bodyOfBytes(sizeBytes: number, seed = 1): Buffer {
  return new SeededRandom(seed).bytes(sizeBytes);
}

/** Checksums as the proxy hands them along. */
export function checksumsOf(body: Uint8Array, seed: bigint, firstBlock = 0): BigUint64Array {
  const blocks = Math.ceil(body.length / BODY_BLOCK_BYTES);
  return BigUint64Array.from({ length: blocks }, (_, index) =>
    blockChecksum(body.subarray(index * BODY_BLOCK_BYTES, (index + 1) * BODY_BLOCK_BYTES), seed, firstBlock + index),
  );
}

/** Stores a body in chunks of these sizes, again and again in turn. */
export async function storeLarge(
  files: LargeFiles,
  body: Uint8Array,
  { seed = 7n, chunks = [BODY_BLOCK_BYTES], label }: { seed?: bigint; chunks?: readonly number[]; label?: string } = {},
): Promise<string> {
  const upload = files.begin({ seed, sizeBytes: body.length, ...(label === undefined ? {} : { label }) });
  for (let offset = 0, turn = 0; offset < body.length; turn += 1) {
    const chunk = Buffer.from(body.subarray(offset, offset + (chunks[turn % chunks.length] ?? body.length)));
    offset += chunk.length;
    await upload.write(chunk);
    chunk.fill(0xee); // its memory is ours again
  }
  const { name } = await upload.finish();
  return name;
}

/** A copy of what a range yields. */
export async function readLarge(reading: LargeReading, start = 0, end = reading.sizeBytes): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of reading.read(start, end)) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

/** Opens, reads all, closes. */
export async function readLargeFile(files: LargeFiles, name: string, sizeBytes: number, seed = 7n): Promise<Buffer> {
  const reading = await files.open(name, seed, sizeBytes);
  try {
    return await readLarge(reading);
  } finally {
    await reading.close();
  }
}
