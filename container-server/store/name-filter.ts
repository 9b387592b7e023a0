import { invariant } from '../../common/errors.ts';

/** Of a name that was never added, each layer says once in some 2,000 times that it may have been. */
const HASHES = 8;
const BITS_PER_NAME = 16;
const LEAST_BITS = 1 << 13;

/** Two independent hashes of a name, 32 bits each: computed once for all replicas. */
export interface NameHash {
  first: number;
  second: number;
}

interface Layer {
  bits: Uint32Array;
  mask: number;
  /** Names that it may still take. */
  room: number;
}

/**
 * A Bloom filter that grows: it says of a name that it was surely never added, or that it may have been.
 *
 * Spec: Bloom, "Space/time trade-offs in hash coding with allowable errors"; double hashing after Kirsch and Mitzenmacher.
 */
export class NameFilter {
  bytes = 0;
  /** Names added, the same one twice counted twice unless it was noticed. */
  names = 0;
  private readonly layers: Layer[] = [];

  /** @param expected names that will be added soon. */
  constructor(expected: number) {
    this.grow(expected);
  }

  has(hash: NameHash): boolean {
    return this.layers.some((layer) => holds(layer, hash));
  }

  add(hash: NameHash): void {
    if (this.has(hash)) return;
    const last = this.layers.at(-1);
    invariant(last !== undefined, 'a filter without a layer');
    const layer = last.room > 0 ? last : this.grow(this.names * 2);
    layer.room -= 1;
    this.names += 1;
    const { bits, mask } = layer;
    for (let index = 0, bit = hash.first; index < HASHES; index += 1, bit = (bit + hash.second) | 0) {
      const at = (bit & mask) >>> 5;
      bits[at] = (bits[at] ?? 0) | (1 << (bit & 31));
    }
  }

  private grow(names: number): Layer {
    let size = LEAST_BITS;
    while (size < names * BITS_PER_NAME) size *= 2;
    const layer = { bits: new Uint32Array(size / 32), mask: size - 1, room: Math.floor(size / BITS_PER_NAME) };
    this.layers.push(layer);
    this.bytes += layer.bits.byteLength;
    return layer;
  }
}

function holds({ bits, mask }: Layer, { first, second }: NameHash): boolean {
  for (let index = 0, bit = first; index < HASHES; index += 1, bit = (bit + second) | 0)
    if (((bits[(bit & mask) >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
  return true;
}

/** Whoever can choose names can make them collide: that costs a look at the database, and nothing else. */
export function hashOfName(name: string): NameHash {
  let first = 0x811c9dc5;
  let second = 0x9747b28c;
  for (let index = 0; index < name.length; index += 1) {
    const unit = name.charCodeAt(index);
    first = Math.imul(first ^ unit, 0x01000193);
    second = Math.imul(second + unit, 0x5bd1e995);
    second ^= second >>> 15;
  }
  return { first: mix(first), second: mix(second) | 1 };
}

/** Spec: MurmurHash3, 32-bit finalizer. */
function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
