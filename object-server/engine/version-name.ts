import { createHash } from 'node:crypto';
import type { Timestamp } from '../../common/timestamp.ts';
import type { Metadata } from '../contract.ts';

export type VersionKind = 'data' | 'metadata' | 'tombstone';

/** One version of an object, as its file's name tells it. */
export interface VersionName {
  kind: VersionKind;
  timestamp: Timestamp;
  /** Orders versions of one kind and one timestamp, the same on every replica: by what they hold. Empty for tombstones. */
  tie: string;
  /** Metadata that carries a content type. */
  typed: boolean;
}

const FORM = /^(\d{10}\.\d{5})(?:-([0-9a-f]{32})\.(data|meta|typed-meta)|\.ts)$/;
const RANK: Record<VersionKind, number> = { metadata: 0, data: 1, tombstone: 2 };

/** @returns undefined for a file that is no version. */
export function parseVersionName(file: string): VersionName | undefined {
  const [, timestamp, tie = '', extension] = FORM.exec(file) ?? [];
  if (timestamp === undefined) return undefined;
  if (extension === undefined) return { kind: 'tombstone', timestamp, tie, typed: false };
  return { kind: extension === 'data' ? 'data' : 'metadata', timestamp, tie, typed: extension === 'typed-meta' };
}

export function formatVersionName({ kind, timestamp, tie, typed }: VersionName): string {
  if (kind === 'tombstone') return `${timestamp}.ts`;
  if (kind === 'data') return `${timestamp}-${tie}.data`;
  return `${timestamp}-${tie}.${typed ? 'typed-meta' : 'meta'}`;
}

/** Newer is greater; ties go by kind, then by content: a tombstone beats data of its own time. */
export function compareVersions(left: VersionName, right: VersionName): number {
  if (left.timestamp !== right.timestamp) return left.timestamp < right.timestamp ? -1 : 1;
  if (left.kind !== right.kind) return RANK[left.kind] - RANK[right.kind];
  if (left.tie === right.tie) return 0;
  return left.tie < right.tie ? -1 : 1;
}

/** @param etag the first half of the order, as listings have it too; then a digest of all the rest. */
export function tieOfData(etag: string, sizeBytes: number, contentType: string, ...metadata: Metadata[]): string {
  const head = /^[0-9a-f]{16}/.exec(etag)?.[0] ?? digest(etag);
  return head + digest(JSON.stringify([etag, sizeBytes, contentType, ...metadata.map(sorted)]));
}

export function tieOfMetadata(metadata: Metadata, contentType: string | undefined): string {
  const text = JSON.stringify([contentType ?? null, sorted(metadata)]);
  return digest(text) + digest(`${text}.`);
}

function sorted(metadata: Metadata): [string, string][] {
  return Object.entries(metadata).sort(([left], [right]) => (left < right ? -1 : 1));
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
