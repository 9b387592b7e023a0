import type { Logger } from '../../common/log.ts';
import { MOST_RUNNING_JOBS } from '../limits.ts';

export interface Job {
  volumeId: string;
  /** Token of the user who asked; undefined after a restart. */
  token: string | undefined;
  /** The operation began in an earlier life of the process: what it did already is unknown. */
  resumed: boolean;
  /** Aborted when the service stops: the operation stays recorded and goes on at the next start. */
  signal: AbortSignal;
}

export interface JobRunnerOptions {
  execute(job: Job): Promise<void>;
  logger: Logger;
}

/** Runs the recorded operations of volumes, a bounded number at a time. What is to do lies in the store, not here. */
export class JobRunner {
  private readonly options: JobRunnerOptions;
  private readonly waiting: Job[] = [];
  private readonly running = new Set<Promise<void>>();
  private readonly stopping = new AbortController();

  constructor(options: JobRunnerOptions) {
    this.options = options;
  }

  start(volumeId: string, token?: string): void {
    this.add({ volumeId, token, resumed: false, signal: this.stopping.signal });
  }

  resume(volumeId: string): void {
    this.add({ volumeId, token: undefined, resumed: true, signal: this.stopping.signal });
  }

  /** Ends what runs at its next safe point; returns when nothing runs any more. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error('the volume service stops'));
    this.waiting.length = 0;
    await Promise.all(this.running);
  }

  /** Returns when nothing is running or waiting. */
  async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.race(this.running);
  }

  private add(job: Job): void {
    if (this.stopping.signal.aborted) return;
    this.waiting.push(job);
    this.fillSlots();
  }

  private fillSlots(): void {
    while (this.running.size < MOST_RUNNING_JOBS) {
      const job = this.waiting.shift();
      if (!job) return;
      const run: Promise<void> = this.run(job).finally(() => {
        this.running.delete(run);
        this.fillSlots();
      });
      this.running.add(run);
    }
  }

  private async run(job: Job): Promise<void> {
    try {
      await this.options.execute(job);
    } catch (error) {
      if (job.signal.aborted) return;
      this.options.logger.error({ err: error, volumeId: job.volumeId }, 'an operation of a volume could not be ended');
    }
  }
}
