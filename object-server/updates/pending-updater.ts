import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log.ts';
import type { ListingStore, ObjectRow, ObjectUpdate, UpdateOutcome } from '../../container-server/contract.ts';
import type { ReplicaOfListing } from '../contract.ts';
import { FIRST_BACKOFF_MS, MOST_BACKOFF_MS, UPDATES_PER_STEP } from '../limits.ts';
import type { PendingSource, PendingUpdate } from './contract.ts';

export interface PendingUpdaterDeps {
  /** For the log. */
  device: string;
  source: PendingSource;
  listingStoreAt(address: { ip: string; port: number }): Pick<ListingStore, 'applyObjectUpdates'>;
  clock: Clock;
  logger: Logger;
}

type Replica = ReplicaOfListing;

/** An update with what is true now, and what its container's replicas said. */
interface Sending {
  update: PendingUpdate;
  row: ObjectRow;
  outcomes: UpdateOutcome[number][];
}

/** What goes to one address: each update with the replicas there. */
interface Shipment {
  address: { ip: string; port: number };
  parts: { sending: Sending; replicas: Replica[] }[];
}

/**
 * Sends the listing updates of one device that were noted as pending to all replicas of their containers, telling what is true now,
 * not what the update once said.
 */
export class PendingUpdater {
  private readonly deps: PendingUpdaterDeps;
  /** Replicas that failed, and until when they are left alone. */
  private readonly backoff = new Map<string, { untilMs: number; delayMs: number }>();
  private sweeping: Promise<void> | undefined;

  constructor(deps: PendingUpdaterDeps) {
    this.deps = deps;
  }

  /** One pass over all pending updates; a pass that runs is shared. Never rejects. */
  sweep(): Promise<void> {
    this.sweeping ??= this.pass()
      .catch((error: unknown) =>
        this.deps.logger.error({ err: error, device: this.deps.device }, 'pending listing updates cannot be sent'),
      )
      .finally(() => {
        this.sweeping = undefined;
      });
    return this.sweeping;
  }

  /** Resolves when no pass runs. */
  async idle(): Promise<void> {
    await this.sweeping;
  }

  private async pass(): Promise<void> {
    const { source } = this.deps;
    let after: Buffer | undefined;
    do {
      const step = await source.next(after, UPDATES_PER_STEP);
      const rows = await Promise.all(step.updates.map(({ target }) => source.currentRow(target)));
      const done: PendingUpdate[] = [];
      const sendings: Sending[] = [];
      step.updates.forEach((update, index) => {
        const row = rows[index];
        if (row === undefined)
          done.push(update); // gone for good: there is nothing to tell
        else if (row !== 'unreadable') sendings.push({ update, row, outcomes: [] });
      });
      await this.sendAll(sendings);
      for (const sending of sendings) if (await this.settle(sending)) done.push(sending.update);
      if (done.length > 0) await source.forget(done);
      after = step.after;
    } while (after !== undefined);
  }

  private async sendAll(sendings: readonly Sending[]): Promise<void> {
    const shipments = new Map<string, Shipment>();
    for (const sending of sendings) {
      const parts = new Map<string, Shipment['parts'][number]>();
      const { others, ...first } = sending.update.listing;
      for (const replica of [first, ...(others ?? [])]) {
        if (this.isPaused(replica)) {
          sending.outcomes.push('failed');
          continue;
        }
        const { ip, port } = replica;
        const key = `${ip}|${port}`;
        const part = parts.get(key);
        if (part !== undefined) {
          part.replicas.push(replica);
          continue;
        }
        const added = { sending, replicas: [replica] };
        parts.set(key, added);
        const shipment = shipments.get(key);
        if (shipment === undefined) shipments.set(key, { address: { ip, port }, parts: [added] });
        else shipment.parts.push(added);
      }
    }
    await Promise.all([...shipments.values()].map((shipment) => this.ship(shipment)));
  }

  private async ship({ address, parts }: Shipment): Promise<void> {
    const outcomes = await this.ask(
      address,
      parts.map(({ sending: { update, row }, replicas }) => ({
        replicas: replicas.map(({ device, partition }) => ({ device, partition })),
        account: update.target.account,
        container: update.target.container,
        row,
      })),
    );
    const failed = new Map<string, Replica>();
    const answered = new Map<string, Replica>();
    parts.forEach(({ sending, replicas }, index) => {
      replicas.forEach((replica, position) => {
        const outcome = outcomes[index]?.[position] ?? 'failed';
        sending.outcomes.push(outcome);
        (outcome === 'failed' ? failed : answered).set(nameOf(replica), replica);
      });
    });
    for (const name of answered.keys()) if (!failed.has(name)) this.backoff.delete(name);
    for (const replica of failed.values()) this.pause(replica);
  }

  private async ask(address: Shipment['address'], updates: readonly ObjectUpdate[]): Promise<UpdateOutcome[]> {
    try {
      return await this.deps.listingStoreAt(address).applyObjectUpdates(updates);
    } catch (error) {
      this.deps.logger.warn({ err: error, ...address }, 'listing updates have to be sent again');
      return [];
    }
  }

  /**
   * An update goes when every replica of its container has answered. One that all of them know no container for is taken back; a
   * single replica without the container was away when it was made, and will have both from its peers.
   *
   * @returns whether it is done with.
   */
  private async settle({ update, outcomes }: Sending): Promise<boolean> {
    if (outcomes.includes('failed')) return false;
    if (outcomes.every((outcome) => outcome === 'gone')) await this.deps.source.takeBack(update);
    return true;
  }

  private isPaused(replica: Replica): boolean {
    return (this.backoff.get(nameOf(replica))?.untilMs ?? 0) > this.deps.clock.nowMs();
  }

  private pause(replica: Replica): void {
    const name = nameOf(replica);
    const delayMs = Math.min((this.backoff.get(name)?.delayMs ?? FIRST_BACKOFF_MS / 2) * 2, MOST_BACKOFF_MS);
    this.backoff.set(name, { untilMs: this.deps.clock.nowMs() + delayMs, delayMs });
    this.deps.logger.warn({ replica, delayMs }, 'a container replica is left alone for a while');
  }
}

function nameOf({ ip, port, device }: Replica): string {
  return `${ip}|${port}|${device}`;
}
