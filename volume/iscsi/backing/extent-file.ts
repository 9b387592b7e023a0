import { close, constants, fdatasync, fstat, open, read, type Stats, write, writev } from 'node:fs';
import { promisify } from 'node:util';
import { InvariantError, invariant, systemErrorCode } from '../../../common/errors.ts';
import type { BackingExtent } from '../../targets/contract.ts';
import { BACKING_CALLS_IN_FLIGHT, MIN_PUNCH_BYTES } from '../limits.ts';
import { type HolePuncher, PUNCH_ALIGNMENT_BYTES } from './punch-hole.ts';
import { Semaphore } from './semaphore.ts';

const ZEROS = Buffer.alloc(256 * 1024);

const openFd = promisify(open);
const closeFd = promisify(close);
const statFd = promisify<number, Stats>(fstat);

/** The system calls that touch a volume's bytes; injected, so that tests can make a disk fail. */
export interface DiskCalls {
  /** @returns bytes read; 0 at the end. */
  read(fd: number, into: Buffer, offsetBytes: number): Promise<number>;
  /** @returns bytes written. */
  write(fd: number, pieces: readonly Buffer[], offsetBytes: number): Promise<number>;
  fdatasync(fd: number): Promise<void>;
}

export const systemDisk: DiskCalls = {
  read: (fd, into, offsetBytes) =>
    new Promise((resolve, reject) => {
      read(fd, into, 0, into.length, offsetBytes, (error, count) => (error === null ? resolve(count) : reject(error)));
    }),
  write: (fd, pieces, offsetBytes) =>
    new Promise((resolve, reject) => {
      const done = (error: Error | null, count: number) => (error === null ? resolve(count) : reject(error));
      const [only] = pieces;
      if (pieces.length === 1 && only !== undefined) write(fd, only, 0, only.length, offsetBytes, done);
      else writev(fd, pieces, offsetBytes, done);
    }),
  fdatasync: promisify(fdatasync),
};

/** An fdatasync failed: what the kernel still holds of earlier writes is unknown, so nothing is served any more. */
export class BackingFailedError extends Error {
  override readonly name = 'BackingFailedError';
}

interface OpenExtent extends BackingExtent {
  fd: number;
  /** Where the extent starts in the volume. */
  startBytes: number;
}

/**
 * The bytes of one volume: extents of files or block devices, one after the other. Opened once, however many sessions use it.
 *
 * Promise: what was written before `flush` was called is on stable storage when it resolves. After one failed flush every
 * call fails until the volume is opened anew: the kernel may have dropped the pages and would report success next time.
 */
export class ExtentFile {
  #extents: OpenExtent[] = [];
  readonly #fds = new Map<string, number>();
  readonly #disk: DiskCalls;
  readonly #puncher: HolePuncher;
  readonly #calls = new Semaphore(BACKING_CALLS_IN_FLIGHT);
  #failure: BackingFailedError | undefined;
  #runningFlush: Promise<void> = Promise.resolve();
  #nextFlush: Promise<void> | undefined;

  private constructor(disk: DiskCalls, puncher: HolePuncher) {
    this.#disk = disk;
    this.#puncher = puncher;
  }

  /** @throws system errors of open; RangeError if a regular file is shorter than its extent. */
  static async open(
    extents: readonly BackingExtent[],
    puncher: HolePuncher,
    disk: DiskCalls = systemDisk,
  ): Promise<ExtentFile> {
    const file = new ExtentFile(disk, puncher);
    try {
      await file.setExtents(extents);
    } catch (error) {
      await file.close();
      throw error;
    }
    return file;
  }

