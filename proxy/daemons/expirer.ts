import type { Logger } from '../../common/log.ts';
import { expiryContainers, expiryRows, forgetExpiry } from '../actions/note-expiry.ts';
import { type Removal, removeAsOf, removeExpiring } from '../actions/remove-expired.ts';
import { removeContainer } from '../actions/write-listing.ts';
import type { Cluster } from '../backend/cluster.ts';
import { EXPIRY_ACCOUNT, type ExpiringObject, parseExpiryRow } from '../backend/expiry-queue.ts';
import type { KnownContainers } from '../backend/known-containers.ts';
import { isRefusal } from '../errors.ts';
import { concurrently } from '../features/concurrently.ts';
import { EXPIRER_CONCURRENCY, EXPIRER_CONTAINERS_PER_PAGE, EXPIRER_ROWS_PER_PAGE } from '../limits.ts';
import type { Duty } from './duty.ts';
import { Rounds } from './rounds.ts';

export interface ExpirerDeps {
  cluster: Cluster;
  containers: Pick<KnownContainers, 'find'>;
  duty: Duty;
  logger: Logger;
  /** From the end of one round to the next, ms. */
  intervalMs: number;
}

/** What one round has done, objects. */
export interface ExpirerRound {
  removed: number;
  /** Notes of what was gone, or goes at another time. */
  outdated: number;
  /** Tried again in the next round. */
  failed: number;
}

/**
 * Removes objects whose `X-Delete-At` has passed: nobody can read them any more, but they take space and stand in listings.
 *
 * Each container of notes is one node's (`duty.ts`).
 */
export class Expirer {
  private readonly deps: ExpirerDeps;
  private readonly rounds: Rounds;

  constructor(deps: ExpirerDeps) {
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

  /** Works through all notes whose moment has passed. Never rejects. */
  async round(): Promise<ExpirerRound> {
    const { cluster, duty, logger } = this.deps;
    const done: ExpirerRound = { removed: 0, outdated: 0, failed: 0 };
    const nowSeconds = cluster.clock.nowMs() / 1000;
    try {
      for (let marker = ''; ; ) {
        const page = await expiryContainers(cluster, marker, EXPIRER_CONTAINERS_PER_PAGE);
        for (const container of page) {
          if (this.rounds.isStopped || Number(container) > nowSeconds) return done;
          if (await duty.isOurs(EXPIRY_ACCOUNT, container)) await this.workThrough(container, nowSeconds, done);
          marker = container;
        }
        if (page.length < EXPIRER_CONTAINERS_PER_PAGE) return done;
      }
    } catch (error) {
      logger.warn({ err: error }, 'the notes of expiring objects could not be read');
      return done;
    } finally {
      if (done.removed + done.failed > 0) logger.info(done, 'expired objects were removed');
    }
  }

  private async workThrough(container: string, untilSeconds: number, done: ExpirerRound): Promise<void> {
    const { cluster } = this.deps;
    const failedBefore = done.failed;
    for (let marker = ''; ; ) {
      const page = await expiryRows(cluster, container, marker, EXPIRER_ROWS_PER_PAGE);
      const due = page.filter((name) => Number(name.slice(0, 10)) <= untilSeconds);
      await concurrently(due, EXPIRER_CONCURRENCY, (name) => this.expire(container, name, done));
      if (due.length < page.length || this.rounds.isStopped) return;
      if (page.length < EXPIRER_ROWS_PER_PAGE) break;
      marker = page.at(-1) ?? '';
    }
    // Of a day that is over nothing more is to come.
    if (done.failed === failedBefore && Number(container) + SECONDS_UNTIL_OVER < untilSeconds)
      await removeContainer(cluster, { account: EXPIRY_ACCOUNT, container }).catch(() => undefined);
  }

  private remove(expiring: ExpiringObject & { deleteAt: string }, policyIndex: number): Promise<Removal> {
    const { cluster } = this.deps;
    const { deleteAt, ...path } = expiring;
    const name = { ...path, policyIndex };
    return deleteAt.includes('.')
      ? removeAsOf(cluster, name, deleteAt)
      : removeExpiring(cluster, name, Number(deleteAt));
  }

  private async expire(container: string, name: string, done: ExpirerRound): Promise<void> {
    if (this.rounds.isStopped) return;
    const { cluster, containers, logger } = this.deps;
    try {
      const expiring = parseExpiryRow(name);
      const known = expiring && (await containers.find(expiring.account, expiring.container));
      const removal = expiring && known && (await this.remove(expiring, known.policyIndex).catch(ignoreGone));
      await forgetExpiry(cluster, container, name);
      if (removal === 'removed') done.removed += 1;
      else done.outdated += 1;
    } catch (error) {
      done.failed += 1;
      logger.warn({ err: error, name }, 'an expired object could not be removed');
    }
  }
}

/** A container's notes are of one day, which begins up to 99 s after what the container is called. */
const SECONDS_UNTIL_OVER = 2 * 86_400;

function ignoreGone(error: unknown): undefined {
  if (!isRefusal(error, 'NotFound') && !isRefusal(error, 'ContainerNotFound')) throw error;
}
