import { join } from 'node:path';
import type { Disk } from '../disk/contract.ts';

const NAME = /^([0-9a-f]{8})\.slab$/;

export function segmentPath(folder: string, segment: number): string {
  return join(folder, `${segment.toString(16).padStart(8, '0')}.slab`);
}

/** Numbers of the segments in a folder, ascending. */
export async function segmentNumbers(disk: Disk, folder: string): Promise<number[]> {
  const names = await disk.list(folder);
  return names
    .flatMap((name) => {
      const [, digits] = NAME.exec(name) ?? [];
      return digits === undefined ? [] : [Number.parseInt(digits, 16)];
    })
    .sort((a, b) => a - b);
}