  /** Bytes that the extents hold together. */
  get lengthBytes(): number {
    const last = this.#extents.at(-1);
    return last === undefined ? 0 : last.startBytes + last.lengthBytes;
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Takes a longer map of the same volume; what is there stays where it is. */
  async setExtents(extents: readonly BackingExtent[]): Promise<void> {
    const opened: OpenExtent[] = [];
    let startBytes = 0;
    for (const extent of extents) {
      const fd = this.#fds.get(extent.path) ?? (await openForWriting(extent.path));
      this.#fds.set(extent.path, fd);
      const stats = await statFd(fd);
      // A block device says 0; its size comes from who made it.
      if (stats.isFile() && stats.size < extent.offsetBytes + extent.lengthBytes)
        throw new RangeError(`${extent.path} is shorter than the volume`);
      opened.push({ ...extent, fd, startBytes });
      startBytes += extent.lengthBytes;
    }
    invariant(startBytes >= this.lengthBytes, 'a volume never shrinks under its sessions');
    this.#extents = opened;
  }

  /** @throws RangeError if the file ends early, or system errors. */
  async read(offsetBytes: number, lengthBytes: number): Promise<Buffer> {
    this.#assertUsable();
    const into = Buffer.allocUnsafeSlow(lengthBytes);
    for (const part of this.#parts(offsetBytes, lengthBytes)) {
      for (let done = 0; done < part.lengthBytes; ) {
        const target = into.subarray(part.atBytes + done, part.atBytes + part.lengthBytes);
        const count = await this.#calls.run(() => this.#disk.read(part.fd, target, part.fileOffsetBytes + done));
        if (count === 0) throw new RangeError('the file ends before the volume does');
        done += count;
      }
    }
    return into;
  }

  /** Writes `pieces` one after the other; not durable before `flush`. */
  async write(offsetBytes: number, pieces: readonly Buffer[]): Promise<void> {
    this.#assertUsable();
    const lengthBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    for (const part of this.#parts(offsetBytes, lengthBytes)) {
      let rest = slicePieces(pieces, part.atBytes, part.lengthBytes);
      for (let done = 0; done < part.lengthBytes; ) {
        const count = await this.#calls.run(() => this.#disk.write(part.fd, rest, part.fileOffsetBytes + done));
        if (count === 0) throw new InvariantError('a write wrote nothing and reported no error');
        done += count;
        if (done < part.lengthBytes) rest = slicePieces(rest, count, part.lengthBytes - done);
      }
    }
  }

  /** Makes the range read as zeros, giving its space back where that is possible. */
  async zero(offsetBytes: number, lengthBytes: number): Promise<void> {
    this.#assertUsable();
    for (const part of this.#parts(offsetBytes, lengthBytes)) {
      const start = part.fileOffsetBytes;
      const end = start + part.lengthBytes;
      const holeStart = Math.ceil(start / PUNCH_ALIGNMENT_BYTES) * PUNCH_ALIGNMENT_BYTES;
      const holeEnd = Math.floor(end / PUNCH_ALIGNMENT_BYTES) * PUNCH_ALIGNMENT_BYTES;
      const punched =
        holeEnd - holeStart >= MIN_PUNCH_BYTES &&
        (await this.#puncher.punch(part.path, holeStart, holeEnd - holeStart));
      if (punched) {
        await this.#writeZeros(part.fd, start, holeStart);
        await this.#writeZeros(part.fd, holeEnd, end);
      } else await this.#writeZeros(part.fd, start, end);
    }
  }

  /** One fdatasync serves all who asked before it began. */
  flush(): Promise<void> {
    this.#nextFlush ??= this.#runningFlush
      .catch(() => {}) // its callers know; ours is refused by #assertUsable
      .then(() => {
        this.#runningFlush = this.#nextFlush ?? Promise.resolve();
        this.#nextFlush = undefined;
        return this.#sync();
      });
    return this.#nextFlush;
  }

  async close(): Promise<void> {
    await this.#runningFlush.catch(() => {});
    await this.#nextFlush?.catch(() => {});
    const fds = [...this.#fds.values()];
    this.#fds.clear();
    this.#extents = [];
    await Promise.all(fds.map((fd) => closeFd(fd)));
  }

  async #sync(): Promise<void> {
    this.#assertUsable();
    try {
      for (const fd of this.#fds.values()) await this.#disk.fdatasync(fd);
    } catch (cause) {
      this.#failure = new BackingFailedError('an fdatasync failed; the volume must be exported anew', { cause });
      throw this.#failure;
    }
  }

  async #writeZeros(fd: number, fromBytes: number, toBytes: number): Promise<void> {
    for (let at = fromBytes; at < toBytes; ) {
      const piece = ZEROS.subarray(0, Math.min(ZEROS.length, toBytes - at));
      at += await this.#calls.run(() => this.#disk.write(fd, [piece], at));
    }
  }

  #assertUsable(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** The runs of files that a range of the volume lies in. */
  #parts(offsetBytes: number, lengthBytes: number) {
    invariant(offsetBytes >= 0 && offsetBytes + lengthBytes <= this.lengthBytes, 'a range lies inside the volume');
    const parts: { fd: number; path: string; fileOffsetBytes: number; atBytes: number; lengthBytes: number }[] = [];
    for (const extent of this.#extents) {
      const from = Math.max(offsetBytes, extent.startBytes);
      const to = Math.min(offsetBytes + lengthBytes, extent.startBytes + extent.lengthBytes);
      if (from >= to) continue;
      parts.push({
        fd: extent.fd,
        path: extent.path,
        fileOffsetBytes: extent.offsetBytes + from - extent.startBytes,
        atBytes: from - offsetBytes,
        lengthBytes: to - from,
      });
    }
    return parts;
  }
}

/** A file that may not be written is opened for reading: a read-only export needs no more. */
async function openForWriting(path: string): Promise<number> {
  try {
    return await openFd(path, constants.O_RDWR);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== 'EACCES' && code !== 'EROFS' && code !== 'EPERM') throw error;
    return await openFd(path, constants.O_RDONLY);
  }
}

/** `lengthBytes` bytes of `pieces` from `fromBytes` on, as views. */
function slicePieces(pieces: readonly Buffer[], fromBytes: number, lengthBytes: number): Buffer[] {
  const sliced: Buffer[] = [];
  let at = 0;
  for (const piece of pieces) {
    const from = Math.max(fromBytes - at, 0);
    const to = Math.min(fromBytes + lengthBytes - at, piece.length);
    if (from < to) sliced.push(from === 0 && to === piece.length ? piece : piece.subarray(from, to));
    at += piece.length;
  }
  return sliced;
}
