import type { Timestamp } from '../../common/timestamp.ts';
import type { ObjectRow } from '../../container-server/contract.ts';
import type { ListingReport, ObjectTarget } from '../contract.ts';
import type { VersionKind } from '../slab/contract.ts';

/** Tells container replicas of what has become visible: rows of many requests go together. */
export interface ListingUpdates {
  /**
   * Resolves when the replica has the row durably (`listed`), or shows it and will have it durably (`Taken`); says that there is no such
   * container (`gone`); or has said nothing within the bound or cannot be asked (`late`): then the caller notes the update as pending in
   * the index. Never rejects.
   */
  send(listing: ListingReport, target: ObjectTarget, row: ObjectRow): Promise<ListingAnswer>;
  /** Waits for what is being sent, within the bound. */
  stop(): Promise<void>;
}

export type ListingAnswer = 'listed' | 'gone' | 'late' | Taken;

/** Every reader of the container sees the row. Until it is known to be durable, its needle has to remain what a crash replays. */
export interface Taken {
  /** @param then is called once: whether it is durable, or the update has to be noted as pending. */
  whenWritten(then: (durable: boolean) => void): void;
}

/** The listing updates of one device that were noted as pending, and what the updater needs to know to send them. The engine's. */
export interface PendingSource {
  /**
   * Updates that wait, in the order of their keys, from `after` (exclusive) on, at most `limit` of the index's entries. Those whose
   * needle cannot be read are left out; the source forgets them itself, once it is sure that they never can be.
   */
  next(after: Buffer | undefined, limit: number): Promise<PendingStep>;
  /**
   * What is true of the object now, the deletion included; undefined: nothing is known of it any more. `unreadable`: the disk does not
   * say now, and the update has to wait.
   */
  currentRow(target: ObjectTarget): Promise<ObjectRow | undefined | 'unreadable'>;
  /** Removes them from the index. They may come back after a crash: updates are idempotent. */
  forget(updates: readonly PendingUpdate[]): Promise<void>;
  /**
   * No replica knows the container: writes a tombstone at the version's own timestamp. Does nothing where the version is no data,
   * or no longer what the object's fold shows. Resolves when that is durable.
   */
  takeBack(update: PendingUpdate): Promise<void>;
}

export interface PendingStep {
  updates: PendingUpdate[];
  /** To go on from; undefined: there are no more. */
  after: Buffer | undefined;
}

export interface PendingUpdate {
  /** Of the entry in the index. */
  key: Buffer;
  target: ObjectTarget;
  kind: VersionKind;
  timestamp: Timestamp;
  tie: string;
  listing: ListingReport;
}
