import { type FileHandle, mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InvariantError, StartError, systemErrorCode } from '../../common/errors.ts';
import type { Logger } from '../../common/log.ts';

/** Lines that may wait for the disk; what comes on top is counted and reported. */
const MOST_WAITING_LINES = 10_000;
/** Old logs that are kept: `identity.log.1`, the newest, to `.4`. */
const MOST_OLD_LOGS = 4;

/**
 * An append-only file of JSON lines, 0600. Lines are written in the order they come, many at a time; one that cannot be written is
 * reported to the log and never holds up the request it is about. A crash loses what was not handed to the system yet, and may
 * leave the last line cut off.
 */
export class AuditLog {
  private readonly path: string;
  private readonly mostBytes: number;
  private readonly logger: Logger;
  private file: FileHandle | undefined;
  private sizeBytes = 0;
  private waiting: string[] = [];
  private dropped = 0;
  private writing: Promise<void> | undefined;

  constructor(path: string, mostBytes: number, logger: Logger) {
    this.path = path;
    this.mostBytes = mostBytes;
    this.logger = logger;
  }

  /** @throws StartError where the file cannot be written. */
  async open(): Promise<void> {
    try {
      await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
      await this.openFile();
    } catch (error) {
      if (systemErrorCode(error) === undefined) throw error;
      throw new StartError(`audit log: ${(error as Error).message}`, 73, error);
    }
  }

  append(line: string): void {
    if (this.waiting.length >= MOST_WAITING_LINES) {
      this.dropped += 1;
      return;
    }
    this.waiting.push(`${line}\n`);
    this.writing ??= this.write().finally(() => {
      this.writing = undefined;
    });
  }

  /** Waits until everything is written. */
  async close(): Promise<void> {
    await this.writing;
    await this.file?.close();
    this.file = undefined;
  }

  private async write(): Promise<void> {
    // Those of one turn of the event loop go together.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const text = this.waiting.join('');
      this.waiting = [];
      try {
        if (this.sizeBytes >= this.mostBytes) await this.putAside();
        if (!this.file) throw new InvariantError('the audit log is closed');
        const { bytesWritten } = await this.file.write(text);
        this.sizeBytes += bytesWritten;
        if (this.dropped > 0)
          this.logger.error({ dropped: this.dropped }, 'audit events were lost: the disk was too slow');
        this.dropped = 0;
      } catch (error) {
        this.logger.error({ err: error, lost: text.length }, 'the audit log cannot be written');
      }
    }
  }

  private async putAside(): Promise<void> {
    await this.file?.close();
    for (let number = MOST_OLD_LOGS - 1; number >= 1; number -= 1)
      await moveIfThere(this.old(number), this.old(number + 1));
    await moveIfThere(this.path, this.old(1));
    await this.openFile();
  }

  private async openFile(): Promise<void> {
    this.file = await open(this.path, 'a', 0o600);
    this.sizeBytes = (await stat(this.path)).size;
  }

  private old(number: number): string {
    return `${this.path}.${number}`;
  }
}

async function moveIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}
