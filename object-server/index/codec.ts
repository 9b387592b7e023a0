import { invariant } from '../../common/errors.ts';
import { ticksOf, timestampFromTicks } from '../../common/timestamp.ts';
import type { ListingReport } from '../contract.ts';
import type { Location, VersionKind } from '../slab/contract.ts';
import type { IndexedVersion, ObjectKey, PendingEntry, ScannedVersion, VersionIdentity } from './contract.ts';

/** Keys and values of the index. Integers are big-endian. Spec: docs/formats/object-index.md */

const VERSION_SPACE = 0x56; // V
const PENDING_SPACE = 0x50; // P
const POLICY_AT = 1;
const PARTITION_AT = 3;
const HASH_AT = 7;
const TICKS_AT = 23;
const KIND_AT = 31;
const TIE_AT = 32;
const TIE_BYTES = 16;
const VERSION_KEY_BYTES = TIE_AT + TIE_BYTES;
const VALUE_BYTES = 21;
const PENDING_KEY_BYTES = 13;
const TWO_32 = 2 ** 32;

const FLAG = { typed: 1, large: 2, damaged: 4, lasting: 8 } as const;
/** The order of kinds of one time, greatest first: inverted ranks. */
const KINDS: readonly VersionKind[] = ['tombstone', 'data', 'metadata'];
const NO_TIE = Buffer.alloc(TIE_BYTES, 0xff);

/** No key begins with this byte. */
export const AFTER_ALL = 0xff;

/** The first 23 bytes of the keys of an object's versions. */
function writeObject(key: Buffer, { policyIndex, partition, hash }: ObjectKey): void {
  key[0] = VERSION_SPACE;
  key.writeUInt16BE(policyIndex, POLICY_AT);
  key.writeUInt32BE(partition, PARTITION_AT);
  hash.copy(key, HASH_AT);
}

/** @returns bounds of the keys of an object's versions: from (inclusive) and to (exclusive). */
export function boundsOf(object: ObjectKey): { from: Buffer<ArrayBuffer>; to: Buffer<ArrayBuffer> } {
  const from = Buffer.allocUnsafe(TICKS_AT);
  writeObject(from, object);
  const to = Buffer.alloc(VERSION_KEY_BYTES + 1, AFTER_ALL);
  from.copy(to);
  return { from, to };
}

/** Before the keys of all versions of a policy's objects. */
export function startOfPolicy(policyIndex: number): Buffer {
  const key = Buffer.alloc(PARTITION_AT);
  key[0] = VERSION_SPACE;
  key.writeUInt16BE(policyIndex, POLICY_AT);
  return key;
}

export function isOfPolicy(key: Buffer, policyIndex: number): boolean {
  return key.readUInt16BE(POLICY_AT) === policyIndex;
}

/** After the keys of all versions of an object, and before those of the next one. */
export function endOfObject(object: ObjectKey): Buffer {
  return boundsOf(object).to;
}

export const VERSION_SPACE_BOUNDS = { from: Buffer.of(VERSION_SPACE), to: Buffer.of(VERSION_SPACE + 1) };
export const PENDING_SPACE_BOUNDS = { from: Buffer.of(PENDING_SPACE), to: Buffer.of(PENDING_SPACE + 1) };

/** Sorts newest first: time, kind rank and tie are stored inverted. */
export function encodeVersionKey(object: ObjectKey, { timestamp, kind, tie }: VersionIdentity): Buffer {
  const key = Buffer.allocUnsafe(VERSION_KEY_BYTES);
  writeObject(key, object);
  const ticks = ticksOf(timestamp);
  key.writeUInt32BE(0xffff_ffff - Math.floor(ticks / TWO_32), TICKS_AT);
  key.writeUInt32BE(0xffff_ffff - (ticks % TWO_32), TICKS_AT + 4);
  key[KIND_AT] = KINDS.indexOf(kind);
  if (tie === '') NO_TIE.copy(key, TIE_AT);
  else {
    const written = key.write(tie, TIE_AT, 'hex');
    invariant(written === TIE_BYTES, 'a tie has another length');
    for (let at = TIE_AT; at < VERSION_KEY_BYTES; at += 1) key[at] = 0xff - (key[at] ?? 0);
  }
  return key;
}

