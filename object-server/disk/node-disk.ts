import fs from 'node:fs';
import { dirname } from 'node:path';
import { systemErrorCode } from '../../common/errors.ts';
import type { Disk, DiskFile, OpenOptions } from './contract.ts';
import { DirectFile } from './direct-file.ts';

/** Buffers that one system call takes: Linux's IOV_MAX. */
const MOST_PARTS = 1024;

/**
 * The machine's own file systems.
 *
 * Callbacks on bare file descriptors: no dearer than `FileHandle`, and blocking reads need the number.
 */
export const nodeDisk: Disk = {
  open: async (path, options) => {
    const file = await openFile(path, flagsOf(options));
    return options.direct ? withDirectWay(file, path, options) : file;
  },
  rename: (from, to) => promised((done) => fs.rename(from, to, done)),
  remove: (path) => promised((done) => fs.unlink(path, done)),
  makeFolder,
  list: async (folder) => {
    const names = await unlessAbsent(promised<string[]>((done) => fs.readdir(folder, done)));
    return names ?? [];
  },
  syncFolder,
  sizeOf: async (path) => (await unlessAbsent(promised<fs.Stats>((done) => fs.stat(path, done))))?.size,
  space: async (path) => {
    const { bavail, blocks, bsize } = await promised<fs.StatsFs>((done) => fs.statfs(path, done));
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  },
};

/**
 * `close` waits for what runs: a number that is closed under a running call may be another file's by the time the call is made.
 */
class NodeFile implements DiskFile {
  private readonly fd: number;
  private running = 0;
  private closing: (() => void) | undefined;
  private closed = false;

  constructor(fd: number) {
    this.fd = fd;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const bytes = await this.run<number>((callback) =>
        fs.read(this.fd, into, done, into.length - done, position + done, callback),
      );
      if (bytes === 0) break; // the end of the file
      done += bytes;
    }
    return done;
  }

  readNow(into: Uint8Array, position: number): number {
    this.assertOpen();
    let done = 0;
    while (done < into.length) {
      const bytes = readOnce(this.fd, into, done, position + done);
      if (bytes === 0) break;
      done += bytes;
    }
    return done;
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    let left = parts;
    let at = position;
    while (left.length > 0) {
      const some = left.length > MOST_PARTS ? left.slice(0, MOST_PARTS) : left;
      const bytes = await this.writeOnce(some, at);
      at += bytes;
      left = partsAfter(left, bytes);
    }
  }

  sync(): Promise<void> {
    return this.run((callback) => fs.fdatasync(this.fd, callback)); // flushes the size too, where it has changed
  }

  async sizeBytes(): Promise<number> {
    return (await this.run<fs.Stats>((callback) => fs.fstat(this.fd, callback))).size;
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.run((callback) => fs.ftruncate(this.fd, sizeBytes, callback));
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    if (this.running > 0)
      await new Promise<void>((resolve) => {
        this.closing = resolve;
      });
    await promised((done) => fs.close(this.fd, done));
  }

  /** @returns bytes written, more than none: a call that writes nothing would be made for ever. */
  private async writeOnce(parts: readonly Uint8Array[], position: number): Promise<number> {
    const [first] = parts;
    const bytes = await this.run<number>((callback) =>
      parts.length === 1 && first
        ? fs.write(this.fd, first, 0, first.length, position, callback)
        : fs.writev(this.fd, parts, position, callback),
    );
    if (bytes === 0 && parts.some((part) => part.length > 0))
      throw Object.assign(new Error('EIO: nothing was written'), { code: 'EIO', syscall: 'write' });
    return bytes;
  }

  private run<T>(call: (callback: Callback<T>) => void): Promise<T> {
    this.assertOpen();
    this.running += 1;
    return new Promise<T>((resolve, reject) => {
      const attempt = () =>
        call((error, result) => {
          if (error?.code === 'EINTR') return attempt(); // libuv itself repeats writes only
          this.running -= 1;
          if (this.running === 0) this.closing?.();
          if (error) reject(error);
          else resolve(result as T);
        });
      attempt();
    });
  }

  private assertOpen(): void {
    if (this.closed) throw Object.assign(new Error('EBADF: the file is closed'), { code: 'EBADF', syscall: 'file' });
  }
}

async function openFile(path: string, flags: number): Promise<NodeFile> {
  return new NodeFile(await promised<number>((done) => fs.open(path, flags, 0o600, done)));
}

/** The same file once more, past the page cache; where its file system has no such way, as it is. */
async function withDirectWay(file: NodeFile, path: string, { write, durable }: OpenOptions): Promise<DiskFile> {
  const flags = flagsOf({ write: write ?? false, durable: durable ?? false }) | fs.constants.O_DIRECT;
  try {
    return new DirectFile(file, await openFile(path, flags));
  } catch (error) {
    if (systemErrorCode(error) === 'EINVAL') return file;
    await file.close();
    throw error;
  }
}

type Callback<T> = (error: NodeJS.ErrnoException | null, result?: T) => void;

function promised<T = void>(call: (callback: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => {
      if (error) reject(error);
      else resolve(result as T);
    });
  });
}

function readOnce(fd: number, into: Uint8Array, start: number, position: number): number {
  for (;;) {
    try {
      return fs.readSync(fd, into, start, into.length - start, position);
    } catch (error) {
      if (systemErrorCode(error) !== 'EINTR') throw error;
    }
  }
}

/** What is left of `parts` after their first `bytes`. */
function partsAfter(parts: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let index = 0;
  let left = bytes;
  for (let part = parts[index]; part && left >= part.length; part = parts[index]) {
    left -= part.length;
    index += 1;
  }
  if (left === 0) return index === parts.length ? [] : parts.slice(index);
  const [first, ...rest] = parts.slice(index);
  return first ? [first.subarray(left), ...rest] : [];
}

function flagsOf({ write, create, exclusive, durable }: OpenOptions): number {
  const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_DSYNC } = fs.constants;
  return (
    (write ? O_RDWR : O_RDONLY) |
    (create || exclusive ? O_CREAT : 0) |
    (exclusive ? O_EXCL : 0) |
    (durable ? O_DSYNC : 0)
  );
}

/** From the top down: a folder is made only below one whose entry is durable. */
async function makeFolder(path: string): Promise<void> {
  try {
    await promised((done) => fs.mkdir(path, 0o700, done));
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' && dirname(path) !== path) {
      await makeFolder(dirname(path));
      return makeFolder(path);
    }
    if (code !== 'EEXIST') throw error; // one that is there may have been made a moment ago, by somebody who has not synced it yet
  }
  // A crash before this line may lose the folder, with nothing in it.
  await syncFolder(dirname(path)).catch((error: unknown) => {
    if (systemErrorCode(error) !== 'EACCES') throw error; // nobody who may not read a folder has made anything in it
  });
}

async function syncFolder(path: string): Promise<void> {
  const fd = await promised<number>((done) => fs.open(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY, done));
  try {
    await promised((done) => fs.fsync(fd, done));
  } finally {
    await promised((done) => fs.close(fd, done));
  }
}

async function unlessAbsent<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
