import { type FileHandle, open } from 'node:fs/promises';
import { MARKERS_AT_BYTE } from './recorded-disk.ts';
import { decodeMarker, MARKER_BYTES, type Marker } from './workload.ts';

const SECTOR_BYTES = 512;
const SUPER_MAGIC = 0x6a736677736872n;
const FLUSH = 1;
const FUA = 2;
const DISCARD = 4;

/** One request to the disk, in the order in which the disk met them. */
export interface LoggedWrite {
  offsetBytes: number;
  sizeBytes: number;
  /** Where its bytes are in the log. */
  dataAtBytes: number;
  /** What was written before it is on stable storage. */
  isFlush: boolean;
  /** It is itself on stable storage when it is answered. */
  isDurable: boolean;
  marker?: Marker;
}

/**
 * Reads a log of QEMU's blklogwrites.
 *
 * One sector of its own, then for each request a sector with its description and the bytes. All numbers are little-endian
 * 64-bit: sector, sectors, flags, length. The count in the first sector may be behind: an empty description ends the log.
 * Spec: Linux, Documentation/admin-guide/device-mapper/log-writes.rst
 */
export async function readWriteLog(path: string): Promise<LoggedWrite[]> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const first = await readAt(file, 0, SECTOR_BYTES);
    if (first.readBigUInt64LE(0) !== SUPER_MAGIC) throw new Error(`${path} is no log of writes`);
    if (first.readUInt32LE(24) !== SECTOR_BYTES) throw new Error(`${path} has sectors of another size`);
    const writes: LoggedWrite[] = [];
    for (let at = SECTOR_BYTES; at + SECTOR_BYTES <= size; ) {
      const [sector = 0, sectors = 0, flags = 0] = descriptionOf(await readAt(file, at, 32));
      if (sectors === 0 && flags === 0) break;
      at += SECTOR_BYTES;
      const sizeBytes = flags & DISCARD ? 0 : sectors * SECTOR_BYTES;
      const write = {
        offsetBytes: sector * SECTOR_BYTES,
        sizeBytes,
        dataAtBytes: at,
        isFlush: (flags & FLUSH) !== 0,
        isDurable: (flags & FUA) !== 0,
      };
      at += sizeBytes;
      const marker = await markerOf(file, write);
      writes.push({ ...write, ...(marker ? { marker } : {}) });
    }
    return writes;
  } finally {
    await file.close();
  }
}

/** Puts bytes of the log where they were written: all of a write's, or the part from one offset within it to another. */
export async function applyWrite(
  log: FileHandle,
  disk: FileHandle,
  write: LoggedWrite,
  part?: [number, number],
): Promise<void> {
  const [from, to] = part ?? [0, write.sizeBytes];
  if (to <= from) return;
  const bytes = await readAt(log, write.dataAtBytes + from, to - from);
  await disk.write(bytes, 0, bytes.length, write.offsetBytes + from);
}

async function markerOf(file: FileHandle, write: Omit<LoggedWrite, 'marker'>): Promise<Marker | undefined> {
  if (write.offsetBytes < MARKERS_AT_BYTE || write.sizeBytes < MARKER_BYTES) return undefined;
  return decodeMarker(await readAt(file, write.dataAtBytes, MARKER_BYTES));
}

function descriptionOf(bytes: Buffer): number[] {
  return [0, 8, 16, 24].map((at) => Number(bytes.readBigUInt64LE(at)));
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  if (bytesRead < length) throw new Error(`the log ends at ${position + bytesRead}, within a request`);
  return bytes;
}
