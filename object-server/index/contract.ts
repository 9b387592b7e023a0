import type { Timestamp } from '../../common/timestamp.ts';
import type { ListingReport } from '../contract.ts';
import type { Location, VersionKind } from '../slab/contract.ts';

/**
 * The index of one device: for each version of an object, where its needle is. Versions are keys of their own, so that writers on
 * any thread only insert. Spec: docs/formats/object-index.md
 *
 * Promises of every implementation:
 * - `put` is all or nothing, seen by every thread when it resolves, and may be lost by a crash until a `flush` that was called
 *   after it resolved has resolved; what is lost may be any subset of such puts.
 */
export interface VersionIndex {
  /** Nothing was there when it was opened: whatever a checkpoint says, every needle has to be put again. */
  readonly fresh: boolean;
  /** All versions of one object, newest first; those of one time: tombstone, data, metadata, then the greater tie. */
  versions(object: ObjectKey): Promise<IndexedVersion[]>;
  /** The same down to the newest data or tombstone: what the fold is made of. Costs no more where much has been overwritten. */
  newest(object: ObjectKey): Promise<IndexedVersion[]>;
  /** `newest` of each of many objects, for less: what has come since this was called may be missing. */
  newestOf(objects: readonly ObjectKey[]): Promise<IndexedVersion[][]>;
  /** What there is of one version, wherever it is. */
  find(object: ObjectKey, version: VersionIdentity): Promise<IndexedVersion | undefined>;
  /** `find` for each of many. */
  findAll(wanted: readonly { object: ObjectKey; version: VersionIdentity }[]): Promise<(IndexedVersion | undefined)[]>;
  put(changes: readonly IndexChange[]): Promise<void>;
  flush(): Promise<void>;
  /** Bytes that the next `flush` may have to write. On a disk with less room it must not be called: no `put` might succeed after it. */
  bytesToFlush(): Promise<number>;
  /** All versions in the order of their keys, from `after` (exclusive) on, at most `limit`. */
  scan(after: Buffer | undefined, limit: number): Promise<ScannedVersion[]>;
  /** Listing updates that wait to be sent, oldest first, at most `limit`, after `after` (exclusive). */
  pending(after: Buffer | undefined, limit: number): Promise<PendingEntry[]>;
  close(): Promise<void>;
}

/** Policy, partition, and 16 bytes of a keyed hash of the full name. */
export interface ObjectKey {
  policyIndex: number;
  partition: number;
  hash: Buffer;
}

export interface VersionIdentity {
  kind: VersionKind;
  timestamp: Timestamp;
  tie: string;
}

export interface IndexedVersion extends VersionIdentity {
  /** Metadata that carries a content type. */
  typed: boolean;
  /** The body is a file of its own. */
  large: boolean;
  /** The needle, or its file, was found damaged. It hides what it superseded, until the same version is put again. */
  damaged: boolean;
  /** It surely has no `X-Delete-At`: whether the object has expired need not be read. */
  lasting: boolean;
  location: Location;
}

export interface ScannedVersion {
  /** To go on from. */
  key: Buffer;
  object: ObjectKey;
  version: IndexedVersion;
}

export interface PendingEntry {
  key: Buffer;
  object: ObjectKey;
  version: IndexedVersion;
  listing: ListingReport;
}

export type IndexChange =
  | { change: 'put'; object: ObjectKey; version: IndexedVersion }
  | { change: 'remove'; object: ObjectKey; version: IndexedVersion }
  | { change: 'put-pending'; object: ObjectKey; version: IndexedVersion; listing: ListingReport }
  | { change: 'remove-pending'; key: Buffer };
