import type { Timestamp } from '../common/timestamp.ts';

/**
 * Accounts and containers on one node's devices. One writer per process keeps counters exact; everything is idempotent by timestamp.
 *
 * Promises, shown by `test/contract/listing-store.ts` for the store and for the client:
 * - What resolved is durable, or (object rows) covered by a pending record that the object server sends again.
 * - Counters are the counts and sums of the live rows, exactly.
 * - Pages cost the same wherever in the listing they begin.
 *
 * Refusals are `ApiError`s: `AccountNotFound` 404, `ContainerNotFound` 404, `ContainerNotEmpty` 409, `OlderVersion` 409
 * (details.timestamp), `PolicyConflict` 409 (details.policyIndex), `DeviceUnavailable` 507.
 */
export interface ListingStore {
  accountInfo(target: AccountTarget): Promise<AccountInfo>;
  /** Creates the account where there is none. */
  updateAccount(target: AccountTarget, change: MetadataUpdate): Promise<{ created: boolean }>;
  removeAccount(target: AccountTarget, removal: { timestamp: Timestamp }): Promise<void>;
  listContainers(target: AccountTarget, query: ListingQuery): Promise<ListingPage>;
  /** Rows from container servers: creation, removal, new counts. Creates the account with its first container. @throws AccountNotFound where it was removed. */
  applyContainerRows(target: AccountTarget, rows: readonly ContainerRow[]): Promise<void>;

  containerInfo(target: ContainerTarget): Promise<ContainerInfo>;
  /** Creates the container, or updates the metadata of the one there. Reports to `accounts` before it resolves (bounded). */
  createContainer(target: ContainerTarget, creation: ContainerCreation): Promise<{ created: boolean }>;
  /** @throws ContainerNotFound. */
  updateContainer(target: ContainerTarget, change: MetadataUpdate): Promise<void>;
  /** @throws ContainerNotFound, ContainerNotEmpty. */
  removeContainer(
    target: ContainerTarget,
    removal: { timestamp: Timestamp; accounts: readonly ReplicaAddress[] },
  ): Promise<void>;
  listObjects(target: ContainerTarget, query: ListingQuery): Promise<ListingPage>;
  /** @throws ContainerNotFound: the sender takes its write back. */
  applyObjectRows(target: ContainerTarget, rows: readonly ObjectRow[]): Promise<void>;
  /** The same for many containers and replicas at once: one outcome for each update, in their order. Rejects only as a whole. */
  applyObjectUpdates(updates: readonly ObjectUpdate[]): Promise<UpdateOutcome[]>;
  /**
   * The same, answered before rows are durable where every reader sees them already; only a store in this process can.
   *
   * @returns outcomes, and who may be asked when the rows that were `taken` are durable: until then the sender keeps what it sent.
   */
  takeObjectUpdates?(updates: readonly ObjectUpdate[]): Promise<TakenUpdates>;
}

export interface TakenUpdates {
  outcomes: readonly (readonly (UpdateOutcome[number] | 'taken')[])[];
  /** @param then is called once: whether this call's rows on the device are durable, or nobody knows. */
  whenWritten(device: string, then: (durable: boolean) => void): void;
}

/** One row for some replicas of its container on this node: they get the same. */
export interface ObjectUpdate {
  replicas: readonly { device: string; partition: number }[];
  account: string;
  container: string;
  row: ObjectRow;
}

/** By replica, in their order. `listed`: durable. `gone`: there is no such container there. `failed`: not known; send it again. */
export type UpdateOutcome = readonly ('listed' | 'gone' | 'failed')[];

export interface AccountTarget {
  device: string;
  partition: number;
  account: string;
}

export interface ContainerTarget extends AccountTarget {
  container: string;
}

/** A replica of an account or a container on some node. */
export interface ReplicaAddress {
  ip: string;
  port: number;
  device: string;
  partition: number;
}

/** Header name in lower case to value; an empty value removes the name. Each name carries the change's timestamp: the newest wins. */
export interface MetadataUpdate {
  timestamp: Timestamp;
  metadata: Readonly<Record<string, string>>;
}

export interface ContainerCreation extends MetadataUpdate {
  /** Policy asked for; undefined = the one there, else the default. */
  policyIndex?: number | undefined;
  defaultPolicyIndex: number;
  /** The account's replicas that this container replica reports to. */
  accounts: readonly ReplicaAddress[];
}

export interface AccountInfo {
  createdAt: Timestamp;
  containerCount: number;
  objectCount: number;
  bytesUsed: number;
  /** By policy index; only policies that the account has containers of. */
  policies: readonly { policyIndex: number; containerCount: number; objectCount: number; bytesUsed: number }[];
  metadata: Readonly<Record<string, string>>;
}

export interface ContainerInfo {
  createdAt: Timestamp;
  putTimestamp: Timestamp;
  objectCount: number;
  bytesUsed: number;
  policyIndex: number;
  metadata: Readonly<Record<string, string>>;
}

export interface ContainerRow {
  name: string;
  putTimestamp: Timestamp;
  /** `0` while the container lives. */
  deleteTimestamp: Timestamp;
  objectCount: number;
  bytesUsed: number;
  policyIndex: number;
}

export type ObjectRow =
  | { name: string; timestamp: Timestamp; deleted: true }
  | {
      name: string;
      deleted: false;
      /** Of the data. */
      timestamp: Timestamp;
      contentType: string;
      contentTypeTimestamp: Timestamp;
      metadataTimestamp: Timestamp;
      etag: string;
      sizeBytes: number;
    };

export interface ListingQuery {
  /** 0..10000. */
  limit: number;
  prefix: string;
  /** May be several bytes; '' = none. */
  delimiter: string;
  /** Names after this one (before it, when reversed); '' = none. */
  marker: string;
  /** Names before this one (after it, when reversed); '' = none. */
  endMarker: string;
  reverse: boolean;
  /** `path=x`: the objects directly below `x/`, no subdirs; undefined = not asked. */
  path?: string | undefined;
  /** Of an account: its containers whose names hold a slash, which are a service's own, in place of all others. */
  reserved?: boolean | undefined;
}

/**
 * Rows in order of their names' UTF-8 bytes, each the JSON text that a client gets:
 * `{"hash","last_modified","bytes","name","content_type"}`, `{"name","count","bytes","last_modified"}` or `{"subdir"}`.
 * They come in chunks, UTF-8, none of them empty; within one, a comma and a line end are between two rows.
 */
export interface ListingPage {
  chunks: readonly Uint8Array[];
  /**
   * Gives the chunks' memory back: nobody may look at them any more. A page that is not released is the garbage collector's, at more
   * cost. Only pages of readers in this thread have it.
   */
  release?(): void;
}

/** Between two rows of a chunk. JSON escapes line ends: it can be nowhere else. */
export const BETWEEN_ROWS = ',\n';

export function textOfRows(rows: readonly string[]): string {
  return rows.join(BETWEEN_ROWS);
}

export function chunkOfRows(rows: readonly string[]): Buffer {
  return Buffer.from(textOfRows(rows));
}

export function rowsOfChunk(chunk: Uint8Array): string[] {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString().split(BETWEEN_ROWS);
}
