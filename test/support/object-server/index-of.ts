import { join } from 'node:path';
import type { PendingEntry, ScannedVersion } from '../../../object-server/index/contract.ts';
import { openLevelIndex } from '../../../object-server/index/level-index.ts';

/** What the index of device `d1` below a folder holds, read beside the stores that have it open. */
export async function indexOf(folder: string): Promise<{ versions: ScannedVersion[]; pending: PendingEntry[] }> {
  const index = await openLevelIndex(join(folder, 'd1', 'index'));
  try {
    return { versions: await index.scan(undefined, 1000), pending: await index.pending(undefined, 1000) };
  } finally {
    await index.close();
  }
}
