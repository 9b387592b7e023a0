import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldVersions } from '../../../object-server/engine/fold.ts';
import { formatVersionName, parseVersionName, type VersionName } from '../../../object-server/engine/version-name.ts';

const version: fc.Arbitrary<VersionName> = fc
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

function stateOf(versions: readonly VersionName[]): (string | undefined)[] {
  const { base, metadata, contentType } = foldVersions(versions);
  return [base, metadata, contentType].map((found) => found && formatVersionName(found));
}

function unique(versions: readonly VersionName[]): VersionName[] {
  return [...new Map(versions.map((found) => [formatVersionName(found), found])).values()];
}

describe('the fold over versions', () => {
  it('is the same whatever order they arrive in, and whichever obsolete ones are removed in between', () => {
    const arrival = fc.uniqueArray(version, { selector: formatVersionName, maxLength: 10 }).chain((versions) =>
      fc.record({
        versions: fc.constant(versions),
        shuffled: fc.shuffledSubarray(versions, { minLength: versions.length }),
        cleaning: fc.array(fc.boolean(), { minLength: versions.length, maxLength: versions.length }),
      }),
    );
    fc.assert(
      fc.property(arrival, ({ versions, shuffled, cleaning }) => {
        let there: VersionName[] = [];
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

  it('survives being written as file names', () => {
    fc.assert(fc.property(version, (found) => void expect(parseVersionName(formatVersionName(found))).toEqual(found)));
    for (const file of ['', 'x.data', '0000000001.00000.data', '0000000001.00000-12.data', '.0000000001.00000.ts'])
      expect(parseVersionName(file)).toBeUndefined();
  });
});
