import type { Logger } from '../../common/log.ts';
import { forgetLifecycle, LIFECYCLE_SHARES, notedLifecycles } from '../actions/note-lifecycle.ts';
import type { Cluster } from '../backend/cluster.ts';
import { EXPIRER_CONTAINERS_PER_PAGE } from '../limits.ts';
import { requestOfRules } from '../s3/lifecycle/caller.ts';
import { type SweepCount, sweepBucket } from '../s3/lifecycle/sweep.ts';
import type { S3Services } from '../s3/message.ts';
import type { Duty } from './duty.ts';
import { Rounds } from './rounds.ts';

export interface LifecycleDeps {
  cluster: Cluster;
  services: S3Services;
  duty: Duty;
  logger: Logger;
  /** That may do everything in its own project. */
  operatorRole: string;
  /** From the end of one round to the next, ms. */
  intervalMs: number;
}

/**
 * Removes what the lifecycle rules of S3 buckets say is due.
 *
 * Each bucket is one node's (`duty.ts`). A round that a crash ends is begun again: nothing is kept of where it was.
 */
export class Lifecycle {
  private readonly deps: LifecycleDeps;
  private readonly rounds: Rounds;

  constructor(deps: LifecycleDeps) {
    this.deps = deps;
    this.rounds = new Rounds(deps.intervalMs, () => this.round());
  }

  start(): void {
    this.rounds.start();
  }

  /** Resolves when nothing is under way any more: soon, for no new object is begun. */
  async stop(): Promise<void> {
    this.rounds.stop();
    await this.rounds.ended();
  }

  /** Walks through all buckets that are noted. Never rejects. */
  async round(): Promise<SweepCount> {
    const { cluster, logger } = this.deps;
    const done: SweepCount = { removed: 0, outdated: 0, failed: 0 };
    try {
      for (const share of LIFECYCLE_SHARES) {
        for (let marker = ''; ; ) {
          const page = await notedLifecycles(cluster, share, marker, EXPIRER_CONTAINERS_PER_PAGE);
          for (const name of page) {
            if (this.rounds.isStopped) return done;
            await this.sweep(share, name, done);
          }
          if (page.length < EXPIRER_CONTAINERS_PER_PAGE) break;
          marker = page.at(-1) ?? '';
        }
      }
    } catch (error) {
      logger.warn({ err: error }, 'the notes of buckets with lifecycle rules could not be read');
    }
    if (done.removed + done.failed > 0) logger.info(done, 'objects were removed by the rules of their buckets');
    return done;
  }

  /** Never rejects: a bucket that cannot be read keeps no other from its turn. */
  private async sweep(share: string, name: string, done: SweepCount): Promise<void> {
    const { cluster, services, duty, logger, operatorRole } = this.deps;
    const [account = '', bucket = ''] = name.split('/');
    if (!(await duty.isOurs(account, bucket))) return;
    const nowMs = cluster.clock.nowMs();
    const request = { ...requestOfRules(account, bucket, { role: operatorRole, log: logger }), bucket };
    try {
      const isStopped = () => this.rounds.isStopped;
      const hasRules = await sweepBucket({ request, services, nowMs, done, isStopped });
      if (!hasRules) await forgetLifecycle(cluster, share, name);
    } catch (error) {
      logger.warn({ err: error, account, bucket }, 'a bucket with lifecycle rules could not be walked through');
    }
  }
}
