import { MOST_CONCURRENT_BUILDS } from './limits.ts';

/** Ends an operation that somebody interrupted: it undoes nothing, because who interrupted it (or the next start) takes over. */
class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
}

interface Queue {
  tail: Promise<void>;
  /** Of the operation that runs and of those that wait. */
  aborts: Set<AbortController>;
}

/** Long operations on servers: one at a time per server, in order; those that build take turns. */
export class ServerOperations {
  private readonly queues = new Map<string, Queue>();
  private readonly builders: (() => void)[] = [];
  private builds = 0;
  private stopped = false;

  /** Does `work` after what is under way for this server. It must not throw: it records how it ended. */
  run(serverId: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.stopped) return Promise.resolve();
    const queue = this.queues.get(serverId) ?? { tail: Promise.resolve(), aborts: new Set() };
    this.queues.set(serverId, queue);
    const abort = new AbortController();
    queue.aborts.add(abort);
    queue.tail = queue.tail
      .then(() => (abort.signal.aborted ? undefined : work(abort.signal)))
      .finally(() => {
        queue.aborts.delete(abort);
        if (queue.aborts.size === 0) this.queues.delete(serverId);
      });
    return queue.tail;
  }

  /** Aborts what runs and drops what waits for this server; what is asked for from now on runs after it has ended. */
  interrupt(serverId: string): void {
    for (const abort of this.queues.get(serverId)?.aborts ?? []) abort.abort(new InterruptedError('interrupted'));
  }

  isBusy(serverId: string): boolean {
    return this.queues.has(serverId);
  }

  /** Does `work` when fewer than `MOST_CONCURRENT_BUILDS` do theirs. */
  async build<T>(work: () => Promise<T>): Promise<T> {
    if (this.builds >= MOST_CONCURRENT_BUILDS) await new Promise<void>((resolve) => this.builders.push(resolve));
    else this.builds += 1;
    try {
      return await work();
    } finally {
      const next = this.builders.shift();
      if (next) next();
      else this.builds -= 1;
    }
  }

  /** Interrupts everything; nothing begins any more. */
  interruptAll(): void {
    this.stopped = true;
    for (const serverId of this.queues.keys()) this.interrupt(serverId);
  }

  /** Waits until what runs has ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.queues.values()].map(({ tail }) => tail));
  }
}
