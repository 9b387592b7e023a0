import type { ObjectRow } from '../../container-server/contract.ts';
import type { ListingReport, ObjectTarget } from '../contract.ts';

/** Tells container replicas of what has become visible: rows of many requests go together. */
export interface ListingUpdates {
  /**
   * Resolves when the replica has the row durably (`listed`), says that there is no such container (`gone`), or has said nothing
   * within the bound or cannot be asked (`late`): then the caller notes the update as pending in the index. Never rejects.
   */
  send(listing: ListingReport, target: ObjectTarget, row: ObjectRow): Promise<ListingAnswer>;
  /** Waits for what is being sent, within the bound. */
  stop(): Promise<void>;
}

export type ListingAnswer = 'listed' | 'gone' | 'late';
