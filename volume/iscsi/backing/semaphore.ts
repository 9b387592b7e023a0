/** Lets a fixed amount through at once; who waits is served in order of arrival. */
export class Semaphore {
  readonly #capacity: number;
  #taken = 0;
  readonly #waiting: { amount: number; go: () => void }[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Runs `work` while holding one unit. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#taken < this.#capacity && this.#waiting.length === 0) this.#taken += 1;
    else await this.acquire(1);
    try {
      return await work();
    } finally {
      this.release(1);
    }
  }

  /** Takes `amount` units, more than there are counting as all of them; whoever takes gives back the same amount. */
  async acquire(amount: number): Promise<void> {
    const units = Math.min(amount, this.#capacity);
    if (this.#waiting.length === 0 && this.#taken + units <= this.#capacity) {
      this.#taken += units;
      return;
    }
    await new Promise<void>((go) => this.#waiting.push({ amount: units, go }));
  }

  release(amount: number): void {
    this.#taken -= Math.min(amount, this.#capacity);
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (this.#taken + first.amount > this.#capacity) return;
      this.#taken += first.amount;
      this.#waiting.shift();
      first.go();
    }
  }
}
