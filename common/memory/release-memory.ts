import { MessageChannel, type MessagePort } from 'node:worker_threads';

/** Shorter memory is left to the garbage collector. */
const FEWEST_BYTES = 16 << 10;

let nowhere: MessagePort | undefined;

/**
 * Frees the memory of bytes that nobody will look at again, now. Left to the garbage collector, a stream of 64 KiB chunks makes it walk the
 * whole heap every 16 MiB: 1.5 s of CPU for each GiB in a server, and memory that is cold when it is used again.
 *
 * @param bytes whoever still holds them finds them empty. Where they are a part of larger memory, nothing happens.
 */
export function releaseMemory(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (!isWorthReleasing(bytes) || !(buffer instanceof ArrayBuffer)) return;
  nowhere ??= portToNowhere();
  nowhere.postMessage(buffer, [buffer]);
}

/** Whether it is long, and the whole of its memory. */
export function isWorthReleasing({ buffer, length }: Uint8Array): boolean {
  return length >= FEWEST_BYTES && buffer.byteLength === length;
}

/** What is transferred to a closed port is detached, as to any other, and then dropped. Spec: HTML, "MessagePort", postMessage. */
function portToNowhere(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.close();
  return port1;
}
