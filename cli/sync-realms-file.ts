import { readFile, stat } from 'node:fs/promises';
import { StartError } from '../common/errors.ts';
import { parseRealms, type SyncRealms } from '../proxy/sync/realms.ts';

const EX_NOINPUT = 66;
const EX_CONFIG = 78;
const MOST_FILE_BYTES = 1 << 20;

/**
 * Reads the file of container sync realms that the configuration names; none where it names none.
 *
 * @throws StartError where it is not there, others may read its keys, or it is not what it should be.
 */
export async function loadSyncRealms(path: string | undefined): Promise<SyncRealms> {
  if (path === undefined) return {};
  try {
    const { mode, size } = await stat(path);
    if ((mode & 0o007) !== 0)
      throw new StartError(
        `realms ${path}: everybody may use its keys (mode ${(mode & 0o777).toString(8)}); chmod 600 it`,
        EX_CONFIG,
      );
    if (size > MOST_FILE_BYTES) throw new StartError(`realms ${path}: too large`, EX_CONFIG);
    return parseRealms(await readFile(path, 'utf8'), path);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`realms ${path}: ${(error as Error).message}`, EX_NOINPUT, error);
  }
}
