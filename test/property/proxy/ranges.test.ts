import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRange, satisfiableRanges } from '../../../proxy/features/ranges.ts';

const spec = fc.oneof(
  fc.tuple(fc.nat(200), fc.nat(200)).map(([first, length]) => `${first}-${first + length}`),
  fc.nat(200).map((first) => `${first}-`),
  fc.nat(200).map((suffix) => `-${suffix}`),
);

describe('ranges', () => {
  it('what is satisfiable lies inside the body and is not empty', () => {
    fc.assert(
      fc.property(fc.array(spec, { minLength: 1, maxLength: 60 }), fc.nat(150), (specs, sizeBytes) => {
        const parsed = parseRange(`bytes=${specs.join(',')}`) ?? [];
        expect(parsed).toHaveLength(specs.length);
        for (const { start, end } of satisfiableRanges(parsed, sizeBytes)) {
          expect(start).toBeGreaterThanOrEqual(0);
          expect(end).toBeLessThanOrEqual(sizeBytes);
          if (sizeBytes > 0) expect(end).toBeGreaterThan(start);
        }
      }),
    );
  });

  it('a single range selects the bytes that a plain reading of it selects', () => {
    fc.assert(
      fc.property(spec, fc.integer({ min: 1, max: 150 }), (text, sizeBytes) => {
        const [first, last] = text.split('-');
        const wanted = Array.from({ length: sizeBytes }, (_, index) => index).filter((index) =>
          first === ''
            ? index >= sizeBytes - Number(last)
            : index >= Number(first) && (last === '' || index <= Number(last)),
        );
        const [range] = satisfiableRanges(parseRange(`bytes=${text}`) ?? [], sizeBytes);
        const got = range ? Array.from({ length: range.end - range.start }, (_, index) => range.start + index) : [];
        expect(got).toEqual(wanted);
      }),
    );
  });

  it('no header makes it throw', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseRange(`bytes=${text}`)));
  });
});
