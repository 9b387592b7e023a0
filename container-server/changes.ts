import { invariant } from '../common/errors.ts';

/** Slots that the names of a node's containers share. */
export const CONTAINER_SLOTS = 4096;

/**
 * Counts changes of containers' own records (made, changed, removed; not their rows), and of accounts' (under the container name ''), by
 * slots that names share. The listing store
 * bumps a slot after the change is durable and before it is acknowledged; whoever remembers a container's record on the same node
 * reads the slot *before* asking for it and may use it as long as the slot has not moved.
 */
export interface ContainerChanges {
  /** Hand this to a worker; `openContainerChanges(buffer)` there sees the same counts. */
  readonly buffer: SharedArrayBuffer;
  current(account: string, container: string): number;
  bump(account: string, container: string): void;
}

export function openContainerChanges(
  buffer: SharedArrayBuffer = new SharedArrayBuffer(CONTAINER_SLOTS * Int32Array.BYTES_PER_ELEMENT),
): ContainerChanges {
  invariant(
    buffer.byteLength === CONTAINER_SLOTS * Int32Array.BYTES_PER_ELEMENT,
    'the container changes have another size',
  );
  const counts = new Int32Array(buffer);
  return {
    buffer,
    current: (account, container) => Atomics.load(counts, containerSlotOf(account, container)),
    bump: (account, container) => {
      Atomics.add(counts, containerSlotOf(account, container), 1);
    },
  };
}

/** FNV-1a over UTF-16 units. Spec: draft-eastlake-fnv. */
export function containerSlotOf(account: string, container: string): number {
  let hash = 0x811c9dc5;
  for (const text of [account, '/', container])
    for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % CONTAINER_SLOTS;
}
