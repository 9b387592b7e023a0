import { invariant } from '../../common/errors.ts';
import type { ObjectRow } from '../../container-server/contract.ts';
import { LISTED_AS, type ObjectState } from '../contract.ts';
import type { FoundObject } from '../engine/read-object.ts';

export function liveRowOf(name: string, state: ObjectState): ObjectRow {
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
export function rowOf(name: string, { fold, data }: Pick<FoundObject, 'fold' | 'data'>): ObjectRow | undefined {
  if (data !== undefined) return liveRowOf(name, data.state);
  if (fold.base === undefined) return undefined;
  invariant(fold.base.kind === 'tombstone', 'data that was not read');
  return { name, timestamp: fold.base.timestamp, deleted: true };
}
