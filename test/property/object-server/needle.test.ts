import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { xxh64 } from '../../../common/xxh64.ts';
import { BatchLayout } from '../../../object-server/slab/batch.ts';
import type { Location, Needle, NeedleBody } from '../../../object-server/slab/contract.ts';
import { CorruptNeedleError } from '../../../object-server/slab/corrupt-needle.ts';
import { decodeNeedleAt, encodeNeedle, type SegmentIdentity } from '../../../object-server/slab/needle.ts';
import { expectSame } from '../../support/object-server/slabs.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const hex32 = fc.stringMatching(/^[0-9a-f]{32}$/);
const metadata = fc.dictionary(fc.oneof(text, fc.constantFrom('__proto__', 'constructor')), text, {
  maxKeys: 6,
  noNullPrototype: true,
});
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const replica = { ip: text, port: fc.nat(65_535), device: text, partition: uint32 };

const body: fc.Arbitrary<NeedleBody> = fc.oneof(
  fc.constant<NeedleBody>({ where: 'none' }),
  text.map((name): NeedleBody => ({ where: 'file', name })),
  fc.uint8Array({ maxLength: 300 }).map((bytes): NeedleBody => ({ where: 'inline', bytes, checksum: xxh64(bytes) })),
  fc.constantFrom(16_384, 16_385, 65_536).map((length): NeedleBody => {
    const bytes = Buffer.alloc(length, 7);
    return { where: 'inline', bytes, checksum: xxh64(bytes) };
  }),
);

const needle: fc.Arbitrary<Needle> = fc.record({
  kind: fc.constantFrom('data', 'metadata', 'tombstone'),
  account: text,
  container: text,
  object: text,
  partition: uint32,
  policyIndex: fc.nat(255),
  timestamp: fc.nat(99_999).map((ticks) => `1700000000.${String(ticks).padStart(5, '0')}`),
  tie: fc.oneof(hex32, fc.constant('')),
  etag: fc.oneof(hex32, fc.constant('')),
  sizeBytes: fc.maxSafeNat(),
  contentType: fc.option(text, { nil: undefined }),
  fixedMetadata: metadata,
  metadata,
  listing: fc.option(
    fc.record(
      { ...replica, others: fc.array(fc.record(replica, { noNullPrototype: true }), { maxLength: 3 }) },
      { noNullPrototype: true },
    ),
    { nil: undefined },
  ),
  body,
});

const identity: fc.Arbitrary<SegmentIdentity> = fc.record({
  segment: fc.nat(65_535),
  generation: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  salt: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
});

/** As it lies in a batch of its own, without the padding. */
function bytesOf(version: Needle, segment: SegmentIdentity, offset: number): { bytes: Buffer; location: Location } {
  const encoded = encodeNeedle(version);
  const place = { ...segment, batchOffset: offset, batchBytes: encoded.lengthBytes };
  const bytes = Buffer.concat(new BatchLayout().lay([encoded], [offset], place)).subarray(0, encoded.lengthBytes);
  return { bytes, location: { ...segment, offset, lengthBytes: encoded.lengthBytes } };
}

function accepted(bytes: Buffer, location: Location, salt: bigint): boolean {
  try {
    return decodeNeedleAt(bytes, location, salt) !== undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(CorruptNeedleError);
    return false;
  }
}

describe('the bytes of a needle', () => {
  it('come back as what they were', () => {
    fc.assert(
      fc.property(needle, identity, fc.integer({ min: 1, max: 1000 }), (version, segment, block) => {
        const { bytes, location } = bytesOf(version, segment, block * 4096);
        expectSame(decodeNeedleAt(bytes, location, segment.salt), version);
      }),
    );
  });

  it('are refused with any bit flipped', () => {
    fc.assert(
      fc.property(
        needle,
        identity,
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (version, segment, at) => {
          const { bytes, location } = bytesOf(version, segment, 4096);
          const bit = Math.floor(at * bytes.length * 8);
          bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          expect(accepted(bytes, location, segment.salt)).toBe(false);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('are refused when they are cut off', () => {
    fc.assert(
      fc.property(
        needle,
        identity,
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (version, segment, at) => {
          const { bytes, location } = bytesOf(version, segment, 4096);
          const lengthBytes = Math.floor(at * bytes.length);
          expect(accepted(bytes.subarray(0, lengthBytes), location, segment.salt)).toBe(false);
          expect(accepted(bytes.subarray(0, lengthBytes), { ...location, lengthBytes }, segment.salt)).toBe(false);
        },
      ),
    );
  });

  it('are refused in another place, in another generation, or under another salt', () => {
    fc.assert(
      fc.property(needle, identity, identity, fc.integer({ min: 1, max: 1000 }), (version, segment, other, block) => {
        fc.pre(
          other.generation !== segment.generation && other.salt !== segment.salt && other.segment !== segment.segment,
        );
        const { bytes, location } = bytesOf(version, segment, 4096);
        const { salt } = segment;
        expect(accepted(bytes, location, salt)).toBe(true);
        expect(accepted(bytes, { ...location, offset: 4096 + 8 * block }, salt)).toBe(false);
        expect(accepted(bytes, { ...location, generation: other.generation }, salt)).toBe(false);
        expect(accepted(bytes, { ...location, segment: other.segment }, salt)).toBe(false);
        expect(accepted(bytes, location, other.salt)).toBe(false);
      }),
    );
  });
});
