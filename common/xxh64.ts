import xxhash from 'xxhash-wasm';

const { h64Raw } = await xxhash();

/**
 * The 64-bit xxHash of `bytes`: catches what disks and wires do by accident, protects against nobody who means harm.
 *
 * Spec: xxHash fast digest algorithm, XXH64.
 */
export function xxh64(bytes: Uint8Array, seed = 0n): bigint {
  return h64Raw(bytes, seed);
}
