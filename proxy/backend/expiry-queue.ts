import { createHash } from 'node:crypto';
import type { Timestamp } from '../../common/timestamp.ts';

/**
 * Where it is noted which objects go when: an account of its own with a container for each day, and a row for each object and moment,
 * so that a listing in its order is the order in which they go.
 *
 * Spec: Swift, "Expiring Object Support".
 */
export const EXPIRY_ACCOUNT = '.expiring_objects';

const SECONDS_PER_CONTAINER = 86_400;
/** Objects of one day share this many containers: writes of one day do not all meet in one. */
const CONTAINERS_PER_DAY = 100;

export interface ExpiringObject {
  account: string;
  container: string;
  object: string;
}

/** A row of the queue. */
export interface ExpiryRow {
  /** Name of its container: seconds since the epoch, 10 digits, not after any of its rows' moments. */
  container: string;
  /** `<moment>-<account>/<container>/<object>`: the moment in seconds where the object says so, as a timestamp where it does not. */
  name: string;
}

/** @param deleteAt seconds since the epoch, 10 digits. */
export function expiryRowOf(path: ExpiringObject, deleteAt: string): ExpiryRow {
  const text = `${path.account}/${path.container}/${path.object}`;
  const share = createHash('md5').update(text).digest().readUInt32BE(12) % CONTAINERS_PER_DAY;
  const day = Math.floor(Number(deleteAt) / SECONDS_PER_CONTAINER) * SECONDS_PER_CONTAINER;
  return { container: String(Math.max(day - share, 0)).padStart(10, '0'), name: `${deleteAt}-${text}` };
}

/**
 * A row for an object that is to be removed as of a moment, whatever it says itself.
 *
 * @param container that all rows of one request share.
 */
export function removalRowOf(path: ExpiringObject, container: string, timestamp: Timestamp): ExpiryRow {
  return { container, name: `${timestamp}-${path.account}/${path.container}/${path.object}` };
}

/** Containers that a feature keeps for itself begin with a slash. */
const ROW = /^(\d{10}(?:\.\d{5})?)-([^/]+)\/(\/[^/]+\/[^/]+|[^/]+)\/(.+)$/s;

/** @returns undefined for a name that is none of the queue's. */
export function parseExpiryRow(name: string): (ExpiringObject & { deleteAt: string }) | undefined {
  const [, deleteAt, account, container, object] = ROW.exec(name) ?? [];
  if (deleteAt === undefined || account === undefined || container === undefined || object === undefined)
    return undefined;
  return { deleteAt, account, container, object };
}
