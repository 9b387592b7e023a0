import { ApiError } from '../../common/errors.ts';
import type { VolumeBacking } from '../drivers/contract.ts';
import { COPY_CHUNK_BYTES } from '../limits.ts';
import { BackingFile } from './backing-file.ts';

export interface FillOptions {
  /** Whether the volume already reads as zeros, so that zeros need not be written: sparse stays sparse. */
  skipZeros: boolean;
  signal: AbortSignal;
}

/** Zeros are looked for in blocks of this size: a file system's. */
const SPARSE_BLOCK_BYTES = 64 << 10;
const ZEROS = Buffer.alloc(SPARSE_BLOCK_BYTES);

/**
 * Writes a stream of bytes to the beginning of a volume, durably; the rest reads as zeros.
 *
 * @returns bytes taken from the stream.
 * @throws ApiError `ImageTooLarge` when the stream is longer than the volume.
 */
export async function fill(
  backing: VolumeBacking,
  data: AsyncIterable<Uint8Array>,
  { skipZeros, signal }: FillOptions,
): Promise<number> {
  const file = await BackingFile.open(backing, 'r+');
  try {
    let position = 0;
    for await (const block of inBlocks(data, COPY_CHUNK_BYTES)) {
      signal.throwIfAborted();
      if (position + block.length > backing.sizeBytes) throw tooLarge();
      await (skipZeros ? writeSparse(file, block, position) : file.write(block, position));
      position += block.length;
    }
    if (!skipZeros) await writeZeros(file, position, backing.sizeBytes, signal);
    await file.sync();
    return position;
  } finally {
    await file.close();
  }
}

async function writeSparse(file: BackingFile, block: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < block.length; at += SPARSE_BLOCK_BYTES) {
    const part = block.subarray(at, at + SPARSE_BLOCK_BYTES);
    if (ZEROS.compare(part, 0, part.length, 0, part.length) !== 0) await file.write(part, position + at);
  }
}

async function writeZeros(file: BackingFile, from: number, to: number, signal: AbortSignal): Promise<void> {
  const zeros = Buffer.alloc(COPY_CHUNK_BYTES);
  for (let at = from; at < to; at += zeros.length) {
    signal.throwIfAborted();
    await file.write(zeros.subarray(0, Math.min(zeros.length, to - at)), at);
  }
}

/** The stream in blocks of one size, the last one shorter: each is valid until the next is asked for. */
async function* inBlocks(data: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  const block = Buffer.alloc(size);
  let filled = 0;
  for await (const chunk of data) {
    for (let at = 0; at < chunk.length; ) {
      if (filled === 0 && chunk.length - at >= size) {
        yield chunk.subarray(at, at + size);
        at += size;
        continue;
      }
      const taken = Math.min(size - filled, chunk.length - at);
      block.set(chunk.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
      if (filled < size) continue;
      yield block;
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}

/** The bytes of a volume, in blocks that the taker may keep. */
export async function* contentOf(backing: VolumeBacking, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const file = await BackingFile.open(backing, 'r');
  try {
    for (let at = 0; at < backing.sizeBytes; at += COPY_CHUNK_BYTES) {
      signal.throwIfAborted();
      const block = Buffer.allocUnsafe(Math.min(COPY_CHUNK_BYTES, backing.sizeBytes - at));
      await file.read(block, at);
      yield block;
    }
  } finally {
    await file.close();
  }
}

function tooLarge(): ApiError {
  return new ApiError({ status: 400, code: 'ImageTooLarge', message: 'The image is larger than the volume.' });
}
