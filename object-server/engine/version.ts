import { createHash, hash } from 'node:crypto';
import type { Timestamp } from '../../common/timestamp.ts';
import type { Metadata } from '../contract.ts';
import type { VersionKind } from '../slab/contract.ts';

/** What orders the versions of an object, and what the fold asks of them. */
export interface VersionOrder {
  kind: VersionKind;
  timestamp: Timestamp;
  /** Orders versions of one kind and one timestamp, the same on every replica: by what they hold. Empty for tombstones. */
  tie: string;
  /** Metadata that carries a content type. */
  typed: boolean;
}

const RANK: Record<VersionKind, number> = { metadata: 0, data: 1, tombstone: 2 };

/** Newer is greater; ties go by kind, then by content: a tombstone beats data of its own time. */
export function compareVersions(left: VersionOrder, right: VersionOrder): number {
  if (left.timestamp !== right.timestamp) return left.timestamp < right.timestamp ? -1 : 1;
  if (left.kind !== right.kind) return RANK[left.kind] - RANK[right.kind];
  if (left.tie === right.tie) return 0;
  return left.tie < right.tie ? -1 : 1;
}

export interface DataContent {
  etag: string;
  sizeBytes: number;
  contentType: string;
  metadata: Metadata;
  fixedMetadata: Metadata;
}

let former: { content: DataContent; tie: string } | undefined;

/** The first half is of the etag, the order that listings have too; then a digest of all the rest. */
export function tieOfData(content: DataContent): string {
  if (former !== undefined && isSame(former.content, content)) return former.tie; // the other replicas of one write
  const { etag, sizeBytes, contentType, metadata, fixedMetadata } = content;
  const head = /^[0-9a-f]{16}/.exec(etag)?.[0] ?? digest(etag);
  const rest = JSON.stringify([etag, sizeBytes, contentType, sorted(metadata), sorted(fixedMetadata)]);
  const tie = head + hash('md5', rest, 'hex').slice(0, 16);
  former = { content, tie };
  return tie;
}

export function tieOfMetadata(metadata: Metadata, contentType: string | undefined): string {
  const text = JSON.stringify([contentType ?? null, sorted(metadata)]);
  return digest(text) + digest(`${text}.`);
}

function isSame(left: DataContent, right: DataContent): boolean {
  return (
    left.metadata === right.metadata &&
    left.fixedMetadata === right.fixedMetadata &&
    left.etag === right.etag &&
    left.sizeBytes === right.sizeBytes &&
    left.contentType === right.contentType
  );
}

function sorted(metadata: Metadata): [string, string][] {
  return Object.entries(metadata).sort(([left], [right]) => (left < right ? -1 : 1));
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
