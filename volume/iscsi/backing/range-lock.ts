interface Holder {
  from: number;
  to: number;
  exclusive: boolean;
  released: Promise<void>;
}

/**
 * Keeps commands that read, decide and write (COMPARE AND WRITE, ORWRITE) apart from each other and from plain writes to the same
 * bytes. Plain writes share: the order of two overlapping ones is the initiator's business.
 */
export class RangeLock {
  readonly #holders = new Set<Holder>();

  /** Runs `work` once no earlier claim stands against it. Claims that conflict are served in order of arrival. */
  async run<T>(range: { from: number; to: number; exclusive: boolean }, work: () => Promise<T>): Promise<T> {
    let release = () => {};
    const holder: Holder = {
      ...range,
      released: new Promise((resolve) => {
        release = resolve;
      }),
    };
    const earlier = [...this.#holders].filter((other) => conflict(other, range)).map(({ released }) => released);
    this.#holders.add(holder);
    try {
      if (earlier.length > 0) await Promise.all(earlier);
      return await work();
    } finally {
      this.#holders.delete(holder);
      release();
    }
  }
}

function conflict(a: Pick<Holder, 'from' | 'to' | 'exclusive'>, b: typeof a): boolean {
  return (a.exclusive || b.exclusive) && a.from < b.to && b.from < a.to;
}
