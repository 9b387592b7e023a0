import type { Timestamp } from '../common/timestamp.ts';
import { xxh64 } from '../common/xxh64.ts';
import type { ObjectRow } from '../container-server/contract.ts';

/**
 * The objects on one node's devices, as the proxy uses them: in process for its own node, over HTTP (`client.ts`) for others.
 *
 * Promises, shown by `test/contract/object-store.ts` for every engine and for the client:
 * - An object is a set of versions; what a reader sees is their fold (`ObjectState`): the newest data or tombstone, the newest
 *   metadata after it, the content type by its own timestamp.
 * - A write that resolved survives kill -9 and power loss. A write older than what is there is refused and changes nothing.
 * - No byte is served that does not match its checksum.
 *
 * Refusals are `ApiError`s with these codes: `OlderVersion` 409 (details.timestamp: the newest one there), `ObjectExists` 412,
 * `ObjectChanged` 412, `ObjectNotFound` 404, `ContainerNotFound` 404 (the listing update found no container; the version has been taken back),
 * `ChecksumMismatch` 422, `InsufficientStorage` 507, `DeviceUnavailable` 507 (also a node that does not answer), `DeviceBusy` 503,
 * `CorruptObject` 500 (quarantined: ask another replica).
 */
export interface ObjectStore {
  /**
   * Begins a new version with data. Nothing is visible before `commit`.
   * @throws OlderVersion, ObjectExists (with `onlyIfAbsent`), ObjectChanged (with `onlyIfUnchangedSince`), InsufficientStorage,
   *   DeviceUnavailable.
   */
  create(target: ObjectTarget, version: NewObject): Promise<ObjectUpload>;
  /**
   * Stores a small object whose body is in memory, at most MOST_WHOLE_BYTES: `create`, `write` and `commit` in one step.
   * `whole.bytes` must not change before it resolves.
   * @throws what those throw.
   */
  put(target: ObjectTarget, version: NewObject, whole: WholeBody): Promise<void>;
  /**
   * What is known without waiting: the fold from memory, proved current, of an object that lives. Undefined: ask `open`, which says
   * everything else, refusals included. Only stores in this process have it.
   */
  openNow?(target: ObjectTarget): ObjectReading | undefined;
  /**
   * The fold and a way to its bytes.
   *
   * @throws ObjectNotFound (details.timestamp of the tombstone, where there is one; of an object past its `X-Delete-At`, with
   *   details.deleteAt, which the expirer goes by).
   */
  open(target: ObjectTarget): Promise<ObjectReading>;
  /** Replaces the changeable metadata. @throws ObjectNotFound, OlderVersion. @returns the fold after it. */
  setMetadata(target: ObjectTarget, change: MetadataChange): Promise<ObjectState>;
  /** Whether there is an object, without reading it where the index says enough. Only stores in this process have it. */
  exists?(target: ObjectTarget): Promise<boolean>;
  /** Writes a tombstone, whether or not data is there. @throws OlderVersion. @returns what was there: data or none. */
  remove(target: ObjectTarget, removal: ObjectRemoval): Promise<{ existed: boolean }>;
  /**
   * A page of what a device has of a policy: objects with data, in an order of its own. What is written while it is walked through may be
   * missing. @throws DeviceUnavailable.
   */
  listObjects(device: string, listing: ObjectListing): Promise<ObjectList>;
}

export interface ObjectListing {
  policyIndex: number;
  /** `after` of the page before; undefined: from the beginning. */
  after?: string | undefined;
  /** At most so many; a store may give fewer. */
  limit: number;
}

export interface ObjectList {
  objects: ListedObject[];
  /** To go on from, letters that mean nothing to others; undefined: that was all. */
  after?: string | undefined;
}

/** An object with data, as a device knows it. */
export interface ListedObject {
  partition: number;
  account: string;
  container: string;
  object: string;
  /** Of the data. */
  timestamp: Timestamp;
}

/** Bodies up to this size lie beside their metadata, and can be put at once. */
export const MOST_WHOLE_BYTES = 64 << 10;

export interface WholeBody {
  bytes: Uint8Array;
  /** MD5 of the bytes, lower case hex, and xxh64 with seed 0: computed once, in the proxy, for all replicas. */
  etag: string;
  checksum: bigint;
}

export interface ObjectTarget {
  /** Name of the device on that node, as the ring has it. */
  device: string;
  partition: number;
  account: string;
  container: string;
  object: string;
  /** Index of the storage policy, 0..: each has devices' space of its own. */
  policyIndex: number;
}

/**
 * Names in `fixedMetadata` whose values an object's listing row shows in place of its own: a manifest is listed as the whole.
 * Spec: Swift, `X-Object-Sysmeta-Container-Update-Override-*`.
 */
export const LISTED_AS = {
  etag: 'x-object-sysmeta-container-update-override-etag',
  /** Bytes, decimal. */
  sizeBytes: 'x-object-sysmeta-container-update-override-size',
} as const;

/** Header name in lower case to value. */
export type Metadata = Readonly<Record<string, string>>;

/** What has to hold when a version is begun, and still when it is committed; of two commits on one device the second finds the first. */
export interface WriteCondition {
  /** `If-None-Match: *`. */
  onlyIfAbsent: boolean;
  /** No data and no tombstone may be newer than this: what a client's `If-Match` was compared with is what is replaced. */
  onlyIfUnchangedSince?: Timestamp | undefined;
}

