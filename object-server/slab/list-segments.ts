import type { Disk } from '../disk/contract.ts';
import type { SegmentInfo } from './contract.ts';
import { LIST_IN_FLIGHT } from './limits.ts';
import { segmentNumbers, segmentPath } from './segment-file.ts';
import { readSegmentHeader } from './segment-header.ts';

/**
 * The segments in a device's slab folder, by number.
 * @throws the disk's own errors.
 */
export async function listSegments(disk: Disk, folder: string): Promise<SegmentInfo[]> {
  const numbers = await segmentNumbers(disk, folder);
  const found: SegmentInfo[] = [];
  for (let start = 0; start < numbers.length; start += LIST_IN_FLIGHT)
    found.push(
      ...(await Promise.all(
        numbers.slice(start, start + LIST_IN_FLIGHT).map((segment) => segmentInfo(disk, folder, segment)),
      )),
    );
  return found;
}

async function segmentInfo(disk: Disk, folder: string, segment: number): Promise<SegmentInfo> {
  const file = await disk.open(segmentPath(folder, segment), {});
  try {
    const { header, damaged } = await readSegmentHeader(file, segment);
    return {
      segment,
      generation: header?.use === 'used' ? header.generation : undefined,
      latestGeneration: header?.generation ?? 0,
      headerDamaged: damaged,
      lane: header?.lane ?? 0,
      sizeBytes: await file.sizeBytes(),
    };
  } finally {
    await file.close();
  }
}
