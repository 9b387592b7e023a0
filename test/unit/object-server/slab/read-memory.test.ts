import { describe, expect, it } from 'vitest';
import { MOST_POOLED_BYTES, READ_POOL_BYTES } from '../../../../object-server/slab/limits.ts';
import { giveBack, memoryToRead } from '../../../../object-server/slab/read-memory.ts';

const LARGE_BYTES = MOST_POOLED_BYTES + 1;

describe('memory to read into', () => {
  it('is never that of a piece which was not given back', () => {
    const pieces = Array.from({ length: 100 }, (_, index) => memoryToRead(READ_POOL_BYTES / 10).fill(index));
    for (const [index, piece] of pieces.entries()) expect(piece.every((byte) => byte === index)).toBe(true);
  });

  it('is a small piece again that was given back last', () => {
    const first = memoryToRead(100);
    const second = memoryToRead(100);
    giveBack(second.subarray(20, 80));
    const third = memoryToRead(90);
    expect([third.buffer, third.byteOffset]).toEqual([second.buffer, second.byteOffset]);
    giveBack(first); // not the last one: it stays its owner's
    expect(memoryToRead(100).byteOffset).toBeGreaterThanOrEqual(third.byteOffset + third.length);
  });

  it('is a large piece again where that is large enough, once', () => {
    const piece = memoryToRead(LARGE_BYTES + 10);
    giveBack(piece.subarray(5));
    expect(memoryToRead(LARGE_BYTES + 11).buffer).not.toBe(piece.buffer);
    const again = memoryToRead(LARGE_BYTES);
    expect(again.buffer).toBe(piece.buffer);
    expect(again).toHaveLength(LARGE_BYTES);
    expect(memoryToRead(LARGE_BYTES).buffer).not.toBe(piece.buffer);
  });
});
