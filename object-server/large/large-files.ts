import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { invariant, systemErrorCode } from '../../common/errors.ts';
import { type Pieces, piecePool } from '../../common/memory/piece-pool.ts';
import type { Disk } from '../disk/contract.ts';
import type { LargeFiles } from './contract.ts';
import { LargeReader } from './large-reader.ts';
import { LargeWriter } from './large-writer.ts';
import { FEWEST_DIRECT_BYTES, MOST_REMEMBERED_NAMES } from './limits.ts';

const NAME = /^[0-9a-f]{16}(-[0-9a-f]{1,96})?$/;
const LABEL = /^[0-9a-f]{1,96}$/;
const SHARD = /^[0-9a-f]{2}$/;

/** What a simulation decides. */
export interface LargeFilesMeans {
  /** 16 hex digits that have never been given before, on any thread; random unless told. */
  newName?: () => string;
  pool?: Pieces;
  /** Tells how long a read took; the machine's clock unless told. */
  elapsedMs?: () => number;
}

interface LargeFilesOptions extends LargeFilesMeans {
  disk: Disk;
  /** The device's. */
  folder: string;
}

/** The large files of one device, for one thread. */
export function openLargeFiles(options: LargeFilesOptions): LargeFiles {
  const { disk, newName = () => randomBytes(8).toString('hex'), pool = piecePool() } = options;
  const { elapsedMs = () => performance.now() } = options;
  const root = join(options.folder, 'large');
  const temporaries = join(root, 'tmp');
  const folders = new Map<string, Promise<void>>();
  const recent = new RecentNames();

  function ensureFolder(path: string): Promise<void> {
    let made = folders.get(path);
    if (!made) {
      made = disk.makeFolder(path);
      folders.set(path, made);
      made.catch(() => folders.delete(path)); // the next upload tries again
    }
    return made;
  }

  function pathOf(name: string): string {
    invariant(NAME.test(name), `${name} is no name of a large file`);
    return join(root, name.slice(0, 2), name);
  }

  return {
    begin({ seed, label, sizeBytes }) {
      invariant(label === undefined || LABEL.test(label), `${label} is no label`);
      const name = label === undefined ? newName() : `${newName()}-${label}`;
      const path = pathOf(name);
      const shard = join(path, '..');
      return new LargeWriter({
        disk,
        pool,
        seed,
        name,
        path,
        temporaryPath: join(temporaries, name),
        direct: sizeBytes === undefined || sizeBytes >= FEWEST_DIRECT_BYTES,
        ensureFolders: async () => void (await Promise.all([ensureFolder(temporaries), ensureFolder(shard)])),
        syncFolder: () => disk.syncFolder(shard),
      });
    },
    open: (name, seed, sizeBytes) =>
      LargeReader.open({ disk, pool, path: pathOf(name), seed, sizeBytes, elapsedMs, isRecent: recent.touch(name) }),
    async remove(name) {
      try {
        await disk.remove(pathOf(name));
      } catch (error) {
        if (systemErrorCode(error) !== 'ENOENT') throw error;
      }
    },
    async list(after, limit) {
      const found: string[] = [];
      const shards = (await disk.list(root)).filter((shard) => SHARD.test(shard) && shard >= after.slice(0, 2));
      for (const shard of shards.toSorted()) {
        const names = await disk.list(join(root, shard));
        found.push(...names.filter((name) => NAME.test(name) && name.startsWith(shard) && name > after).toSorted());
        if (found.length >= limit) break;
      }
      return found.slice(0, limit);
    },
    async removeTemporaries() {
      const names = await disk.list(temporaries);
      for (const name of names) await disk.remove(join(temporaries, name));
      return names.length;
    },
  };
}

/** @returns the label that the file was begun with, if any. */
export function labelOf(name: string): string | undefined {
  return name.split('-')[1];
}

/** Names of the files that were read last. */
class RecentNames {
  private readonly names = new Set<string>();

  /** @returns whether it was among them; it is, from now on. */
  touch(name: string): boolean {
    const was = this.names.delete(name);
    this.names.add(name);
    if (this.names.size > MOST_REMEMBERED_NAMES) {
      const [oldest] = this.names;
      if (oldest !== undefined) this.names.delete(oldest);
    }
    return was;
  }
}
