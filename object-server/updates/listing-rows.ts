import { invariant } from '../../common/errors.ts';
import type { ObjectRow } from '../../container-server/contract.ts';
import { LISTED_AS, type ObjectState } from '../contract.ts';
import type { FoundObject } from '../engine/read-object.ts';

function liveRowOf(name: string, state: ObjectState): ObjectRow {
  return {
    name,
    deleted: false,
    timestamp: state.dataTimestamp,
    contentType: state.contentType,
    contentTypeTimestamp: state.contentTypeTimestamp,
    metadataTimestamp: state.metadataTimestamp,
    etag: state.fixedMetadata[LISTED_AS.etag] ?? state.etag,
    sizeBytes: Number(state.fixedMetadata[LISTED_AS.sizeBytes] ?? state.sizeBytes),
  };
}

/** The row that tells a listing what is true now; undefined where nothing is known of the object. */
export function rowOf(name: string, { fold, live }: Pick<FoundObject, 'fold' | 'live'>): ObjectRow | undefined {
  if (live !== undefined) return liveRowOf(name, live.state);
  const { base } = fold;
  if (base === undefined || base.damaged) return undefined;
  invariant(base.kind === 'tombstone', 'data that was not read');
  return { name, timestamp: base.timestamp, deleted: true };
}
