import { hash } from 'node:crypto';
import { invariant } from '../common/errors.ts';

/** The cluster's secret salt: without it nobody can choose names that fall into one partition. */
export interface HashSecret {
  readonly prefix: string;
  readonly suffix: string;
}

/**
 * Hashes the path of an account, container or object: MD5 of prefix, `/account[/container[/object]]`, suffix in UTF-8.
 *
 * @returns 16 bytes.
 * @throws InvariantError if an object comes without its container.
 * Spec: Swift 2.30, "The Rings": Partition assignment, `hash_path_prefix` and `hash_path_suffix`.
 */
export function pathHash(secret: HashSecret, account: string, container?: string, object?: string): Buffer {
  invariant(object === undefined || container !== undefined, 'an object has a container');
  let path = `${secret.prefix}/${account}`;
  if (container !== undefined) path += `/${container}`;
  if (object !== undefined) path += `/${object}`;
  // A third of the cost of 'buffer', which comes from outside the pool of small buffers.
  return Buffer.from(hash('md5', path + secret.suffix, 'binary'), 'binary');
}

/**
 * Maps the hash of a path to its ring partition.
 *
 * @param digest MD5 of the salted path, 16 bytes; the first 4 (big-endian) are used.
 * @param partPower 0..32; the ring has 2 ** partPower partitions.
 * @returns partition index, 0 <= p < 2 ** partPower.
 * @throws InvariantError if partPower is out of range (a caller's bug, never user input).
 * Spec: Swift, "The Rings": Partition Shift Value.
 */
export function partitionOfHash(digest: Buffer, partPower: number): number {
  invariant(Number.isInteger(partPower) && partPower >= 0 && partPower <= 32, 'the partition power is 0..32');
  return partPower === 0 ? 0 : digest.readUInt32BE(0) >>> (32 - partPower);
}
