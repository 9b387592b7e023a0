import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MemoryUse } from '../../../../common/memory/memory-use.ts';

const KIB_64 = 64 << 10;

/** A promise, and what ends it. */
function user() {
  let end: () => void = () => undefined;
  let fail: () => void = () => undefined;
  const promise = new Promise<void>((resolve, reject) => {
    end = resolve;
    fail = () => reject(new Error('no'));
  });
  return { promise, end, fail };
}

describe('memory in use', () => {
  it('is freed when the last user has ended, well or not', async () => {
    const bytes = Buffer.allocUnsafeSlow(KIB_64);
    const use = new MemoryUse(bytes);
    const [first, second] = [user(), user()];
    const promises = [use.by(first.promise), use.by(second.promise)];
    first.end();
    await nextTurn();
    expect(bytes).toHaveLength(KIB_64);
    second.fail();
    await Promise.allSettled(promises);
    await nextTurn();
    expect(bytes).toHaveLength(0);
  });

  it('is left alone where somebody keeps it, where it is short, and where it is a part', async () => {
    const whole = Buffer.allocUnsafeSlow(KIB_64);
    const all = [whole, Buffer.allocUnsafeSlow(4096), Buffer.allocUnsafeSlow(2 * KIB_64).subarray(0, KIB_64)];
    for (const bytes of all) {
      const use = new MemoryUse(bytes);
      if (bytes === whole) use.keep();
      const length = bytes.length;
      await use.by(Promise.resolve());
      await nextTurn();
      expect(bytes).toHaveLength(length);
    }
  });
});
