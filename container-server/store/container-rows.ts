import { isoDateOf, type Timestamp } from '../../common/timestamp.ts';
import type { ContainerRow } from '../contract.ts';
import { latest, NEVER } from './records.ts';

const STAMP = 16; // '0000000000.00000'.length
const POLICY_DIGITS = 4;

interface ContainerRowJson {
  name: string;
  count: number;
  bytes: number;
  last_modified: string;
}

/** An account's row for one container: stored as PUT timestamp, policy index (4 digits), JSON. */
export interface ContainerRowState {
  live: string | undefined;
  deletedAt: Timestamp | undefined;
}

export interface RowCounts {
  policyIndex: number;
  objectCount: number;
  bytesUsed: number;
}

export function jsonOfContainerRow(stored: string): string {
  return stored.slice(STAMP + POLICY_DIGITS);
}

export function countsOfContainerRow(stored: string): RowCounts {
  const { count, bytes } = JSON.parse(jsonOfContainerRow(stored)) as ContainerRowJson;
  return { policyIndex: Number(stored.slice(STAMP, STAMP + POLICY_DIGITS)), objectCount: count, bytesUsed: bytes };
}

/** The row after a report. Life and death go by timestamps; counts are those of the report that came last for the newest life. */
export function mergeContainerRow(there: ContainerRowState, incoming: ContainerRow): ContainerRowState {
  const putBefore = there.live?.slice(0, STAMP) ?? NEVER;
  const deletedAt = latest(there.deletedAt ?? NEVER, incoming.deleteTimestamp);
  const putTimestamp = latest(putBefore, incoming.putTimestamp);
  const remembered = deletedAt > NEVER ? deletedAt : undefined;
  if (putTimestamp <= deletedAt) return { live: undefined, deletedAt: remembered };
  const keepsCounts = there.live !== undefined && incoming.putTimestamp < putBefore;
  return { live: keepsCounts ? there.live : encode(incoming, putTimestamp), deletedAt: remembered };
}

function encode(row: ContainerRow, putTimestamp: Timestamp): string {
  const json: ContainerRowJson = {
    name: row.name,
    count: row.objectCount,
    bytes: row.bytesUsed,
    last_modified: isoDateOf(putTimestamp),
  };
  return `${putTimestamp}${String(row.policyIndex).padStart(POLICY_DIGITS, '0')}${JSON.stringify(json)}`;
}
