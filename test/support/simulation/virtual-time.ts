import type { Clock } from '../../../common/clock.ts';

interface Timer {
  dueMs: number;
  everyMs: number | undefined;
  run(): void;
}

const REAL = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
};

/** Time that passes when the simulation says so: a clock, and the global timers while it is installed. */
export class VirtualTime implements Clock {
  private now: number;
  private readonly timers = new Map<number, Timer>();
  private lastId = 0;

  constructor(startMs: number) {
    this.now = startMs;
  }

  nowMs(): number {
    return this.now;
  }

  /** Time passes; what becomes due runs, earliest first. */
  pass(durationMs: number): void {
    const untilMs = this.now + durationMs;
    for (let due = this.earliest(); due !== undefined && due[1].dueMs <= untilMs; due = this.earliest()) this.fire(due);
    this.now = untilMs;
  }

  /** Time passes until the next timer runs. @returns whether there was one. */
  passToNext(): boolean {
    const due = this.earliest();
    if (due === undefined) return false;
    this.fire(due);
    return true;
  }

  /** The timers of a process that has died. */
  forgetTimers(): void {
    this.timers.clear();
  }

  install(): void {
    const timerOf = (run: () => void, delayMs = 0, everyMs?: number) => this.add(run, Math.max(1, delayMs), everyMs);
    const bound = (run: (...args: unknown[]) => void, args: unknown[]) => () => run(...args);
    const clear = (timer?: { id?: number }) => {
      if (timer?.id !== undefined) this.timers.delete(timer.id);
    };
    Object.assign(globalThis, {
      setTimeout: (run: () => void, delayMs?: number, ...args: unknown[]) => timerOf(bound(run, args), delayMs),
      setInterval: (run: () => void, everyMs?: number, ...args: unknown[]) =>
        timerOf(bound(run, args), everyMs, Math.max(1, everyMs ?? 0)),
      clearTimeout: clear,
      clearInterval: clear,
    });
  }

  uninstall(): void {
    Object.assign(globalThis, REAL);
  }

  private add(run: () => void, delayMs: number, everyMs: number | undefined) {
    this.lastId += 1;
    const id = this.lastId;
    const timer: Timer = { dueMs: this.now + delayMs, everyMs, run };
    this.timers.set(id, timer);
    const handle = {
      id,
      ref: () => handle,
      unref: () => handle,
      hasRef: () => true,
      refresh: () => {
        timer.dueMs = this.now + delayMs;
        this.timers.set(id, timer);
        return handle;
      },
    };
    return handle;
  }

  private earliest(): [number, Timer] | undefined {
    let first: [number, Timer] | undefined;
    for (const entry of this.timers) if (first === undefined || entry[1].dueMs < first[1].dueMs) first = entry;
    return first;
  }

  private fire([id, timer]: [number, Timer]): void {
    this.now = Math.max(this.now, timer.dueMs);
    if (timer.everyMs === undefined) this.timers.delete(id);
    else timer.dueMs = this.now + timer.everyMs;
    timer.run();
  }
}
