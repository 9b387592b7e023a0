import { invariant } from '../../common/errors.ts';
import type { RevocationEpoch } from './contract.ts';

/** The epoch that identity bumps and every thread of the process reads. */
export interface SharedEpoch extends RevocationEpoch {
  /** Hand this to a worker; `createSharedEpoch(buffer)` there sees the same count. */
  readonly buffer: SharedArrayBuffer;
  /** To be called after the change is committed and before it is acknowledged, so that nothing verified before it outlives it. */
  bump(): void;
}

/** Wraps after 2^32 bumps, which no cached entry lives to see. */
export function createSharedEpoch(
  buffer: SharedArrayBuffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
): SharedEpoch {
  invariant(buffer.byteLength >= Int32Array.BYTES_PER_ELEMENT, 'the shared epoch needs 4 bytes');
  const count = new Int32Array(buffer, 0, 1);
  return {
    buffer,
    current: () => Atomics.load(count, 0),
    bump: () => {
      Atomics.add(count, 0, 1);
    },
  };
}
