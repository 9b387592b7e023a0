import { invariant } from '../common/errors.ts';
import { CONTAINER_SLOTS, containerSlotOf } from './changes.ts';

const SLOTS_BYTES = CONTAINER_SLOTS * Int32Array.BYTES_PER_ELEMENT;

/**
 * Which rows the listing writer of this node has taken and not yet written. Their senders keep them until they are written: a crash
 * loses none. Whoever reads a container asks the writer to write first, so what was taken is seen by everybody at once.
 *
 * Rows of one call carry the call's ticket; tickets rise from 1.
 */
export interface TakenRows {
  /** Hand this to a worker; `openTakenRows(devices, buffer)` there sees the same. */
  readonly buffer: SharedArrayBuffer;
  /** Whether the container, or one that shares its slot, may have rows that are not written. */
  isUnwritten(account: string, container: string): boolean;
  /** Whether all rows of the device that were taken with this ticket or before are durable. */
  isWritten(device: string, ticket: number): boolean;
  /** The writer's: before rows of the container are acknowledged, and after they were written or given up. */
  began(account: string, container: string): void;
  ended(account: string, container: string): void;
  /** The writer's: all of the device's rows up to this ticket are durable. */
  wrote(device: string, ticket: number): void;
}

/** @param devices of this node, in the same order everywhere. */
export function openTakenRows(
  devices: readonly string[],
  buffer: SharedArrayBuffer = new SharedArrayBuffer(SLOTS_BYTES + devices.length * BigInt64Array.BYTES_PER_ELEMENT),
): TakenRows {
  const unwritten = new Int32Array(buffer, 0, CONTAINER_SLOTS);
  const written = new BigInt64Array(buffer, SLOTS_BYTES);
  invariant(written.length === devices.length, 'the taken rows have another size');
  const places = new Map(devices.map((device, index) => [device, index]));
  const placeOf = (device: string): number => {
    const place = places.get(device);
    invariant(place !== undefined, `${device} is not a device of this node`);
    return place;
  };
  return {
    buffer,
    isUnwritten: (account, container) => Atomics.load(unwritten, containerSlotOf(account, container)) !== 0,
    isWritten: (device, ticket) => Number(Atomics.load(written, placeOf(device))) >= ticket,
    began: (account, container) => {
      Atomics.add(unwritten, containerSlotOf(account, container), 1);
    },
    ended: (account, container) => {
      Atomics.sub(unwritten, containerSlotOf(account, container), 1);
    },
    wrote: (device, ticket) => {
      Atomics.store(written, placeOf(device), BigInt(ticket));
    },
  };
}
