/** Time, injected wherever logic is simulated or tested. */
export interface Clock {
  /** Milliseconds since the epoch, with a fraction. */
  nowMs(): number;
}

export const systemClock: Clock = { nowMs: () => performance.timeOrigin + performance.now() };
