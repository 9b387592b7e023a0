import type { Disk, DiskFile } from '../disk/contract.ts';
import { paddedBatch } from './batch.ts';
import type { Needle, Scanned } from './contract.ts';
import { CorruptNeedleError } from './corrupt-needle.ts';
import { NEEDLE_ALIGNMENT, SCAN_WINDOW_BYTES, SEGMENT_HEADER_BYTES } from './limits.ts';
import {
  alignNeedle,
  decodeNeedle,
  HEAD_BYTES,
  lengthOf,
  NEEDLE_MAGIC_BYTES,
  type NeedleHead,
  readHead,
  type SegmentIdentity,
} from './needle.ts';
import { segmentPath } from './segment-file.ts';
import { readSegmentHeader } from './segment-header.ts';

/**
 * The needles of a segment that nobody writes, in the order of their offsets.
 *
 * Batches are written one after the other, and a segment is never continued after a crash or an error: so a batch that begins behind
 * a bad needle proves that the needle was once written whole, and is damaged now. With none behind it, it is a torn tail: the end.
 *
 * @param from where to begin: the end of a needle or batch, or anything below the first one.
 * @throws the disk's own errors.
 */
export async function* scanSegment(disk: Disk, folder: string, segment: number, from = 0): AsyncGenerator<Scanned> {
  const file = await disk.open(segmentPath(folder, segment), {});
  try {
    const { header } = await readSegmentHeader(file, segment);
    if (header?.use !== 'used') return;
    yield* new Scan(file, header, await file.sizeBytes()).from(alignNeedle(Math.max(from, SEGMENT_HEADER_BYTES)));
  } finally {
    await file.close();
  }
}

class Scan {
  private readonly file: DiskFile;
  private readonly identity: SegmentIdentity;
  private readonly sizeBytes: number;
  /** Bytes of the file from `windowAt` on. Needles are views of it: it is never written again. */
  private window = Buffer.alloc(0);
  private windowAt = 0;
  /** A batch is known to begin here: all before it was written whole. */
  private wholeBefore = 0;

  constructor(file: DiskFile, identity: SegmentIdentity, sizeBytes: number) {
    this.file = file;
    this.identity = identity;
    this.sizeBytes = sizeBytes;
  }

  async *from(start: number): AsyncGenerator<Scanned> {
    let at = start;
    while (at < this.sizeBytes) {
      const head = await this.headAt(at);
      const needle = head && (await this.needleOf(head));
      if (head && needle) {
        const { segment, generation } = this.identity;
        yield { found: 'needle', needle, location: { segment, generation, offset: at, lengthBytes: lengthOf(head) } };
        at = nextAfter(head);
        continue;
      }
      const next = await this.nextHead(at + NEEDLE_ALIGNMENT);
      if (!next || !(await this.isWhole(at, next))) return;
      const end = head ? nextAfter(head) : next.offset;
      yield { found: 'damage', offset: at, lengthBytes: end - at };
      at = end;
    }
  }

  /** Whether a batch begins behind `offset`. @param next the first head behind it. */
  private async isWhole(offset: number, next: NeedleHead): Promise<boolean> {
    let head: NeedleHead | undefined = next;
    while (this.wholeBefore <= offset && head) {
      this.wholeBefore = Math.max(this.wholeBefore, head.batchOffset);
      head = await this.nextHead(batchEnd(head));
    }
    return this.wholeBefore > offset;
  }

  private async headAt(offset: number): Promise<NeedleHead | undefined> {
    const at = await this.look(offset, HEAD_BYTES);
    return at === undefined ? undefined : readHead(this.window, at, this.identity, offset);
  }

  /** Undefined: damaged, or torn. */
  private async needleOf(head: NeedleHead): Promise<Needle | undefined> {
    const at = await this.look(head.offset, lengthOf(head));
    if (at === undefined) return undefined;
    try {
      return decodeNeedle(this.window, at, head);
    } catch (error) {
      if (error instanceof CorruptNeedleError) return undefined;
      throw error;
    }
  }

  /** The first valid head at or behind `start`, wherever it is. */
  private async nextHead(start: number): Promise<NeedleHead | undefined> {
    for (let offset = start; offset + HEAD_BYTES <= this.sizeBytes; ) {
      const at = await this.look(offset, HEAD_BYTES);
      if (at === undefined) return undefined;
      const windowAt = this.windowAt;
      let index = this.window.indexOf(NEEDLE_MAGIC_BYTES, at);
      for (; index >= 0; index = this.window.indexOf(NEEDLE_MAGIC_BYTES, index + 1)) {
        const head = readHead(this.window, index, this.identity, windowAt + index);
        if (head) return head;
      }
      // The last bytes once more: a head may begin in them.
      offset = Math.max(offset + NEEDLE_ALIGNMENT, alignNeedle(windowAt + this.window.length - HEAD_BYTES));
    }
    return undefined;
  }

  /** @returns where in the window these bytes are; undefined where the file ends before them. */
  private async look(offset: number, lengthBytes: number): Promise<number | undefined> {
    if (offset + lengthBytes > this.sizeBytes) return undefined;
    if (offset < this.windowAt || offset + lengthBytes > this.windowAt + this.window.length) {
      const bytes = Buffer.allocUnsafeSlow(Math.min(Math.max(SCAN_WINDOW_BYTES, lengthBytes), this.sizeBytes - offset));
      const read = await this.file.read(bytes, offset);
      if (read < lengthBytes) return undefined;
      this.window = bytes.subarray(0, read);
      this.windowAt = offset;
    }
    return offset - this.windowAt;
  }
}

/** Where the next needle should be: in the same batch, or in the next block. */
function nextAfter(head: NeedleHead): number {
  const end = head.offset + lengthOf(head);
  return end === head.batchOffset + head.batchBytes ? batchEnd(head) : alignNeedle(end);
}

function batchEnd({ batchOffset, batchBytes }: NeedleHead): number {
  return batchOffset + paddedBatch(batchBytes);
}
