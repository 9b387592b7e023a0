import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldVersions } from '../../../object-server/engine/fold.ts';
import type { VersionOrder } from '../../../object-server/engine/version.ts';

const nameOf = ({ kind, timestamp, tie, typed }: VersionOrder) => [timestamp, kind, tie, typed].join(' ');

const version: fc.Arbitrary<VersionOrder> = fc
  .record({
    ticks: fc.integer({ min: 0, max: 6 }),
    kind: fc.constantFrom('data' as const, 'metadata' as const, 'tombstone' as const),
    tie: fc.constantFrom('0', '1', '2'),
    typed: fc.boolean(),
  })
  .map(({ ticks, kind, tie, typed }) => ({
    kind,
    timestamp: `000000000${ticks}.00000`,
    tie: kind === 'tombstone' ? '' : tie.repeat(32),
    typed: kind === 'metadata' && typed,
  }));

function stateOf(versions: readonly VersionOrder[]): (string | undefined)[] {
  const { base, metadata, contentType } = foldVersions(versions);
  return [base, metadata, contentType].map((found) => found && nameOf(found));
}

function unique(versions: readonly VersionOrder[]): VersionOrder[] {
  return [...new Map(versions.map((found) => [nameOf(found), found])).values()];
}

describe('the fold over versions', () => {
  it('is the same whatever order they arrive in, and whichever obsolete ones are removed in between', () => {
    const arrival = fc.uniqueArray(version, { selector: nameOf, maxLength: 10 }).chain((versions) =>
      fc.record({
        versions: fc.constant(versions),
        shuffled: fc.shuffledSubarray(versions, { minLength: versions.length }),
        cleaning: fc.array(fc.boolean(), { minLength: versions.length, maxLength: versions.length }),
      }),
    );
    fc.assert(
      fc.property(arrival, ({ versions, shuffled, cleaning }) => {
        let there: VersionOrder[] = [];
        for (const [index, arrived] of shuffled.entries()) {
          there = unique([...there, arrived]);
          if (cleaning[index]) {
            const { obsolete } = foldVersions(there);
            there = there.filter((found) => !obsolete.includes(found));
          }
        }
        expect(stateOf(there)).toEqual(stateOf(versions));
      }),
      { numRuns: 2000 },
    );
  });

  it('is made of the newest data or tombstone, and of metadata after it only', () => {
    fc.assert(
      fc.property(fc.array(version, { maxLength: 10 }), (versions) => {
        const { base, metadata, contentType } = foldVersions(versions);
        for (const { kind, timestamp } of versions)
          if (kind !== 'metadata') expect((base?.timestamp ?? '') >= timestamp).toBe(true);
        if (metadata) expect(metadata.timestamp > (base?.timestamp ?? '')).toBe(true);
        if (contentType)
          expect(contentType.typed && metadata && contentType.timestamp <= metadata.timestamp).toBe(true);
      }),
    );
  });
});
