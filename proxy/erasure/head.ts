import { InvariantError } from '../../common/errors.ts';
import { parseTimestamp, type Timestamp } from '../../common/timestamp.ts';
import { LISTED_AS, type Metadata, type ObjectState } from '../../object-server/contract.ts';
import type { Layout } from './layout.ts';

/** Where an object of an erasure coding policy keeps what its fragments are. Form: docs/formats/fragments.md. */
const FRAGMENTS_HEADER = 'x-object-sysmeta-ec-fragments';

/** A body that lies in fragments. */
export interface CodedBody extends Layout {
  /** Names this body's fragments: no other body of the object has the same. */
  readonly id: Timestamp;
}

/** What the object itself keeps; its listing row shows the length of its body, unless a feature has it show something else. */
export function headMetadata(body: CodedBody, fixedMetadata: Metadata): Record<string, string> {
  const { id, dataPieces, parityPieces, segmentBytes, sizeBytes } = body;
  const isListedBody = fixedMetadata[LISTED_AS.sizeBytes] === undefined;
  return {
    ...fixedMetadata,
    [FRAGMENTS_HEADER]: JSON.stringify({ v: 1, id, dataPieces, parityPieces, segmentBytes, sizeBytes, isListedBody }),
    ...(isListedBody ? { [LISTED_AS.sizeBytes]: String(sizeBytes) } : {}),
  };
}

/** @returns undefined for an object whose body lies in itself. */
export function codedBodyOf({ fixedMetadata }: ObjectState): CodedBody | undefined {
  const text = fixedMetadata[FRAGMENTS_HEADER];
  if (text === undefined) return undefined;
  const record = JSON.parse(text) as CodedBody & { v: number };
  if (record.v !== 1 || parseTimestamp(record.id) === undefined)
    throw new InvariantError(
      `an object's fragments are recorded in a way that is not known here: ${text.slice(0, 64)}`,
    );
  return record;
}

/** The object as everybody above sees it: its body's length, and nothing of fragments. */
export function wholeState(state: ObjectState, body: CodedBody): ObjectState {
  const { [FRAGMENTS_HEADER]: record = '{}', ...fixedMetadata } = state.fixedMetadata;
  if ((JSON.parse(record) as { isListedBody?: boolean }).isListedBody) {
    const { [LISTED_AS.sizeBytes]: _, ...rest } = fixedMetadata;
    return { ...state, sizeBytes: body.sizeBytes, fixedMetadata: rest };
  }
  return { ...state, sizeBytes: body.sizeBytes, fixedMetadata };
}
