import { isoDateOf, type Timestamp } from '../../common/timestamp.ts';
import type { ObjectRow } from '../contract.ts';
import { latest } from './records.ts';

const STAMP = 16; // '0000000000.00000'.length

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

export function bytesOfObjectRow(stored: string): number {
  return (JSON.parse(jsonOfObjectRow(stored)) as ObjectRowJson).bytes;
}

/**
 * The row after one more update: the same whichever order updates arrive in. The newest data or deletion wins (a deletion wins a
 * tie, then the greater hash); the content type goes by its own timestamp.
 */
export function mergeObjectRow(there: RowState, incoming: ObjectRow): RowState {
  const liveAt = there.live?.slice(0, STAMP);
  if (incoming.deleted) {
    const { timestamp } = incoming;
    if (there.deletedAt !== undefined && there.deletedAt >= timestamp) return there;
    const dies = liveAt === undefined || liveAt <= timestamp;
    return { live: dies ? undefined : there.live, deletedAt: timestamp };
  }
  if (there.deletedAt !== undefined && there.deletedAt >= incoming.timestamp) return there;
  const merged = there.live === undefined ? incoming : mergeLive(decodeLive(there.live), incoming);
  return { live: encodeLive(merged), deletedAt: there.deletedAt };
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
    last_modified: isoDateOf(latest(row.metadataTimestamp, row.timestamp)),
    bytes: row.sizeBytes,
    name: row.name,
    content_type: row.contentType,
  };
  return `${row.timestamp}${row.contentTypeTimestamp}${row.metadataTimestamp}${JSON.stringify(json)}`;
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
