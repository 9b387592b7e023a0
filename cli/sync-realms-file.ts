import { readFile, stat } from 'node:fs/promises';
import { StartError } from '../common/errors.ts';
import { EX_CONFIG, EX_NOINPUT } from '../common/exit-codes.ts';
import type { Logger } from '../common/log.ts';
import { parseRealms, type SyncRealms } from '../proxy/sync/realms.ts';

const MOST_FILE_BYTES = 1 << 20;
/** How often the file is looked at. */
const POLL_MS = 1_000;

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

/** The file of realms while the program runs: read again when it changes. One that cannot be used is reported and changes nothing. */
export class SyncRealmsFile {
  private readonly path: string | undefined;
  private readonly logger: Logger;
  private realms: SyncRealms;
  private seen = '';

  /** @param realms what was read at the start. */
  constructor(path: string | undefined, realms: SyncRealms, logger: Logger) {
    this.path = path;
    this.realms = realms;
    this.logger = logger;
  }

  current(): SyncRealms {
    return this.realms;
  }

  /** Looks for changes from now on, as long as the process runs. */
  watch(): void {
    if (this.path !== undefined) setInterval(() => void this.reload(), POLL_MS).unref();
  }

  /** Reads the file if it has changed, or has not been looked at yet. Never rejects. */
  async reload(): Promise<void> {
    if (this.path === undefined) return;
    try {
      // Its times tell of a change of its rights, too: a file that was refused for them is read again.
      const stamp = await stat(this.path).then(
        ({ mtimeMs, ctimeMs, size, ino }) => [mtimeMs, ctimeMs, size, ino].join(' '),
        () => 'none',
      );
      if (stamp === this.seen) return;
      this.seen = stamp;
      this.realms = await loadSyncRealms(this.path);
    } catch (error) {
      this.logger.error({ err: error }, 'the file of realms cannot be used; the realms of before stay');
    }
  }
}
