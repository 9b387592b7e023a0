import type { Timestamp } from '../../common/timestamp.ts';
import type { ReplicaAddress } from '../contract.ts';

/** Before every real time. */
export const NEVER: Timestamp = '0000000000.00000';
/** Not before any real time. */
const FOREVER: Timestamp = '9999999999.99999';

/** Name to value and the time it was set; an empty value is a removal that is remembered. */
export type StampedMetadata = Record<string, [value: string, timestamp: Timestamp]>;

/** A container as its replica keeps it. Spec: docs/formats/listing-database.md */
export interface ContainerRecord {
  v: 1;
  /** When this life of the container began. */
  createdAt: Timestamp;
  /** Newest PUT. */
  putTimestamp: Timestamp;
  /** Newest DELETE; the container is gone where this is not before `putTimestamp`. */
  deletedAt: Timestamp;
  policyIndex: number;
  /** Live rows, changed in the same batch as they. */
  objectCount: number;
  /** Sum of the live rows' sizes, bytes. */
  bytesUsed: number;
  /** No object's deletion that is remembered, in this life or a former one, is newer: newer rows need not look for one. */
  newestDeletion: Timestamp;
  metadata: StampedMetadata;
  /** Account replicas that this replica reports to, as the newest PUT named them. */
  accounts: readonly ReplicaAddress[];
}

/** An account as its replica keeps it. */
export interface AccountRecord {
  v: 1;
  createdAt: Timestamp;
  putTimestamp: Timestamp;
  deletedAt: Timestamp;
  metadata: StampedMetadata;
  /** By policy index: containers, objects, bytes of the live rows. */
  policies: Record<string, [containers: number, objects: number, bytes: number]>;
}

export function isLive(record: { putTimestamp: Timestamp; deletedAt: Timestamp }): boolean {
  return record.putTimestamp > record.deletedAt;
}

/** A record that does not say when its newest deletion was has all of them looked for. */
export function decodeContainer(text: string | undefined): ContainerRecord | undefined {
  if (text === undefined) return undefined;
  const { newestDeletion = FOREVER, ...rest } = JSON.parse(text) as ContainerRecord;
  return { ...rest, newestDeletion };
}

export function decodeRecord<T extends ContainerRecord | AccountRecord>(text: string | undefined): T | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as T);
}

/** Sets each name whose time is later than the one there; a tie is won by the greater value, whichever came first. */
export function mergeMetadata(
  there: StampedMetadata,
  update: { timestamp: Timestamp; metadata: Readonly<Record<string, string>> },
): StampedMetadata {
  const merged = { ...there };
  for (const [name, value] of Object.entries(update.metadata)) {
    const [oldValue, oldTimestamp] = merged[name] ?? ['', NEVER];
    const later = update.timestamp > oldTimestamp || (update.timestamp === oldTimestamp && value > oldValue);
    if (later) merged[name] = [value, update.timestamp];
  }
  return merged;
}

export function visibleMetadata(stamped: StampedMetadata): Record<string, string> {
  const visible: Record<string, string> = {};
  for (const [name, [value]] of Object.entries(stamped)) if (value !== '') visible[name] = value;
  return visible;
}

export function latest(left: Timestamp, right: Timestamp): Timestamp {
  return left > right ? left : right;
}
