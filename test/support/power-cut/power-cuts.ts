import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { copySparse } from './recorded-disk.ts';
import { type Marker, randomOf } from './workload.ts';
import { applyWrite, type LoggedWrite, readWriteLog } from './write-log.ts';

const SECTOR_BYTES = 512;

/**
 * A moment at which the power goes: the requests before `at` have reached the disk, and of those after the last flush
 *  - all: every one is kept: the prefix as it is;
 *  - none: none is kept: the disk's cache is lost;
 *  - some: any of them is kept, or a part of it in whole sectors.
 */
export interface PowerCut {
  at: number;
  keeps: 'all' | 'none' | 'some';
}

/** The images that power cuts leave, made from one recording in the order of time. */
export class PowerCuts {
  readonly writes: readonly LoggedWrite[];
  private readonly folder: string;
  private readonly log: FileHandle;
  /** The disk with everything that was flushed before `flushed`. */
  private readonly disk: FileHandle;
  private readonly diskPath: string;
  private flushed = 0;

  private constructor(writes: readonly LoggedWrite[], folder: string, log: FileHandle, disk: FileHandle, path: string) {
    this.writes = writes;
    this.folder = folder;
    this.log = log;
    this.disk = disk;
    this.diskPath = path;
  }

  /** @param recording a closed RecordedDisk. */
  static async open(recording: { basePath: string; logPath: string }, folder: string): Promise<PowerCuts> {
    const diskPath = join(folder, 'replayed.img');
    await copySparse(recording.basePath, diskPath);
    const writes = await readWriteLog(recording.logPath);
    return new PowerCuts(writes, folder, await open(recording.logPath), await open(diskPath, 'r+'), diskPath);
  }

  /** What was acknowledged before a cut, in order. */
  acknowledgedBefore(cut: PowerCut): Marker[] {
    return this.writes.slice(0, cut.at).flatMap(({ marker }) => marker ?? []);
  }

  /**
   * Cuts by seed, once the services were ready: right after acknowledgements, at flushes, and anywhere, in turn; the last
   * acknowledgement and the end among them.
   */
  choose(count: number, seed: number): PowerCut[] {
    const random = randomOf(`cuts/${seed}`);
    const ready = this.writes.findIndex(({ marker }) => marker?.writer === -1) + 1;
    if (ready === 0) throw new Error('nothing was acknowledged in the recording');
    const places = this.writes.map((_, index) => index).filter((index) => index >= ready);
    const acknowledgements = places.filter((index) => this.writes[index]?.marker);
    const flushes = places.filter((index) => this.writes[index]?.isFlush);
    const pick = (from: readonly number[]) => from[Math.floor(random() * from.length)] ?? ready;
    const kinds: (() => PowerCut)[] = [
      () => ({ at: pick(acknowledgements) + 1, keeps: 'none' }),
      () => ({ at: pick(flushes) + 1, keeps: 'all' }),
      () => ({ at: pick(acknowledgements) + 1, keeps: 'some' }),
      () => ({ at: pick(places), keeps: 'some' }),
    ];
    const chosen = Array.from({ length: Math.max(0, count - 2) }, (_, index) =>
      (kinds[index % kinds.length] as () => PowerCut)(),
    );
    const last: PowerCut[] = [
      { at: (acknowledgements.at(-1) ?? ready) + 1, keeps: 'none' },
      { at: this.writes.length, keeps: 'all' },
    ];
    return [...chosen, ...last].sort((left, right) => left.at - right.at);
  }

  /** The image that a cut leaves. Cuts must come in the order of time. */
  async imageAfter(cut: PowerCut, seed: number): Promise<string> {
    const lastFlush = this.writes.slice(0, cut.at).findLastIndex(({ isFlush }) => isFlush);
    for (; this.flushed <= lastFlush; this.flushed += 1) await this.apply(this.disk, this.flushed);
    const path = join(this.folder, 'cut.img');
    await copySparse(this.diskPath, path);
    const image = await open(path, 'r+');
    try {
      const random = randomOf(`kept/${seed}/${cut.at}`);
      const keptPart = random();
      for (let index = lastFlush + 1; index < cut.at; index += 1) {
        const durable = this.writes[index]?.isDurable === true;
        if (cut.keeps === 'all' || durable) await this.apply(image, index);
        else if (cut.keeps === 'some' && random() < keptPart) await this.applySome(image, index, random);
      }
    } finally {
      await image.close();
    }
    return path;
  }

  async close(): Promise<void> {
    await this.log.close();
    await this.disk.close();
  }

  private async apply(image: FileHandle, index: number): Promise<void> {
    const write = this.writes[index];
    if (write) await applyWrite(this.log, image, write);
  }

  /** Mostly whole; else some sectors of its beginning or of its end. */
  private async applySome(image: FileHandle, index: number, random: () => number): Promise<void> {
    const write = this.writes[index];
    if (!write || random() < 0.7) return this.apply(image, index);
    const sectors = write.sizeBytes / SECTOR_BYTES;
    const torn = Math.floor(random() * (sectors + 1)) * SECTOR_BYTES;
    await applyWrite(this.log, image, write, random() < 0.5 ? [0, torn] : [torn, write.sizeBytes]);
  }
}
