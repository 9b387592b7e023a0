import { write } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { StartError } from '../../common/errors.ts';
import { EX_CANTCREAT } from '../../common/exit-codes.ts';
import type { Logger } from '../../common/log.ts';
import { LOG_FLUSH_BYTES, LOG_FLUSH_MS, MOST_WAITING_LOG_BYTES } from '../limits.ts';

/** In place of a path. */
const STDOUT = 'stdout';
/** Its owner writes it, its group may read it: it says who read what. */
const MODE = 0o640;

const writeTo = promisify(write);

/**
 * Makes sure that a file can be added to, and makes it where there is none.
 *
 * @param path absolute, or `stdout`; '' for none.
 * @throws StartError where it cannot be.
 */
export async function assertLogFile(path: string): Promise<void> {
  if (path === '' || path === STDOUT) return;
  try {
    await (await open(path, 'a', MODE)).close();
  } catch (error) {
    throw new StartError(`access log ${path}: ${(error as Error).message}`, EX_CANTCREAT, error);
  }
}

/**
 * A file to whose end whole lines are added, by several threads at once. Lines are gathered for up to a second; what a slow disk cannot
 * take, beyond a bound, is lost and counted: no request ever waits for its line.
 *
 * A file that was moved away is made again within that second (what `logrotate` calls `create`, no signal needed), and one that was
 * emptied is written from its start (`copytruncate`).
 */
export class LogFile {
  private readonly path: string;
  private readonly logger: Logger;
  private readonly mostWaitingBytes: number;
  private handle: FileHandle | undefined;
  private lines: string[] = [];
  /** Characters; a line is ASCII. */
  private waitingBytes = 0;
  private lost = 0;
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> | undefined;

  /** @param path absolute, or `stdout`. */
  constructor(path: string, logger: Logger, mostWaitingBytes = MOST_WAITING_LOG_BYTES) {
    this.path = path;
    this.logger = logger;
    this.mostWaitingBytes = mostWaitingBytes;
  }

  /** @throws StartError where it cannot be written. */
  async start(): Promise<void> {
    await assertLogFile(this.path);
    await this.reopen();
  }

  append(line: string): void {
    if (this.waitingBytes + line.length > this.mostWaitingBytes) {
      this.lost += 1;
      return;
    }
    this.lines.push(line);
    this.waitingBytes += line.length;
    if (this.waitingBytes >= LOG_FLUSH_BYTES) void this.flush();
    else this.timer ??= setTimeout(() => void this.flush(), LOG_FLUSH_MS).unref();
  }

  /** Writes what waits, and closes. Never rejects. */
  async stop(): Promise<void> {
    await this.flush();
    await this.flush(); // what came while the first one was under way
    clearTimeout(this.timer);
    await this.handle?.close().catch(() => {});
    this.handle = undefined;
  }

  /** One at a time. Never rejects. */
  private flush(): Promise<void> {
    this.flushing ??= this.writeWaiting().finally(() => {
      this.flushing = undefined;
      if (this.lines.length > 0) this.timer ??= setTimeout(() => void this.flush(), LOG_FLUSH_MS).unref();
    });
    return this.flushing;
  }

  private async writeWaiting(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.lines.length === 0) return;
    const { lines, lost } = this;
    const text = Buffer.from(lines.join(''), 'latin1');
    this.lines = [];
    this.lost = 0;
    try {
      await this.reopen();
      const fd = this.handle?.fd ?? 1;
      // A disk that is full takes a part: the rest of that line may then stand after another thread's.
      for (let at = 0; at < text.length; ) at += (await writeTo(fd, text, at)).bytesWritten;
      if (lost > 0) this.logger.warn({ lost }, 'lines of the access log were lost: it could not be written as fast');
    } catch (error) {
      this.logger.warn({ err: error, lost: lost + lines.length }, 'the access log cannot be written');
    } finally {
      this.waitingBytes -= text.length;
    }
  }

  /** Opens the file, again where another one or none has its name by now. */
  private async reopen(): Promise<void> {
    if (this.path === STDOUT) return;
    const [now, there] = [await this.handle?.stat(), await stat(this.path).catch(() => undefined)];
    if (now && there && now.ino === there.ino && now.dev === there.dev) return;
    const handle = await open(this.path, 'a', MODE);
    await this.handle?.close().catch(() => {});
    this.handle = handle;
  }
}
