import { unlink } from 'node:fs/promises';
import { ApiError, systemErrorCode } from '../../common/errors.ts';
import type { Logger } from '../../common/log.ts';
import type { ListingStore, ObjectRow } from '../../container-server/contract.ts';
import type { ListingReport, ObjectTarget } from '../contract.ts';

export interface ReporterDeps {
  listingStoreAt(address: { ip: string; port: number }): Pick<ListingStore, 'applyObjectRows'>;
  logger: Logger;
  timeoutMs: number;
}

export interface ListingUpdate {
  target: ObjectTarget;
  listing: ListingReport;
  row: ObjectRow;
  /** Removed once the container replica has the row durably. */
  pendingPath: string;
  /** What to do when there is no such container, before the pending update goes. Its error is the caller's, if still waiting. */
  takeBack(cause: ApiError): Promise<void>;
}

/** Sends the listing update of a write that has just become visible, beside the caller who waits for it within a bound. */
export class ListingReporter {
  private readonly deps: ReporterDeps;
  private readonly sending = new Set<Promise<void>>();

  constructor(deps: ReporterDeps) {
    this.deps = deps;
  }

  /**
   * Resolves when the row is listed, or at the bound, or when the container replica cannot be asked: the updater sends the pending
   * update later.
   * @throws what `takeBack` throws, if that is known within the bound.
   */
  async report(update: ListingUpdate): Promise<void> {
    const sending = this.send(update);
    this.sending.add(sending);
    const done = () => this.sending.delete(sending);
    sending.then(done, done);
    let timer: NodeJS.Timeout | undefined;
    const bound = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.deps.timeoutMs);
    });
    try {
      await Promise.race([sending, bound]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits for what is being sent, within the bound. */
  async stop(): Promise<void> {
    await Promise.race([
      Promise.allSettled(this.sending),
      new Promise<void>((resolve) => setTimeout(resolve, this.deps.timeoutMs).unref()),
    ]);
  }

  private async send({ target, listing, row, pendingPath, takeBack }: ListingUpdate): Promise<void> {
    const { account, container } = target;
    const { device, partition } = listing;
    try {
      const store = this.deps.listingStoreAt(listing);
      await store.applyObjectRows({ device, partition, account, container }, [row]);
    } catch (error) {
      if (!isContainerGone(error)) {
        this.deps.logger.warn({ err: error, listing }, 'a listing update has to be sent again');
        return;
      }
      await this.undo(takeBack, error, pendingPath);
      return;
    }
    await forget(pendingPath);
  }

  private async undo(takeBack: ListingUpdate['takeBack'], cause: ApiError, pendingPath: string): Promise<void> {
    try {
      await takeBack(cause);
    } catch (error) {
      if (isContainerGone(error)) await forget(pendingPath); // taken back: this is the answer to the caller
      throw error;
    }
    await forget(pendingPath);
  }
}

export function isContainerGone(error: unknown): error is ApiError {
  return error instanceof ApiError && error.code === 'ContainerNotFound';
}

/** Forgetting twice, or coming back after a power cut, does no harm: updates are idempotent. */
export async function forget(pendingPath: string): Promise<void> {
  try {
    await unlink(pendingPath);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}
