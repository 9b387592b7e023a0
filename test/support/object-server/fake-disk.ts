import { dirname, join, normalize } from 'node:path';
import type { Disk, DiskFile, OpenOptions } from '../../../object-server/disk/contract.ts';
import type { SeededRandom } from '../simulation/seeded-random.ts';
import { FakeInode, type Luck, SECTOR_BYTES } from './fake-inode.ts';
import { FakeNames } from './fake-names.ts';

export interface DiskOperation {
  kind: 'open' | 'read' | 'write' | 'sync' | 'truncate' | 'rename' | 'remove' | 'makeFolder' | 'syncFolder';
  path: string;
  /** It changes nothing. */
  readOnly: boolean;
}

export interface FakeDiskOptions {
  random: SeededRandom;
  /** Resolves when an operation may take effect; until then it is in flight. At once unless told. */
  turn?: (operation: DiskOperation) => Promise<void>;
  /** Code of the error that an operation fails with, such as EIO or ENOSPC. */
  fault?: (operation: DiskOperation) => string | undefined;
  capacityBytes?: number;
}

const NEVER = new Promise<never>(() => undefined);

/**
 * A disk in memory that keeps the contract's promises and no others: what was not synced is lost in any part and any order, writes
 * are torn at sectors, names that were not synced are forgotten. After `crash` nothing on it resolves any more.
 */
export class FakeDisk implements Disk {
  readonly options: FakeDiskOptions;
  private readonly names = new FakeNames();
  private readonly folders = new Set<string>(['/']);
  private readonly openInodes = new Set<FakeInode>();
  private readonly inFlight = new Set<() => void>();
  private dead = false;

  constructor(options: FakeDiskOptions) {
    this.options = options;
  }

  async open(path: string, options: OpenOptions): Promise<DiskFile> {
    const place = normalize(path);
    return this.operate({ kind: 'open', path: place, readOnly: !options.write }, () => {
      let inode = this.names.seen.get(place);
      if (inode && options.exclusive) throw systemError('EEXIST', 'open', place);
      if (!inode) {
        const create = options.create || options.exclusive;
        if (!create || !this.folders.has(dirname(place))) throw systemError('ENOENT', 'open', place);
        inode = new FakeInode();
        this.names.link(place, inode);
      }
      inode.links += 1;
      this.openInodes.add(inode);
      return this.fileOf(place, inode, options);
    });
  }

  async rename(from: string, to: string): Promise<void> {
    const [source, place] = [normalize(from), normalize(to)];
    const effect = () => {
      const inode = this.names.seen.get(source);
      if (!inode || !this.folders.has(dirname(place))) throw systemError('ENOENT', 'rename', source);
      this.names.rename(source, place, inode);
    };
    await this.operate({ kind: 'rename', path: place, readOnly: false }, effect, () =>
      maybe(this.options.random, effect),
    );
  }

  async remove(path: string): Promise<void> {
    const place = normalize(path);
    const effect = () => {
      const inode = this.names.seen.get(place);
      if (!inode) throw systemError('ENOENT', 'unlink', place);
      this.names.unlink(place, inode);
    };
    await this.operate({ kind: 'remove', path: place, readOnly: false }, effect, () =>
      maybe(this.options.random, effect),
    );
  }

  async makeFolder(path: string): Promise<void> {
    const place = normalize(path);
    await this.operate({ kind: 'makeFolder', path: place, readOnly: false }, () => {
      for (let folder = place; folder !== dirname(folder); folder = dirname(folder)) this.folders.add(folder);
    });
  }

  async list(folder: string): Promise<string[]> {
    const place = normalize(folder);
    return this.operate({ kind: 'read', path: place, readOnly: true }, () => {
      const entries = [...this.names.seen.keys(), ...this.folders].filter((path) => dirname(path) === place);
      const names = entries.filter((path) => path !== place).map((path) => path.slice(join(place, '/').length));
      return this.options.random.shuffle(names);
    });
  }

  async syncFolder(path: string): Promise<void> {
    const place = normalize(path);
    await this.operate({ kind: 'syncFolder', path: place, readOnly: false }, () => this.names.sync(place));
  }

  async sizeOf(path: string): Promise<number | undefined> {
    const place = normalize(path);
    return this.operate({ kind: 'read', path: place, readOnly: true }, () => this.names.seen.get(place)?.sizeBytes);
  }

  async space(): Promise<{ freeBytes: number; totalBytes: number }> {
    const totalBytes = this.options.capacityBytes ?? 2 ** 40;
    return { freeBytes: Math.max(0, totalBytes - this.usedBytes()), totalBytes };
  }

  /** Paths of the files there are. */
  files(): string[] {
    return [...this.names.seen.keys()];
  }

  /** The bytes of a file, as they are seen. */
  bytesOf(path: string): Buffer {
    const inode = this.names.seen.get(normalize(path));
    if (!inode) throw systemError('ENOENT', 'open', path);
    const bytes = Buffer.alloc(inode.sizeBytes);
    inode.read(bytes, 0);
    return bytes;
  }

