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
  /** Whether the device's rows that were taken with this ticket are durable; false, too, where some that were taken later are lost. */
  isWritten(device: string, ticket: number): boolean;
  /** The writer's: before rows of the container are acknowledged, and after they were written or given up. */
  began(account: string, container: string): void;
  ended(account: string, container: string): void;
  /** The writer's: the device's rows up to this ticket are durable, but for those that are lost. */
  wrote(device: string, ticket: number): void;
  /** The writer's, before it says more to be durable: rows up to this ticket may be lost. Their senders have to tell them again. */
  lost(device: string, ticket: number): void;
}

/** @param devices of this node, in the same order everywhere. */
export function openTakenRows(
  devices: readonly string[],
  buffer: SharedArrayBuffer = new SharedArrayBuffer(SLOTS_BYTES + 2 * devices.length * BigInt64Array.BYTES_PER_ELEMENT),
): TakenRows {
  const unwritten = new Int32Array(buffer, 0, CONTAINER_SLOTS);
  const tickets = new BigInt64Array(buffer, SLOTS_BYTES);
  invariant(tickets.length === 2 * devices.length, 'the taken rows have another size');
  /** By device, the greatest ticket of rows that were written, and of rows that were lost. */
  const written = tickets.subarray(0, devices.length);
  const lost = tickets.subarray(devices.length);
  const places = new Map(devices.map((device, index) => [device, index]));
  const placeOf = (device: string): number => {
    const place = places.get(device);
    invariant(place !== undefined, `${device} is not a device of this node`);
    return place;
  };
  return {
    buffer,
    isUnwritten: (account, container) => Atomics.load(unwritten, containerSlotOf(account, container)) !== 0,
    isWritten: (device, ticket) => {
      const place = placeOf(device);
      // In this order: what is lost is said before any later row is said to be written.
      return Number(Atomics.load(written, place)) >= ticket && Number(Atomics.load(lost, place)) < ticket;
    },
    began: (account, container) => {
      Atomics.add(unwritten, containerSlotOf(account, container), 1);
    },
    ended: (account, container) => {
      Atomics.sub(unwritten, containerSlotOf(account, container), 1);
    },
    wrote: (device, ticket) => {
      Atomics.store(written, placeOf(device), BigInt(ticket));
    },
    lost: (device, ticket) => {
      const place = placeOf(device);
      if (Number(Atomics.load(lost, place)) < ticket) Atomics.store(lost, place, BigInt(ticket));
    },
  };
}
