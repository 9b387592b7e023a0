/** Work that is done again and again, each time an interval after its last end, until it is stopped. */
export class Rounds {
  /** Rounds that run look at it, and end soon. */
  isStopped = false;
  private readonly intervalMs: number;
  private readonly round: () => Promise<unknown>;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<unknown> = Promise.resolve();

  /** @param round never rejects. */
  constructor(intervalMs: number, round: () => Promise<unknown>) {
    this.intervalMs = intervalMs;
    this.round = round;
  }

  start(): void {
    this.timer = setTimeout(() => {
      this.running = this.round().finally(() => {
        if (!this.isStopped) this.start();
      });
    }, this.intervalMs);
    this.timer.unref();
  }

  /** No further round begins from here on; `ended` waits for the one that runs. */
  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  async ended(): Promise<void> {
    await this.running;
  }
}
