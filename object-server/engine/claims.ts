import type { ObjectKey } from '../index/contract.ts';
import { CLAIM_TIMEOUT_MS } from '../limits.ts';
import { claimSlotOf } from './object-key.ts';
import type { DeviceShare } from './shared-state.ts';

/** TypeScript's libraries know it from ES2024 on; Node 20 has it. */
interface AsyncWaits {
  waitAsync(
    array: Int32Array,
    index: number,
    value: number,
    timeoutMs: number,
  ): { async: false; value: 'not-equal' | 'timed-out' } | { async: true; value: Promise<'ok' | 'timed-out'> };
}

/**
 * One name for one writer at a time, over all threads of the process: those that must know that nothing is there. Names that share
 * a slot wait for each other.
 */
export class Claims {
  private readonly slots: Int32Array;
  private readonly refusal: () => Error;

  constructor({ claims }: Pick<DeviceShare, 'claims'>, refusal: () => Error) {
    this.slots = claims;
    this.refusal = refusal;
  }

  /** Runs `work` while nobody else holds the name. @throws the refusal where it is not to be had in time. */
  async hold<T>(object: ObjectKey, work: () => Promise<T>): Promise<T> {
    const slot = claimSlotOf(object);
    while (Atomics.compareExchange(this.slots, slot, 0, 1) !== 0) {
      const waiting = (Atomics as unknown as AsyncWaits).waitAsync(this.slots, slot, 1, CLAIM_TIMEOUT_MS);
      if ((await waiting.value) === 'timed-out') throw this.refusal();
    }
    try {
      return await work();
    } finally {
      Atomics.store(this.slots, slot, 0);
      Atomics.notify(this.slots, slot);
    }
  }
}