export function encodeVersionValue({ location, typed, large, damaged, lasting }: IndexedVersion): Buffer {
  const value = Buffer.allocUnsafe(VALUE_BYTES);
  writeLocation(value, location);
  value[20] =
    (typed ? FLAG.typed : 0) | (large ? FLAG.large : 0) | (damaged ? FLAG.damaged : 0) | (lasting ? FLAG.lasting : 0);
  return value;
}

/** @throws InvariantError for an entry of another form. */
export function decodeVersion(key: Buffer, value: Buffer): IndexedVersion {
  invariant(key.length === VERSION_KEY_BYTES && value.length === VALUE_BYTES, 'an index entry has another form');
  const ticks = (0xffff_ffff - key.readUInt32BE(TICKS_AT)) * TWO_32 + (0xffff_ffff - key.readUInt32BE(TICKS_AT + 4));
  const kind = KINDS[key[KIND_AT] ?? KINDS.length];
  invariant(kind !== undefined, 'an index entry of no kind');
  const flags = value[20] ?? 0;
  return {
    kind,
    timestamp: timestampFromTicks(ticks),
    tie: kind === 'tombstone' ? '' : tieOf(key),
    typed: (flags & FLAG.typed) !== 0,
    large: (flags & FLAG.large) !== 0,
    damaged: (flags & FLAG.damaged) !== 0,
    lasting: (flags & FLAG.lasting) !== 0,
    location: readLocation(value),
  };
}

export function decodeScanned(key: Buffer, value: Buffer): ScannedVersion {
  return { key, object: readObject(key), version: decodeVersion(key, value) };
}

/** Pending updates lie in the order in which their needles were written, as far as that is known. */
export function encodePendingKey({ location }: IndexedVersion): Buffer {
  const key = Buffer.allocUnsafe(PENDING_KEY_BYTES);
  key[0] = PENDING_SPACE;
  key.writeUInt32BE(Math.floor(location.generation / TWO_32), 1);
  key.writeUInt32BE(location.generation % TWO_32, 5);
  key.writeUInt32BE(location.offset, 9);
  return key;
}

/** The version's own entry as it was when this was noted, then the report as JSON. */
export function encodePendingValue(object: ObjectKey, version: IndexedVersion, listing: ListingReport): Buffer {
  return Buffer.concat([
    encodeVersionKey(object, version),
    encodeVersionValue(version),
    Buffer.from(JSON.stringify(listing)),
  ]);
}

export function decodePending(key: Buffer, value: Buffer): PendingEntry {
  const versionKey = value.subarray(0, VERSION_KEY_BYTES);
  const listingAt = VERSION_KEY_BYTES + VALUE_BYTES;
  const version = decodeVersion(versionKey, value.subarray(VERSION_KEY_BYTES, listingAt));
  const listing = JSON.parse(value.toString('utf8', listingAt)) as ListingReport;
  return { key, object: readObject(versionKey), version, listing };
}

function readObject(key: Buffer): ObjectKey {
  return {
    policyIndex: key.readUInt16BE(1),
    partition: key.readUInt32BE(3),
    hash: Buffer.from(key.subarray(HASH_AT, TICKS_AT)),
  };
}

function tieOf(key: Buffer): string {
  const tie = Buffer.allocUnsafe(TIE_BYTES);
  for (let at = 0; at < TIE_BYTES; at += 1) tie[at] = 0xff - (key[TIE_AT + at] ?? 0);
  return tie.toString('hex');
}

function writeLocation(value: Buffer, { segment, generation, offset, lengthBytes }: Location): void {
  value.writeUInt32BE(segment, 0);
  value.writeUInt32BE(Math.floor(generation / TWO_32), 4);
  value.writeUInt32BE(generation % TWO_32, 8);
  value.writeUInt32BE(offset, 12);
  value.writeUInt32BE(lengthBytes, 16);
}

function readLocation(value: Buffer): Location {
  return {
    segment: value.readUInt32BE(0),
    generation: value.readUInt32BE(4) * TWO_32 + value.readUInt32BE(8),
    offset: value.readUInt32BE(12),
    lengthBytes: value.readUInt32BE(16),
  };
}
