import { systemErrorCode } from '../../common/errors.ts';
import type { Disk, DiskFile } from '../disk/contract.ts';
import type { Location, Needle, SlabReader } from './contract.ts';
import { CorruptNeedleError } from './corrupt-needle.ts';
import { MOST_OPEN_SEGMENTS } from './limits.ts';
import { decodeNeedleAt, inlineBodyAt } from './needle.ts';
import { memoryToRead } from './read-memory.ts';
import { segmentPath } from './segment-file.ts';
import { readSegmentHeader, type SegmentHeader } from './segment-header.ts';

export interface SlabReaderDeps {
  disk: Disk;
  /** The device's slab folder. */
  folder: string;
  /** Files kept open; MOST_OPEN_SEGMENTS unless told. */
  mostOpen?: number;
}

interface OpenSegment {
  file: DiskFile;
  /** As it was when the file was opened; undefined: there was none. */
  header: SegmentHeader | undefined;
  damaged: boolean;
  /** Greater is later. */
  usedAt: number;
  /** Its file is closed, or about to be: what has begun on it ends well, nothing more may begin. */
  forgotten: boolean;
}

export function openSlabReader(deps: SlabReaderDeps): SlabReader {
  return new SegmentReader(deps);
}

class SegmentReader implements SlabReader {
  private readonly disk: Disk;
  private readonly folder: string;
  private readonly mostOpen: number;
  private readonly open = new Map<number, OpenSegment>();
  private readonly opening = new Map<number, Promise<OpenSegment | undefined>>();
  private uses = 0;

  constructor({ disk, folder, mostOpen }: SlabReaderDeps) {
    this.disk = disk;
    this.folder = folder;
    this.mostOpen = mostOpen ?? MOST_OPEN_SEGMENTS;
  }

  bodyNow(location: Location): Uint8Array | undefined {
    const opened = this.open.get(location.segment);
    if (opened?.header?.generation !== location.generation) return undefined;
    this.uses += 1;
    opened.usedAt = this.uses;
    const bytes = memoryToRead(location.lengthBytes);
    try {
      if (opened.file.readNow(bytes, location.offset) < bytes.length) return undefined;
      return inlineBodyAt(bytes, location, opened.header.salt);
    } catch {
      return undefined; // whatever it is, `read` meets it again and tells
    }
  }

  async read(location: Location): Promise<Needle | undefined> {
    const known = this.open.get(location.segment);
    if (known?.header?.generation === location.generation) {
      const needle = await this.attempt(known, location).catch(() => undefined);
      if (needle) return needle;
    }
    // Not open, or its header or bytes are not what they should be: the segment may have been recycled, or removed and made again.
    let fresh = await this.reopen(location.segment);
    while (fresh?.forgotten) fresh = await this.reopen(location.segment); // for others, before it was our turn
    if (!fresh) return undefined;
    if (fresh.damaged) throw new CorruptNeedleError(`the header of segment ${location.segment} is damaged`);
    if (fresh.header?.generation !== location.generation) return undefined;
    const needle = await this.attempt(fresh, location);
    if (needle) return needle;
    throw new CorruptNeedleError(`no needle at ${location.offset} of segment ${location.segment}`);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.opening.values());
    const files = [...this.open.values()];
    this.open.clear();
    await Promise.all(files.map(({ file }) => file.close()));
  }

  /** @throws CorruptNeedleError; the disk's own errors. */
  private async attempt(opened: OpenSegment, location: Location): Promise<Needle | undefined> {
    this.uses += 1;
    opened.usedAt = this.uses;
    const bytes = memoryToRead(location.lengthBytes);
    if ((await opened.file.read(bytes, location.offset)) < bytes.length) return undefined;
    return opened.header && decodeNeedleAt(bytes, location, opened.header.salt);
  }

  private reopen(segment: number): Promise<OpenSegment | undefined> {
    const running = this.opening.get(segment);
    if (running) return running;
    const opening = this.openAnew(segment).finally(() => this.opening.delete(segment));
    this.opening.set(segment, opening);
    return opening;
  }

  /** @returns undefined where there is no such file. */
  private async openAnew(segment: number): Promise<OpenSegment | undefined> {
    const file = await openUnlessAbsent(this.disk, segmentPath(this.folder, segment));
    let opened: OpenSegment | undefined;
    if (file) {
      try {
        opened = { file, ...(await readSegmentHeader(file, segment)), usedAt: this.uses, forgotten: false };
      } catch (error) {
        await file.close().catch(() => undefined);
        throw error;
      }
    }
    const former = this.open.get(segment);
    this.open.delete(segment);
    if (opened) this.open.set(segment, opened);
    if (this.open.size > this.mostOpen) this.forgetOldest(segment);
    if (former) forget(former);
    return opened;
  }

  private forgetOldest(except: number): void {
    let oldest: { segment: number; opened: OpenSegment } | undefined;
    for (const [segment, opened] of this.open)
      if (segment !== except && (!oldest || opened.usedAt < oldest.opened.usedAt)) oldest = { segment, opened };
    if (!oldest) return;
    this.open.delete(oldest.segment);
    forget(oldest.opened);
  }
}

function forget(opened: OpenSegment): void {
  opened.forgotten = true;
  void opened.file.close().catch(() => undefined); // it was only read
}

async function openUnlessAbsent(disk: Disk, path: string): Promise<DiskFile | undefined> {
  try {
    return await disk.open(path, {});
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
