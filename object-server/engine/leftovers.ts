import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Device } from './device.ts';

/** Removes what uploads of processes that are gone have left half written. @returns how many files that were. */
export async function removeLeftovers(device: Device): Promise<number> {
  const files = await readdir(device.temporaryFolder);
  const dead = files.filter((file) => !file.startsWith(`${device.processToken}.`));
  for (const file of dead) await device.io.run(() => rm(join(device.temporaryFolder, file), { force: true }));
  return dead.length;
}
