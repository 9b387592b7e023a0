import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ObjectRow } from '../../../container-server/contract.ts';
import { encodeRowUpdate, mergeObjectRow, type RowState } from '../../../container-server/store/object-rows.ts';
import { at } from '../../support/listing-store.ts';

const tick = fc.integer({ min: 1, max: 5 });
const name = 'o';

/** Rows as object servers send them: data, perhaps with metadata and a content type of later times; or a deletion. */
const row: fc.Arbitrary<ObjectRow> = fc.oneof(
  tick.map((ticks) => ({ name, timestamp: at(ticks), deleted: true as const })),
  fc
    .record({ ticks: tick, etag: fc.constantFrom('a', 'b'), typedAfter: fc.nat(3), postedAfter: fc.nat(3) })
    .map(({ ticks, etag, typedAfter, postedAfter }) => ({
      name,
      deleted: false as const,
      timestamp: at(ticks),
      contentType: `type of ${ticks + typedAfter}${typedAfter === 0 ? etag : ''}`,
      contentTypeTimestamp: at(ticks + typedAfter),
      metadataTimestamp: at(ticks + Math.max(typedAfter, postedAfter)),
      etag,
      sizeBytes: ticks,
    })),
);

function merge(rows: readonly ObjectRow[]): RowState {
  let state: RowState = { live: undefined, deletedAt: undefined };
  for (const update of rows) state = mergeObjectRow(state, encodeRowUpdate(update));
  return state;
}

describe('the row of a listing', () => {
  it('lives or is dead, and shows the same data, whatever order its updates come in and however often', () => {
    const arrival = fc
      .array(row, { minLength: 1, maxLength: 7 })
      .chain((rows) =>
        fc.tuple(fc.constant(rows), fc.shuffledSubarray([...rows, ...rows], { minLength: rows.length * 2 })),
      );
    fc.assert(
      fc.property(arrival, ([rows, again]) => {
        const facts = ({ live, deletedAt }: RowState) => {
          const { hash, bytes } = live === undefined ? {} : JSON.parse(live.slice(48));
          return { dataAt: live?.slice(0, 16), hash, bytes, deletedAt };
        };
        expect(facts(merge(again))).toEqual(facts(merge(rows)));
      }),
      { numRuns: 2000 },
    );
  });

  it('is the very same in any order while nothing is deleted', () => {
    const rows = fc.array(row, { minLength: 1, maxLength: 6 }).map((all) => all.filter(({ deleted }) => !deleted));
    fc.assert(
      fc.property(
        rows.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, shuffled]) => void expect(merge(shuffled)).toEqual(merge(all)),
      ),
      { numRuns: 2000 },
    );
  });
});
