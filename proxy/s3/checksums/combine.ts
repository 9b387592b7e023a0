/** A cyclic redundancy check whose bits go in and out reflected, with all ones before and after. */
export interface CrcKind {
  bits: 32 | 64;
  /** The polynomial, reflected, without its highest term. */
  polynomial: bigint;
}

export const CRC32_KIND: CrcKind = { bits: 32, polynomial: 0xedb88320n };
export const CRC32C_KIND: CrcKind = { bits: 32, polynomial: 0x82f63b78n };
export const CRC64NVME_KIND: CrcKind = { bits: 64, polynomial: 0x9a6c9329ac4bc9b5n };

/**
 * The check of two texts one after the other, from their own checks and the second one's length. Parts of an upload have few different
 * lengths: what is multiplied with is remembered by length.
 */
export class CrcCombiner {
  private readonly kind: CrcKind;
  private readonly factors = new Map<number, bigint>();

  constructor(kind: CrcKind) {
    this.kind = kind;
  }

  combine(first: bigint, second: bigint, secondBytes: number): bigint {
    let factor = this.factors.get(secondBytes);
    if (factor === undefined) {
      factor = this.power(BigInt(secondBytes) * 8n);
      this.factors.set(secondBytes, factor);
    }
    return this.multiply(factor, first) ^ second;
  }

  /** x to the power `exponent`, modulo the polynomial; reflected: the highest bit is x to the power 0. */
  private power(exponent: bigint): bigint {
    const one = 1n << BigInt(this.kind.bits - 1);
    let result = one;
    let square = one >> 1n;
    for (let rest = exponent; rest > 0n; rest >>= 1n) {
      if (rest & 1n) result = this.multiply(result, square);
      square = this.multiply(square, square);
    }
    return result;
  }

  private multiply(left: bigint, right: bigint): bigint {
    let product = 0n;
    let shifted = right;
    for (let bit = 1n << BigInt(this.kind.bits - 1); bit > 0n; bit >>= 1n) {
      if (left & bit) product ^= shifted;
      shifted = shifted & 1n ? (shifted >> 1n) ^ this.kind.polynomial : shifted >> 1n;
    }
    return product;
  }
}
