import { MOST_POOLED_BYTES, READ_POOL_BYTES } from './limits.ts';

let pool = Buffer.alloc(0);
let used = 0;

/** Memory to read into, that nobody writes again. Small pieces share an allocation: one of their own would cost more than the read. */
export function memoryToRead(sizeBytes: number): Buffer {
  if (sizeBytes > MOST_POOLED_BYTES) return Buffer.allocUnsafeSlow(sizeBytes);
  if (used + sizeBytes > pool.length) {
    pool = Buffer.allocUnsafeSlow(READ_POOL_BYTES);
    used = 0;
  }
  const start = used;
  used += sizeBytes;
  return pool.subarray(start, used);
}
