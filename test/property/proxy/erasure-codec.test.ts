import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadErasureCodec } from '../../../proxy/erasure/codec.ts';
import {
  fragmentBytes,
  pieceBytes,
  pieceCount,
  pieceOffset,
  segmentCount,
  segmentLength,
} from '../../../proxy/erasure/layout.ts';
import { codecs } from '../../support/swift-fakes/plain-codec.ts';

const counts = fc.record({ dataPieces: fc.integer({ min: 2, max: 10 }), parityPieces: fc.integer({ min: 1, max: 5 }) });

describe.each(await codecs())('the erasure codec %s', (_, codec) => {
  it('any pieces, as many as the data has, give the data', async () => {
    await fc.assert(
      fc.asyncProperty(
        counts,
        fc.integer({ min: 1, max: 40 }).map((units) => 8 * units),
        fc.infiniteStream(fc.nat()),
        async (scheme, bytes, random) => {
          const total = pieceCount(scheme);
          const next = () => random.next().value as number;
          const pieces = Uint8Array.from({ length: total * bytes }, (_, at) =>
            at < scheme.dataPieces * bytes ? (at * 31 + bytes) % 256 : 0,
          );
          await codec.encode(pieces, scheme);
          const shuffled = Array.from({ length: total }, (_, index) => ({ index, key: next() }));
          shuffled.sort((left, right) => left.key - right.key);
          const present = shuffled.slice(0, scheme.dataPieces).map(({ index }) => index);
          const damaged = pieces.slice();
          for (let index = 0; index < total; index += 1)
            if (!present.includes(index)) damaged.fill(0xee, index * bytes, (index + 1) * bytes);
          await codec.restore(damaged, scheme, present);
          const data = scheme.dataPieces * bytes;
          expect(damaged.subarray(0, data)).toEqual(pieces.subarray(0, data));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('refuses to guess from too few', async () => {
    const scheme = { dataPieces: 3, parityPieces: 2 };
    await expect(codec.restore(new Uint8Array(40), scheme, [0, 4])).rejects.toThrow();
  });
});

describe('the library', () => {
  it('says what to do where its library is not installed', async () => {
    await expect(loadErasureCodec('no-such-codec')).rejects.toThrow(
      /needs the package no-such-codec, which is not installed/,
    );
  });
});

describe('the layout of fragments', () => {
  it('the pieces of all segments fill the fragment, one after another', () => {
    fc.assert(
      fc.property(
        counts,
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 700 }),
        (scheme, sizeBytes, segmentBytes) => {
          const layout = { ...scheme, sizeBytes, segmentBytes };
          let body = 0;
          let offset = 0;
          for (let index = 0; index < segmentCount(layout); index += 1) {
            expect(pieceOffset(layout, index)).toBe(offset);
            const length = segmentLength(layout, index);
            expect(pieceBytes(layout, length) * layout.dataPieces).toBeGreaterThanOrEqual(length);
            offset += pieceBytes(layout, length);
            body += length;
          }
          expect([body, offset]).toEqual([sizeBytes, fragmentBytes(layout)]);
        },
      ),
    );
    expect(fragmentBytes({ dataPieces: 2, parityPieces: 1, sizeBytes: 0, segmentBytes: 10 })).toBe(0);
  });
});
