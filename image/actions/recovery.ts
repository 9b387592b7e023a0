import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log.ts';
import { FIRST_RETRY_MS, LAST_RETRY_MS } from '../limits.ts';
import type { ImageRecord } from '../records/image-record.ts';
import type { Images } from '../records/images.ts';
import { nextStatus } from '../state.ts';
import type { StoreSet } from '../stores/store-set.ts';
import type { Transfers } from './transfers.ts';

interface RecoveryDeps {
  images: Images;
  stores: StoreSet;
  transfers: Transfers;
  clock: Clock;
  logger: Logger;
}

/**
 * Brings images to rest that a crash, or a store that was away, left in the middle: an upload that nobody makes any more goes
 * back to queued and a deletion goes on, each after the bytes are gone. Every step may be done again.
 */
export class Recovery {
  private readonly deps: RecoveryDeps;
  private timer: NodeJS.Timeout | undefined;
  private pass: Promise<void> = Promise.resolve();
  private pauseMs = FIRST_RETRY_MS;
  private stopped = false;

  constructor(deps: RecoveryDeps) {
    this.deps = deps;
  }

  /** Settles what lies in local files at once; other stores may not answer yet, and are tried from now on. */
  async start(): Promise<void> {
    if (await this.settleAll((image) => this.isLocal(image))) return;
    this.schedule(0);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.pass;
  }

  /** Tries again later, because a store refused to delete just now. */
  schedule(pauseMs = this.pauseMs): void {
    if (this.timer || this.stopped) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.pass = this.retry();
    }, pauseMs).unref();
  }

  private async retry(): Promise<void> {
    const done = await this.settleAll(() => true).catch((error: unknown) => {
      this.deps.logger.error({ err: error }, 'image recovery failed');
      return false;
    });
    this.pauseMs = done ? FIRST_RETRY_MS : Math.min(this.pauseMs * 2, LAST_RETRY_MS);
    if (!done) this.schedule();
  }

  /** @returns whether nothing is left to do. */
  private async settleAll(concerns: (image: ImageRecord) => boolean): Promise<boolean> {
    let done = true;
    for (const image of await this.deps.images.listUnfinished()) {
      if (this.stopped || (image.transfer && this.deps.transfers.isRunning(image.transfer.id))) continue;
      done = (await this.trySettle(image, concerns)) && done;
    }
    return done;
  }

  private async trySettle(image: ImageRecord, concerns: (image: ImageRecord) => boolean): Promise<boolean> {
    try {
      if (!concerns(image)) return false;
      if (image.status === 'pending_delete') await this.finishDeletion(image);
      else await this.undoTransfer(image);
      return true;
    } catch (error) {
      this.deps.logger.warn({ err: error, image: image.id }, 'an image could not be cleaned up yet');
      return false;
    }
  }

  /** Removes the bytes of an image that is marked for deletion, then its record: a crash between the two is picked up here again. */
  async finishDeletion(image: ImageRecord): Promise<void> {
    for (const { store, location } of image.data?.copies ?? []) await this.deps.stores.byId(store).delete(location);
    if (image.transfer) await this.deps.stores.byId(image.transfer.store).discard(image.id);
    await this.deps.images.remove(image.id, this.deps.clock.nowMs());
  }

  /** Removes what a failed transfer left, then lets the image be uploaded again: the id's bytes are gone before it is free. */
  async undoTransfer({ id, transfer }: ImageRecord): Promise<void> {
    if (!transfer) return;
    const current = await this.deps.images.get(id);
    if (current && current.transfer?.id !== transfer.id) return; // it had succeeded after all, and the bytes are the image's
    await this.deps.stores.byId(transfer.store).discard(id);
    await this.deps.images.update(id, (image) => {
      const status = nextStatus(image.status, 'failed');
      if (status === undefined || image.transfer?.id !== transfer.id) return undefined;
      return { ...image, status, transfer: null };
    });
  }

  private isLocal({ data, transfer }: ImageRecord): boolean {
    const stores = [...(data?.copies ?? []), ...(transfer ? [transfer] : [])].map(({ store }) => store);
    return stores.every((store) => this.deps.stores.byId(store).kind === 'file');
  }
}
