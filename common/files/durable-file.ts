import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface PublishOptions {
  /** Permission bits of the new file; 0o600 unless told. */
  mode?: number;
}

/**
 * Publishes a small file so that a crash at any line leaves the old content or the new, never a mixture:
 * temporary file, write, fsync, rename, fsync of the directory. What a crash can leave beside it is `.<name>.<random>.tmp`.
 */
export async function publishFile(
  path: string,
  content: string | Uint8Array,
  options: PublishOptions = {},
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const file = await open(temporary, 'wx', options.mode ?? 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Makes the directory's entries durable: creations, renames and removals before this call survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
