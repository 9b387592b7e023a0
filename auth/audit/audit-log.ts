import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InvariantError, StartError, systemErrorCode } from '../../common/errors.ts';
import { EX_CANTCREAT } from '../../common/exit-codes.ts';
import { syncDirectory } from '../../common/files/durable-file.ts';
import type { Logger } from '../../common/log.ts';

/** Lines that may wait for the disk; what comes on top is counted and reported. */
const MOST_WAITING_LINES = 10_000;
/** Old logs that are kept: `identity.log.1`, the newest, to `.4`. */
const MOST_OLD_LOGS = 4;
/** How long a request waits for its line. */
const MOST_WAIT_MS = 2_000;
/** How long a line that nobody needs flushed may stay unflushed. */
const FLUSH_MS = 1_000;
/** How much is read at a time in search of the last whole line. */
const LOOK_BACK_BYTES = 65_536;

/**
 * An append-only file of JSON lines, 0600. Lines are written in the order they come, many at a time, and each is waited for before
 * the request it is about is answered; one that cannot be written is reported to the log, and a disk that hangs holds a request up
 * for MOST_WAIT_MS and no longer. A line that a crash cut off is removed when the file is opened again.
 */
export class AuditLog {
  private readonly path: string;
  private readonly mostBytes: number;
  private readonly logger: Logger;
  private file: FileHandle | undefined;
  private sizeBytes = 0;
  private waiting: WaitingLine[] = [];
  private dropped = 0;
  private writing: Promise<void> | undefined;
  private flushLater: NodeJS.Timeout | undefined;

  constructor(path: string, mostBytes: number, logger: Logger) {
    this.path = path;
    this.mostBytes = mostBytes;
    this.logger = logger;
  }

  /** @throws StartError where the file cannot be written. */
  async open(): Promise<void> {
    await this.close();
    try {
      await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
      await this.openFile();
    } catch (error) {
      if (systemErrorCode(error) === undefined) throw error;
      throw new StartError(`audit log: ${(error as Error).message}`, EX_CANTCREAT, error);
    }
  }

  /**
   * @param durable whether to wait until the line would outlive a loss of power, too; others are flushed within FLUSH_MS.
   * @returns when the line is in the file, or lost and reported. It never throws.
   */
  append(line: string, { durable = false }: { durable?: boolean } = {}): Promise<void> {
    if (this.waiting.length >= MOST_WAITING_LINES) {
      this.dropped += 1;
      return Promise.resolve();
    }
    const written = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, MOST_WAIT_MS);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.waiting.push({ text: `${line}\n`, durable, done });
    });
    this.writing ??= this.write().finally(() => {
      this.writing = undefined;
    });
    return written;
  }

  /** Waits until everything is written and flushed. */
  async close(): Promise<void> {
    await this.writing;
    await this.flush();
    await this.file?.close();
    this.file = undefined;
  }

  private async write(): Promise<void> {
    // Those of one turn of the event loop go together.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const lines = this.waiting;
      this.waiting = [];
      await this.writeLines(lines);
      for (const { done } of lines) done();
    }
  }

  private async writeLines(lines: readonly WaitingLine[]): Promise<void> {
    try {
      if (this.sizeBytes >= this.mostBytes) await this.putAside();
      if (!this.file) throw new InvariantError('the audit log is closed');
      const text = lines.map((line) => line.text).join('');
      await this.file.appendFile(text);
      this.sizeBytes += Buffer.byteLength(text);
      if (lines.some(({ durable }) => durable)) await this.flush();
      else this.flushLater ??= setTimeout(() => void this.flush(), FLUSH_MS).unref();
      if (this.dropped > 0)
        this.logger.error({ dropped: this.dropped }, 'audit events were lost: the disk was too slow');
      this.dropped = 0;
    } catch (error) {
      this.logger.error({ err: error, lost: lines.length }, 'the audit log cannot be written');
      // What a full disk took of the lines must not become the beginning of the next one.
      await this.file?.truncate(this.sizeBytes).catch(() => undefined);
    }
  }

  private async flush(): Promise<void> {
    clearTimeout(this.flushLater);
    this.flushLater = undefined;
    try {
      await this.file?.datasync();
    } catch (error) {
      this.logger.error({ err: error }, 'the audit log cannot be flushed');
    }
  }

  private async putAside(): Promise<void> {
    await this.flush();
    await this.file?.close();
    for (let number = MOST_OLD_LOGS - 1; number >= 1; number -= 1)
      await moveIfThere(this.old(number), this.old(number + 1));
    await moveIfThere(this.path, this.old(1));
    await this.openFile();
  }

  private async openFile(): Promise<void> {
    this.file = await open(this.path, 'a+', 0o600);
    const { size } = await this.file.stat();
    this.sizeBytes = await endOfLastLine(this.file, size);
    if (this.sizeBytes < size) await this.file.truncate(this.sizeBytes);
    await syncDirectory(dirname(this.path));
  }

  private old(number: number): string {
    return `${this.path}.${number}`;
  }
}

/** A line on its way, and whom to tell. */
interface WaitingLine {
  text: string;
  durable: boolean;
  done(): void;
}

/** Where the last whole line ends: what is behind it was cut off by a crash. */
async function endOfLastLine(file: FileHandle, sizeBytes: number): Promise<number> {
  const block = Buffer.alloc(LOOK_BACK_BYTES);
  for (let end = sizeBytes; end > 0; ) {
    const start = Math.max(0, end - LOOK_BACK_BYTES);
    const { bytesRead } = await file.read(block, 0, end - start, start);
    const at = block.subarray(0, bytesRead).lastIndexOf('\n');
    if (at >= 0) return start + at + 1;
    if (bytesRead === 0) break;
    end = start;
  }
  return 0;
}

async function moveIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}
