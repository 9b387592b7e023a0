import { latestOf } from './latest.ts';
import { compareVersions, type VersionName } from './version-name.ts';

/** What an object's versions amount to. */
export interface Fold {
  /** The newest data or tombstone. */
  base: VersionName | undefined;
  /** The newest metadata after it. */
  metadata: VersionName | undefined;
  /** The newest metadata after it that carries a content type. */
  contentType: VersionName | undefined;
  /** Versions that can never matter again, whatever arrives later. */
  obsolete: VersionName[];
}

/**
 * The state of an object from its versions: the same whatever order they arrived in, and whenever obsolete ones were removed in
 * between. Metadata without data before it stays: the data may still come.
 */
export function foldVersions(versions: readonly VersionName[]): Fold {
  const base = latestOf(
    versions.filter(({ kind }) => kind !== 'metadata'),
    compareVersions,
  );
  const after = versions.filter(({ kind, timestamp }) => kind === 'metadata' && timestamp > (base?.timestamp ?? ''));
  const metadata = latestOf(after, compareMetadata);
  const contentType = latestOf(
    after.filter(({ typed }) => typed),
    compareMetadata,
  );
  const needed = new Set([base, metadata, contentType]);
  return { base, metadata, contentType, obsolete: versions.filter((version) => !needed.has(version)) };
}

/** Time of the newest version that counts: what a new write must be later than. */
export function newestTimestamp({ base, metadata }: Fold): string | undefined {
  return base?.kind === 'data' ? (metadata?.timestamp ?? base.timestamp) : base?.timestamp;
}

function compareMetadata(left: VersionName, right: VersionName): number {
  const order = compareVersions(left, right);
  return order === 0 ? Number(left.typed) - Number(right.typed) : order;
}
