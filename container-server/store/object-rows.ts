import { isoDateOf, type Timestamp } from '../../common/timestamp.ts';
import type { ObjectRow } from '../contract.ts';
import { objectRowKey } from './keys.ts';
import { hashOfName, type NameHash } from './name-filter.ts';
import { latest } from './records.ts';

const STAMP = 16; // '0000000000.00000'.length
const SECONDS = 10; // '0000000000'.length
const ISO_SECONDS = 19; // '2026-01-01T00:00:00'.length
const BYTES_MEMBER = ',"bytes":';

/** What a client gets of a live row. */
interface ObjectRowJson {
  hash: string;
  last_modified: string;
  bytes: number;
  name: string;
  content_type: string;
}

type LiveRow = Extract<ObjectRow, { deleted: false }>;

/** A container's row for one name: the live one as stored, or when it was deleted; undefined = none. */
export interface RowState {
  /** Data, content type and metadata timestamps, 16 characters each, then the JSON. */
  live: string | undefined;
  deletedAt: Timestamp | undefined;
}

export function jsonOfObjectRow(stored: string): string {
  return stored.slice(3 * STAMP);
}

/** Size as listed, bytes. Within JSON strings quotes are escaped: what is looked for can only be the member. */
export function bytesOfObjectRow(stored: string): number {
  const start = stored.indexOf(BYTES_MEMBER, 3 * STAMP) + BYTES_MEMBER.length;
  return Number(stored.slice(start, stored.indexOf(',', start)));
}

/** An update as it is stored where nothing else is known of the name: encoded once for all replicas. */
export interface RowUpdate {
  name: string;
  /** Of the data, or of the deletion. */
  timestamp: Timestamp;
  /** Undefined: a deletion. */
  live: string | undefined;
}

export interface KeyedUpdate extends RowUpdate {
  /** Of the live row. */
  key: string;
  nameHash: NameHash;
}

export function encodeRowUpdate(row: ObjectRow): RowUpdate {
  return { name: row.name, timestamp: row.timestamp, live: row.deleted ? undefined : encodeLive(row) };
}

/** @param stored a live row as it is stored, or the timestamp of a deletion. */
export function keyedUpdate(account: string, container: string, name: string, stored: string): KeyedUpdate {
  const live = stored.length > STAMP ? stored : undefined;
  return {
    name,
    timestamp: stored.slice(0, STAMP),
    live,
    key: objectRowKey(account, container, name),
    nameHash: hashOfName(name),
  };
}

export function encodeUpdate(account: string, container: string, row: ObjectRow): KeyedUpdate {
  const { name, timestamp, live } = encodeRowUpdate(row);
  return { name, timestamp, live, key: objectRowKey(account, container, name), nameHash: hashOfName(name) };
}

/**
 * The row after one more update: the same whichever order updates arrive in. The newest data or deletion wins (a deletion wins a
 * tie, then the greater hash); the content type goes by its own timestamp.
 */
export function mergeObjectRow(there: RowState, { timestamp, live }: RowUpdate): RowState {
  if (live !== undefined && live === there.live) return there;
  if (there.deletedAt !== undefined && there.deletedAt >= timestamp) return there;
  if (live === undefined) {
    const dies = there.live === undefined || there.live.slice(0, STAMP) <= timestamp;
    return { live: dies ? undefined : there.live, deletedAt: timestamp };
  }
  const isNewer = there.live === undefined || isNewerInAll(live, there.live);
  const merged = isNewer ? live : encodeLive(mergeLive(decodeLive(there.live ?? live), decodeLive(live)));
  return { live: merged, deletedAt: there.deletedAt };
}

/** Whether data, content type and metadata are all later: then nothing of the other row is left. */
function isNewerInAll(live: string, there: string): boolean {
  for (let start = 0; start < 3 * STAMP; start += STAMP)
    if (live.slice(start, start + STAMP) <= there.slice(start, start + STAMP)) return false;
  return true;
}

function mergeLive(left: LiveRow, right: LiveRow): LiveRow {
  const base = compare(left.timestamp, right.timestamp) || compare(left.etag, right.etag);
  const type =
    compare(left.contentTypeTimestamp, right.contentTypeTimestamp) || compare(left.contentType, right.contentType);
  const { contentType, contentTypeTimestamp } = type >= 0 ? left : right;
  const metadataTimestamp = latest(left.metadataTimestamp, right.metadataTimestamp);
  return { ...(base >= 0 ? left : right), contentType, contentTypeTimestamp, metadataTimestamp };
}

function encodeLive(row: LiveRow): string {
  const json: ObjectRowJson = {
    hash: row.etag,
    last_modified: lastModifiedOf(latest(row.metadataTimestamp, row.timestamp)),
    bytes: row.sizeBytes,
    name: row.name,
    content_type: row.contentType,
  };
  return `${row.timestamp}${row.contentTypeTimestamp}${row.metadataTimestamp}${JSON.stringify(json)}`;
}

let lastSecond = { digits: '', iso: '' };

/** Rows that come together are of the same second or two. */
function lastModifiedOf(timestamp: Timestamp): string {
  const digits = timestamp.slice(0, SECONDS);
  if (digits !== lastSecond.digits) lastSecond = { digits, iso: isoDateOf(timestamp).slice(0, ISO_SECONDS) };
  return `${lastSecond.iso}${timestamp.slice(SECONDS)}0`;
}

function decodeLive(stored: string): LiveRow {
  const json = JSON.parse(jsonOfObjectRow(stored)) as ObjectRowJson;
  return {
    name: json.name,
    deleted: false,
    timestamp: stored.slice(0, STAMP),
    contentTypeTimestamp: stored.slice(STAMP, 2 * STAMP),
    metadataTimestamp: stored.slice(2 * STAMP, 3 * STAMP),
    contentType: json.content_type,
    etag: json.hash,
    sizeBytes: json.bytes,
  };
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