  /** The medium loses one bit. */
  flip(path: string, position: number, bit: number): void {
    this.names.seen.get(normalize(path))?.flip(position, bit);
  }

  /**
   * The power goes: the disk as it is found afterwards. What was under way has happened, in part or not at all.
   *
   * @param luck how much of what was not synced survives; by the seed unless told.
   * @param options of the disk that is found.
   */
  crash(luck?: Luck, options: FakeDiskOptions = this.options): FakeDisk {
    const { random } = this.options;
    for (const strike of this.inFlight) strike();
    this.dead = true;
    const found = new FakeDisk(options);
    const drawn = () => luck ?? random.pick([0, 1, 0.5, random.below(100) / 100]);
    const inodes = new Map<FakeInode, FakeInode>();
    for (const [path, inode] of this.names.afterCrash(random, drawn())) {
      const left = inodes.get(inode) ?? inode.afterCrash(random, drawn());
      inodes.set(inode, left);
      found.names.link(path, left);
    }
    for (const folder of this.folders) {
      found.folders.add(folder);
      found.names.sync(folder);
    }
    return found;
  }

  private fileOf(path: string, inode: FakeInode, options: OpenOptions): DiskFile {
    const { random } = this.options;
    const write = (parts: readonly Uint8Array[], position: number) => {
      if (!options.write) throw systemError('EBADF', 'write', path);
      const bytes = Buffer.concat(parts);
      const operation = { kind: 'write', path, readOnly: false } as const;
      const effect = () => {
        const mostBytes = inode.allocatedBytes + this.roomBytes();
        if (position + bytes.length > mostBytes) {
          inode.write(bytes.subarray(0, Math.max(0, random.below(mostBytes - position + 1))), position);
          throw systemError('ENOSPC', 'write', path);
        }
        if (options.durable) inode.writeStable(bytes, position);
        else inode.write(bytes, position);
      };
      // Of a write that fails or that the power cut met, any sectors were written.
      return this.operate(operation, effect, () => tear(random, inode, bytes, position));
    };
    let closed = false;
    const assertOpen = () => {
      if (closed) throw systemError('EBADF', 'file', path);
    };
    const operate: typeof this.operate = async (operation, effect, strike) => {
      assertOpen();
      return this.operate(operation, effect, strike);
    };
    return {
      read: (into, position) => operate({ kind: 'read', path, readOnly: true }, () => inode.read(into, position)),
      readNow: (into, position) => {
        assertOpen();
        if (this.dead) throw systemError('EIO', 'read', path);
        return inode.read(into, position);
      },
      write: async (parts, position) => {
        assertOpen();
        return write(parts, position);
      },
      sync: () =>
        operate(
          { kind: 'sync', path, readOnly: false },
          () => inode.makeStable(),
          () => inode.failSync(random),
        ),
      sizeBytes: () => operate({ kind: 'read', path, readOnly: true }, () => inode.sizeBytes),
      truncate: (sizeBytes) => operate({ kind: 'truncate', path, readOnly: false }, () => inode.truncate(sizeBytes)),
      close: async () => {
        if (closed) return;
        closed = true;
        inode.links -= 1;
        if (inode.links === 0) this.openInodes.delete(inode);
      },
    };
  }

  /** Runs an operation in its turn. `strike` is what is left of it where it fails, or where the power cut meets it. */
  private async operate<T>(operation: DiskOperation, effect: () => T, strike?: () => void): Promise<T> {
    if (this.dead) return NEVER;
    const met = () => strike?.();
    this.inFlight.add(met);
    await this.options.turn?.(operation);
    if (this.dead) return NEVER;
    this.inFlight.delete(met);
    const code = this.options.fault?.(operation);
    if (code !== undefined) {
      strike?.();
      throw systemError(code, operation.kind, operation.path);
    }
    return effect();
  }

  private usedBytes(): number {
    const inodes = new Set([...this.names.seen.values(), ...this.openInodes]);
    return [...inodes].reduce((sum, inode) => sum + inode.allocatedBytes, 0);
  }

  private roomBytes(): number {
    const { capacityBytes } = this.options;
    return capacityBytes === undefined ? Number.MAX_SAFE_INTEGER : Math.max(0, capacityBytes - this.usedBytes());
  }
}

/** Each sector on its own: the new bytes or the old ones. What was written is in memory, and may be lost still. */
function tear(random: SeededRandom, inode: FakeInode, bytes: Uint8Array, position: number): void {
  const share = random.pick([0, 1, 0.5]);
  for (let offset = 0; offset < bytes.length; ) {
    const lengthBytes = Math.min(SECTOR_BYTES - ((position + offset) % SECTOR_BYTES), bytes.length - offset);
    if (random.chance(share)) inode.write(bytes.subarray(offset, offset + lengthBytes), position + offset);
    offset += lengthBytes;
  }
}

function maybe(random: SeededRandom, effect: () => void): void {
  try {
    if (random.chance(0.5)) effect();
  } catch {
    // it would have failed
  }
}

function systemError(code: string, syscall: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, syscall, path });
}
