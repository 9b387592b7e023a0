/** Bounds the file operations in flight: a hung disk holds a bounded part of the thread pool, a full queue says so at once. */
export class IoLimit {
  private readonly most: number;
  private readonly mostWaiting: number;
  private readonly refusal: () => Error;
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  constructor(most: number, mostWaiting: number, refusal: () => Error) {
    this.most = most;
    this.mostWaiting = mostWaiting;
    this.refusal = refusal;
  }

  /** Never nest calls: an operation that waits for another one's turn while it holds its own can wait for ever. */
  async run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.running >= this.most) {
      if (this.waiting.length >= this.mostWaiting) throw this.refusal();
      await new Promise<void>((resolve) => this.waiting.push(resolve)); // the turn is handed over
    } else this.running += 1;
    try {
      return await operation();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running -= 1;
    }
  }
}