export interface NewObject extends WriteCondition {
  timestamp: Timestamp;
  contentType: string;
  /** `Content-Length` where the client told it: lets a full device refuse before the body. */
  sizeBytes?: number;
  /** Kept until the next version with data: `x-object-sysmeta-*`, `x-static-large-object`, … */
  fixedMetadata: Metadata;
  /** Replaced as a whole by a POST: `x-object-meta-*`, `content-encoding`, `x-delete-at`, `x-object-transient-sysmeta-*`, … */
  metadata: Metadata;
  /** The container replica that this object replica reports to; undefined where another replica does it. */
  listing?: ListingReport | undefined;
  /** Where false, another replica of this node is the one that is read first, and this one need not keep in memory what it knows. */
  readFirst?: boolean;
}

/** What a listing shows of an object that is this version with data and nothing else. */
export function listedRowOf(
  name: string,
  version: {
    timestamp: Timestamp;
    contentType: string | undefined;
    etag: string;
    sizeBytes: number;
    fixedMetadata: Metadata;
  },
): ObjectRow {
  const { timestamp, fixedMetadata } = version;
  return {
    name,
    deleted: false,
    timestamp,
    contentType: version.contentType ?? '',
    contentTypeTimestamp: timestamp,
    metadataTimestamp: timestamp,
    etag: fixedMetadata[LISTED_AS.etag] ?? version.etag,
    sizeBytes: Number(fixedMetadata[LISTED_AS.sizeBytes] ?? version.sizeBytes),
  };
}

export interface MetadataChange {
  timestamp: Timestamp;
  metadata: Metadata;
  /** Only where the client sent one. */
  contentType?: string;
  listing?: ListingReport | undefined;
}

export interface ObjectRemoval {
  timestamp: Timestamp;
  listing?: ListingReport | undefined;
  /** Another replica had the object: whether this one has need not be looked up, and the answer is `existed` too. */
  existed?: boolean;
}

/** Where a listing row goes: a container's replica. */
export interface ListingReport {
  ip: string;
  port: number;
  device: string;
  partition: number;
  /**
   * The container's other replicas. Normally other object replicas report to them; what a crash or a silent container server left
   * pending is told to all, for this may be the only object replica that the write has reached.
   */
  others?: readonly ReplicaOfListing[] | undefined;
  /**
   * How many of `others`, from the first, no other object replica tells: this one tells them at once, too. Where a storage policy has fewer
   * replicas than containers have.
   */
  alsoOthers?: number | undefined;
}

export type ReplicaOfListing = Pick<ListingReport, 'ip' | 'port' | 'device' | 'partition'>;

/** Bytes of a large body that share a checksum. */
export const BODY_BLOCK_BYTES = 64 << 10;

/**
 * Seeds the checksums of a version's body: a block that stands in another's place, or another version's, fits nowhere.
 *
 * @returns xxh64, seed 0, of policy index, account, container, object and timestamp, UTF-8, separated by NUL.
 */
export function bodySeed(
  { policyIndex, account, container, object }: Omit<ObjectTarget, 'device' | 'partition'>,
  timestamp: Timestamp,
): bigint {
  return xxh64(Buffer.from([policyIndex, account, container, object, timestamp].join('\0')));
}

/** xxh64 of a block of a body, seeded with `seed` + block number (0..) mod 2 ** 64. */
export function blockChecksum(block: Uint8Array, seed: bigint, blockNumber: number): bigint {
  return xxh64(block, BigInt.asUintN(64, seed + BigInt(blockNumber)));
}

export interface ObjectUpload {
  /**
   * Resolves when the next chunk is welcome. The chunk's memory may be reused after that. One call at a time.
   *
   * @param checksums `blockChecksum` of each block that the chunk holds (the last may be shorter), where the chunk begins at a block:
   *   computed once, in the proxy, for all replicas. A store may ignore them and compute its own.
   */
  write(chunk: Uint8Array, checksums?: BigUint64Array): Promise<void>;
  /**
   * Makes the version durable, then visible, then listed (waited for within a bound; later from the pending record).
   * @throws ChecksumMismatch if `sizeBytes` is not what arrived (the proxy alone computes the MD5: `etag` is its word);
   *   OlderVersion, ObjectExists, ObjectChanged if another write was faster; ContainerNotFound; nothing is visible then.
   */
  commit(footer: UploadFooter): Promise<void>;
  /** Forgets what was written. Never rejects; harmless after `commit`. */
  abort(): Promise<void>;
}

export interface UploadFooter {
  /** MD5 of the body, lower case hex, computed once in the proxy. */
  etag: string;
  sizeBytes: number;
  /** Metadata known only after the body; overrides `NewObject.fixedMetadata`. */
  fixedMetadata?: Metadata;
}

export interface ObjectState {
  /** The newest of the timestamps below: `X-Timestamp`. */
  timestamp: Timestamp;
  dataTimestamp: Timestamp;
  metadataTimestamp: Timestamp;
  contentType: string;
  contentTypeTimestamp: Timestamp;
  etag: string;
  sizeBytes: number;
  fixedMetadata: Metadata;
  metadata: Metadata;
}

export interface ObjectReading {
  state: ObjectState;
  /**
   * Bytes `start` (inclusive) to `end` (exclusive), 0 <= start <= end <= sizeBytes; each chunk verified before it is yielded.
   * The chunk's memory may be reused when the next one is asked for. Iterate at most once per reading.
   * @throws CorruptObject in the middle: the caller goes on from where it is with another replica.
   */
  body(start: number, end: number): AsyncIterable<Uint8Array>;
  /**
   * The whole body, verified, without waiting, in memory of its own; undefined where it is large, not recently used, or not what it
   * should be: then `body` tells. Only readings of stores in this process have it.
   */
  bodyNow?(): Uint8Array | undefined;
  /** What `bodyNow` gave, where nobody looks at it any more and nothing was read since: the next reading may have its memory. */
  giveBack?(body: Uint8Array): void;
  /** Releases what the reading holds; also after a body that was not read to its end. Never rejects. */
  close(): Promise<void>;
}
