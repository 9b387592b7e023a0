import { TAKEN_CHECK_MS } from './limits.ts';
import type { TakenRows } from './taken-rows.ts';

interface Watched {
  ticket: number;
  /** By performance.now(). */
  untilMs: number;
  then: (durable: boolean) => void;
}

/** Tells those who sent rows when these are durable: one look at shared memory for all that wait. */
export class WrittenWatch {
  private readonly taken: TakenRows;
  private readonly timeoutMs: number;
  /** By device, in the order of their tickets. */
  private readonly queues = new Map<string, Watched[]>();
  private readonly whenIdle: (() => void)[] = [];
  private timer: NodeJS.Timeout | undefined;

  /** @param timeoutMs after it, rows that are not durable are their sender's to tell again. */
  constructor(taken: TakenRows, timeoutMs: number) {
    this.taken = taken;
    this.timeoutMs = timeoutMs;
  }

  /** @param then is called once: whether the device's rows of that ticket are durable, or nobody knows. */
  watch(device: string, ticket: number, then: (durable: boolean) => void): void {
    let queue = this.queues.get(device);
    if (queue === undefined) {
      queue = [];
      this.queues.set(device, queue);
    }
    queue.push({ ticket, untilMs: performance.now() + this.timeoutMs, then });
    this.timer ??= setTimeout(() => this.look(), TAKEN_CHECK_MS);
  }

  /** Every watch ends within the bound. */
  async idle(): Promise<void> {
    while (this.timer !== undefined)
      await new Promise<void>((resolve) => {
        this.whenIdle.push(resolve);
      });
  }

  private look(): void {
    const nowMs = performance.now();
    let isWaiting = false;
    for (const [device, queue] of this.queues) {
      let ended = 0;
      for (const { ticket, untilMs, then } of queue) {
        const isWritten = this.taken.isWritten(device, ticket);
        if (!isWritten && untilMs > nowMs) break;
        ended += 1;
        then(isWritten);
      }
      if (ended > 0) queue.splice(0, ended);
      if (queue.length > 0) isWaiting = true;
    }
    this.timer = isWaiting ? setTimeout(() => this.look(), TAKEN_CHECK_MS) : undefined;
    if (!isWaiting) for (const resolve of this.whenIdle.splice(0)) resolve();
  }
}
