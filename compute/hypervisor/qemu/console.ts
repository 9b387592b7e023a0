import { open, readFile, stat, truncate } from 'node:fs/promises';
import { publishFile } from '../../../common/files/durable-file.ts';
import { MOST_CONSOLE_FILE_BYTES, MOST_CONSOLE_READ_BYTES } from '../../limits.ts';
import type { GuestPaths } from './paths.ts';

/** The end of what the guest wrote to its serial port, at most `MOST_CONSOLE_READ_BYTES`; empty before its first boot. */
export async function readConsole(paths: GuestPaths): Promise<string> {
  const earlier = await readFile(paths.earlierConsole).catch(() => Buffer.alloc(0));
  const all = Buffer.concat([earlier, await tailOf(paths.console)]);
  return all.subarray(Math.max(0, all.length - MOST_CONSOLE_READ_BYTES)).toString('utf8');
}

/**
 * Keeps a talkative guest from filling the disk: beyond a size, the tail moves to a second file and the first begins anew. QEMU appends, so
 * it goes on at the new end; what it writes between our reading and our cutting is lost.
 */
export async function boundConsole(paths: GuestPaths): Promise<void> {
  const size = await stat(paths.console).then(
    ({ size: bytes }) => bytes,
    () => 0,
  );
  if (size <= MOST_CONSOLE_FILE_BYTES) return;
  await publishFile(paths.earlierConsole, await tailOf(paths.console));
  await truncate(paths.console, 0);
}

async function tailOf(path: string): Promise<Buffer> {
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) return Buffer.alloc(0);
  try {
    const { size } = await file.stat();
    const length = Math.min(size, MOST_CONSOLE_READ_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
