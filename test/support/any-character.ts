import fc from 'fast-check';

const SURROGATES = { first: 0xd800, count: 0x800 };

/**
 * Any code point that is no half of a pair, as a unit of strings. fast-check's own `binary` unit makes them too, and takes a second at
 * first use to learn how to shrink examples that are given by hand.
 */
export const anyCharacter: fc.Arbitrary<string> = fc
  .nat(0x10ffff - SURROGATES.count)
  .map((index) => String.fromCodePoint(index < SURROGATES.first ? index : index + SURROGATES.count));
