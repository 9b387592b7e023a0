import type { VolumeBacking } from '../drivers/contract.ts';
import { COPY_CHUNK_BYTES } from '../limits.ts';
import { BackingFile } from './backing-file.ts';

/** Overwrites a volume with zeros, durably. @throws the signal's reason when it is aborted. */
export async function wipe(backing: VolumeBacking, signal?: AbortSignal): Promise<void> {
  const zeros = Buffer.alloc(COPY_CHUNK_BYTES);
  const file = await BackingFile.open(backing, 'r+');
  try {
    for (let at = 0; at < backing.sizeBytes; at += zeros.length) {
      signal?.throwIfAborted();
      await file.write(zeros.subarray(0, Math.min(zeros.length, backing.sizeBytes - at)), at);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}
