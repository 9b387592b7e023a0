import { MOST_POOLED_BYTES, READ_POOL_BYTES } from './limits.ts';

let pool = Buffer.alloc(0);
/** Of the pool: where its last piece starts, and where the next one will. */
let last = 0;
let next = 0;
/** Larger memory that was given back. */
let spare: Buffer | undefined;

/** Memory to read into, the caller's. Small pieces share an allocation: one of their own would cost more than the read. */
export function memoryToRead(sizeBytes: number): Buffer {
  if (sizeBytes > MOST_POOLED_BYTES) return largeMemory(sizeBytes);
  if (next + sizeBytes > pool.length) {
    pool = Buffer.allocUnsafeSlow(READ_POOL_BYTES);
    next = 0;
  }
  last = next;
  next += sizeBytes;
  return pool.subarray(last, next);
}

/**
 * Takes memory back for the next read: left to the garbage collector, bodies of 64 KiB make it walk the whole heap every few hundred reads.
 *
 * @param part of what was handed out last; nobody looks at any of it any more. Of older memory nothing comes back.
 */
export function giveBack({ buffer, byteOffset, length }: Uint8Array): void {
  if (buffer === pool.buffer) {
    if (byteOffset >= last && byteOffset + length <= next) next = last;
  } else if (!spare || spare.length < buffer.byteLength) spare = Buffer.from(buffer as ArrayBuffer);
}

function largeMemory(sizeBytes: number): Buffer {
  if (!spare || spare.length < sizeBytes) return Buffer.allocUnsafeSlow(sizeBytes);
  const memory = spare.subarray(0, sizeBytes);
  spare = undefined;
  return memory;
}
