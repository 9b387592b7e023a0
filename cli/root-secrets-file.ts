import { type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { StartError, systemErrorCode } from '../common/errors.ts';
import { EX_CONFIG, EX_NOINPUT } from '../common/exit-codes.ts';
import { publishFile } from '../common/files/durable-file.ts';
import { parseRootSecrets, type RootSecrets } from '../proxy/encryption/root-secrets.ts';

const MOST_FILE_BYTES = 1 << 20;

/**
 * Reads the file of root secrets that the configuration names.
 *
 * @returns undefined where it names none.
 * @throws StartError where it is not there, others than its owner may read it, or it is not what it should be.
 */
export async function loadRootSecrets(path: string | undefined): Promise<RootSecrets | undefined> {
  if (path === undefined) return undefined;
  const secrets = await readRootSecrets(resolve(path));
  if (!secrets)
    throw new StartError(
      `root secrets ${path}: it is not there; make it with 'martlet encryption add ${path}'`,
      EX_NOINPUT,
    );
  return secrets;
}

/** @returns undefined where there is no such file. @throws StartError as `loadRootSecrets`. */
export async function readRootSecrets(path: string): Promise<RootSecrets | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw new StartError(`root secrets ${path}: ${(error as Error).message}`, EX_NOINPUT, error);
  }
  try {
    const stats = await file.stat();
    const { mode, size } = stats;
    if (!stats.isFile()) throw new StartError(`root secrets ${path}: no file`, EX_CONFIG);
    if ((mode & 0o077) !== 0)
      throw new StartError(
        `root secrets ${path}: others than its owner may use it (mode ${(mode & 0o777).toString(8)}); chmod 600 it`,
        EX_CONFIG,
      );
    if (size > MOST_FILE_BYTES) throw new StartError(`root secrets ${path}: too large`, EX_CONFIG);
    return parseRootSecrets(await file.readFile('utf8'), path);
  } finally {
    await file.close();
  }
}

/** A crash leaves the old secrets or the new, and nobody but the owner can read either. */
export async function saveRootSecrets(path: string, secrets: RootSecrets): Promise<void> {
  await publishFile(path, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
}
