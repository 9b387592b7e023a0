import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeUpdates } from '../../../container-server/actions/apply-object-updates.ts';
import type { ObjectUpdate } from '../../../container-server/contract.ts';
import { packOutcomes, packUpdates, unpackOutcomes, unpackUpdates } from '../../../container-server/packed-updates.ts';
import { anyCharacter } from '../../support/any-character.ts';
import { at } from '../../support/listing-store.ts';

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter((text) => !text.includes('\0'));
const text = fc.string({ unit: anyCharacter, maxLength: 12 });
const timestamp = fc.nat(99_999).map(at);

const update: fc.Arbitrary<ObjectUpdate> = fc.record({
  replicas: fc.array(fc.record({ device: name, partition: fc.nat(1 << 20) }), { maxLength: 4 }),
  account: name,
  container: name,
  row: fc.oneof(
    fc.record({ name, timestamp, deleted: fc.constant(true as const) }),
    fc.record({
      name,
      deleted: fc.constant(false as const),
      timestamp,
      contentType: text,
      contentTypeTimestamp: timestamp,
      metadataTimestamp: timestamp,
      etag: text,
      sizeBytes: fc.maxSafeNat(),
    }),
  ),
});

describe('packed object updates', () => {
  it('arrive as they were sent, whatever is in their names and values', () => {
    fc.assert(
      fc.property(fc.array(update, { maxLength: 6 }), (updates) => {
        expect(unpackUpdates(packUpdates(updates))).toEqual(encodeUpdates(updates));
      }),
      { numRuns: 500 },
    );
  });

  it('are refused with a NUL in a name, which would part it in two', () => {
    const row = { name: 'a\0b', timestamp: at(1), deleted: true as const };
    expect(() => packUpdates([{ replicas: [], account: 'a', container: 'c', row }])).toThrow('NUL');
    expect(() => unpackUpdates('1\0d1')).toThrow('too early');
  });

  it('get their outcomes back in order', () => {
    const outcome = fc.array(fc.constantFrom('listed' as const, 'gone' as const, 'failed' as const), { maxLength: 4 });
    fc.assert(
      fc.property(fc.array(fc.tuple(update, outcome), { maxLength: 6 }), (pairs) => {
        const updates = pairs.map(([each, answers]) => ({
          ...each,
          replicas: answers.map(() => ({ device: 'd', partition: 0 })),
        }));
        const outcomes = pairs.map(([, answers]) => answers);
        expect(unpackOutcomes(packOutcomes(outcomes), updates)).toEqual(outcomes);
      }),
    );
  });
});
