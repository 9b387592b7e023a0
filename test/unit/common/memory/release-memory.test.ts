import { describe, expect, it } from 'vitest';
import { releaseMemory } from '../../../../common/memory/release-memory.ts';

const KIB_64 = 64 << 10;

describe('memory that is released', () => {
  it('is gone at once', () => {
    const before = process.memoryUsage().arrayBuffers;
    for (let round = 0; round < 5000; round += 1) {
      const bytes = Buffer.from(new ArrayBuffer(KIB_64));
      releaseMemory(bytes);
      expect(bytes.length).toBe(0);
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20); // of 312 MiB
  });

  it('stays where it is a part of something larger, short, or shared', () => {
    const whole = Buffer.alloc(2 * KIB_64, 1);
    releaseMemory(whole.subarray(0, KIB_64));
    expect(whole[0]).toBe(1);
    const short = Buffer.from(new ArrayBuffer(100));
    releaseMemory(short);
    expect(short.length).toBe(100);
    const shared = new Uint8Array(new SharedArrayBuffer(KIB_64));
    releaseMemory(shared);
    expect(shared.length).toBe(KIB_64);
    releaseMemory(Buffer.alloc(0));
  });
});
