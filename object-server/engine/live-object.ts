import type { ObjectState } from '../contract.ts';
import type { IndexedVersion, ObjectKey } from '../index/contract.ts';
import type { Fold } from './fold.ts';

/** Metadata that says when an object expires, seconds since the epoch. */
export const DELETE_AT = 'x-delete-at';

/** An object with data, as it was found when its name's slot of `share.changes` stood at `changes`. */
export interface LiveObject {
  key: ObjectKey;
  slot: number;
  changes: number;
  partition: number;
  fold: Fold<IndexedVersion>;
  base: IndexedVersion;
  state: ObjectState;
  /** Of `X-Delete-At`, milliseconds since the epoch; infinite where there is none. */
  deleteAtMs: number;
  /** Of the file that has the body; undefined where the needle has it. */
  fileName: string | undefined;
  /** Its needle went past the page cache and has not been read since: who reads it waits for the disk. */
  isCold: boolean;
}
