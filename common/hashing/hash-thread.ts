import type { createHash, Hash } from 'node:crypto';
import { type MessagePort, Worker } from 'node:worker_threads';
import { youngGeneration } from '../memory/young-generation.ts';

/** A digest that grows piece by piece. */
export interface StreamedHash {
  /** Resolves when the piece's memory may be used again. One call at a time. @param piece of shared memory. */
  update(piece: Uint8Array): Promise<void>;
  /** Lower case hex. Ends it. */
  digest(): Promise<string>;
  /** Forgets it; harmless after the end. */
  drop(): void;
}

type Order = { id: number; work: 'update'; piece: Uint8Array } | { id: number; work: 'digest' | 'drop' };
type Answer = { id: number; digest?: string };

/**
 * MD5 in a thread of its own: 1.5 ms for each MiB that the event loop has for others. Starts with its first use and does not keep the
 * process alive. Where it ends unexpectedly, what it was asked is refused, and the next use starts another.
 */
export class HashThread {
  private worker: Worker | undefined;
  private lastId = 0;
  private readonly waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();

  begin(): StreamedHash {
    this.lastId += 1;
    const id = this.lastId;
    const worker = this.running();
    let ended = false;
    return {
      update: async (piece) => void (await this.ask(worker, { id, work: 'update', piece })),
      digest: async () => {
        ended = true;
        const { digest } = await this.ask(worker, { id, work: 'digest' });
        return digest ?? '';
      },
      drop: () => {
        if (!ended) worker.postMessage({ id, work: 'drop' } satisfies Order);
        ended = true;
      },
    };
  }

  async stop(): Promise<void> {
    await this.worker?.terminate();
  }

  /** @param worker the one that the hash was begun in: another one knows nothing of it. */
  private ask(worker: Worker, order: Order): Promise<Answer> {
    if (worker !== this.worker) return Promise.reject(new Error('the hash thread has ended'));
    return new Promise((resolve, reject) => {
      this.waiting.set(order.id, { resolve, reject });
      worker.ref(); // as long as somebody waits
      worker.postMessage(order);
    });
  }

  private running(): Worker {
    if (this.worker) return this.worker;
    const worker = new Worker(
      `(${hashPieces})(require('node:worker_threads').parentPort, require('node:crypto').createHash)`,
      {
        eval: true, // it needs nothing but Node's own modules: the same text runs compiled or not
        name: 'martlet-hash',
        resourceLimits: { ...youngGeneration(1), maxOldGenerationSizeMb: 16 },
      },
    );
    let failure: Error | undefined;
    worker.on('message', (answer: Answer) => {
      const asker = this.waiting.get(answer.id);
      this.waiting.delete(answer.id);
      if (this.waiting.size === 0) worker.unref();
      asker?.resolve(answer);
    });
    worker.on('error', (error) => {
      failure = error;
    });
    worker.on('exit', () => {
      this.worker = undefined;
      const error = new Error('the hash thread ended', { cause: failure });
      for (const { reject } of this.waiting.values()) reject(error);
      this.waiting.clear();
    });
    worker.unref();
    this.worker = worker;
    return worker;
  }
}

let thread: HashThread | undefined;

/** The hash thread of this thread. */
export function hashThread(): HashThread {
  thread ??= new HashThread();
  return thread;
}

/** What runs there. It goes as text: nothing outside of it exists where it runs. */
function hashPieces(port: MessagePort, newHash: typeof createHash): void {
  const hashes = new Map<number, Hash>();
  port.on('message', (order: Order) => {
    const { id, work } = order;
    const hash = hashes.get(id) ?? newHash('md5');
    if (work === 'drop') {
      hashes.delete(id);
    } else if (work === 'update') {
      hashes.set(id, hash.update(order.piece));
      port.postMessage({ id });
    } else {
      hashes.delete(id);
      port.postMessage({ id, digest: hash.digest('hex') });
    }
  });
}
