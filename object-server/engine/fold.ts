import { compareVersions, type VersionOrder } from './version.ts';

/** What an object's versions amount to. */
export interface Fold<V extends VersionOrder> {
  /** The newest data or tombstone. */
  base: V | undefined;
  /** The newest metadata after it. */
  metadata: V | undefined;
  /** The newest metadata after it that carries a content type. */
  contentType: V | undefined;
  /** Versions that can never matter again, whatever arrives later. */
  obsolete: V[];
}

/**
 * The state of an object from its versions: the same whatever order they arrived in, and whenever obsolete ones were removed in
 * between. Metadata without data before it stays: the data may still come.
 */
export function foldVersions<V extends VersionOrder>(versions: readonly V[]): Fold<V> {
  let base: V | undefined;
  for (const version of versions)
    if (version.kind !== 'metadata' && (base === undefined || compareVersions(version, base) > 0)) base = version;
  let metadata: V | undefined;
  let contentType: V | undefined;
  for (const version of versions) {
    if (version.kind !== 'metadata' || version.timestamp <= (base?.timestamp ?? '')) continue;
    if (metadata === undefined || compareMetadata(version, metadata) > 0) metadata = version;
    if (version.typed && (contentType === undefined || compareMetadata(version, contentType) > 0))
      contentType = version;
  }
  const obsolete =
    versions.length === 1 && base !== undefined
      ? []
      : versions.filter((version) => version !== base && version !== metadata && version !== contentType);
  return { base, metadata, contentType, obsolete };
}

/** Time of the newest version that counts: what a deletion, or other metadata, must be later than; new data only than the data. */
export function newestTimestamp<V extends VersionOrder>({ base, metadata }: Fold<V>): string | undefined {
  return base?.kind === 'data' ? (metadata?.timestamp ?? base.timestamp) : base?.timestamp;
}

function compareMetadata(left: VersionOrder, right: VersionOrder): number {
  const order = compareVersions(left, right);
  return order === 0 ? Number(left.typed) - Number(right.typed) : order;
}
