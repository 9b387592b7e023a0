import { mkdir, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemErrorCode } from '../../common/errors.ts';
import { syncDirectory } from '../../common/files/durable-file.ts';
import { deviceBusy, deviceUnavailable, insufficientStorage } from '../errors.ts';
import { MOST_KNOWN_FOLDERS, MOST_WAITING_OPERATIONS, SPACE_CACHE_MS, SPACE_RECHECK_MS } from '../limits.ts';
import { IoLimit } from './io-limit.ts';

export interface DeviceOptions {
  name: string;
  /** Must exist: a disk that is not mounted is not written below. */
  path: string;
  reservePercent: number;
  ioInFlight: number;
  /** Names the running process in temporary files. */
  processToken: string;
}

/** One disk's folder, as one thread uses it. Threads share nothing but the file system. */
export class Device {
  readonly name: string;
  readonly path: string;
  readonly processToken: string;
  readonly temporaryFolder: string;
  readonly pendingFolder: string;
  readonly quarantineFolder: string;
  readonly io: IoLimit;
  private readonly reservePercent: number;
  private space: { atMs: number; free: Promise<number>; written: number } | undefined;
  /** Folders whose own entry in their parent is durable. Folders are never removed. */
  private readonly durable = new Set<string>();
  private readonly syncs = new Map<string, { running: Promise<void>; next: Promise<void> | undefined }>();

  constructor({ name, path, reservePercent, ioInFlight, processToken }: DeviceOptions) {
    this.name = name;
    this.path = path;
    this.reservePercent = reservePercent;
    this.processToken = processToken;
    this.temporaryFolder = join(path, 'tmp');
    this.pendingFolder = join(path, 'pending');
    this.quarantineFolder = join(path, 'quarantined');
    this.io = new IoLimit(ioInFlight, MOST_WAITING_OPERATIONS, () => deviceBusy(name));
  }

  /** Makes the device's own folders; every thread does so before it serves. @throws when the device's folder is not there. */
  async prepare(): Promise<void> {
    for (const folder of [this.temporaryFolder, this.pendingFolder, this.quarantineFolder]) {
      try {
        await mkdir(folder, { mode: 0o700 });
      } catch (error) {
        if (systemErrorCode(error) !== 'EEXIST') throw error;
      }
    }
    await syncDirectory(this.path);
  }

  /** @throws DeviceUnavailable when the disk is gone. */
  async assertUsable(): Promise<void> {
    await this.freeBytes();
  }

  /** @throws InsufficientStorage when `bytes` more would touch the reserve; DeviceUnavailable when the disk is gone. */
  async assertSpace(bytes: number): Promise<void> {
    if ((await this.freeBytes()) >= bytes) return;
    // Before a refusal the disk is looked at again: what was counted may have been given up, or something deleted.
    if ((await this.freeBytes(SPACE_RECHECK_MS)) < bytes) throw insufficientStorage(this.name);
  }

  /** The same just before `bytes` are written: counted until the next look at the disk. */
  async claimSpace(bytes: number): Promise<void> {
    await this.assertSpace(bytes);
    if (this.space) this.space.written += bytes;
  }

  /** Makes the folder's entries durable. Callers that come while one flush runs share the next one. */
  syncFolder(path: string): Promise<void> {
    const state = this.syncs.get(path);
    if (state === undefined) return this.beginSync(path);
    state.next ??= state.running.then(
      () => this.beginSync(path),
      () => this.beginSync(path),
    );
    return state.next;
  }

  /**
   * Makes the folders and their entries durable, outermost first.
   * @param folders each inside the one before; the first inside the device's own.
   */
  async ensureFolders(folders: readonly string[]): Promise<void> {
    const fresh = folders.filter((folder) => !this.durable.has(folder));
    for (const folder of fresh) await this.io.run(() => makeFolder(folder));
    // Also where another thread made one: it may not have come to this yet. Together they cost about one flush.
    await Promise.all(fresh.map((folder) => this.syncFolder(dirname(folder))));
    if (this.durable.size >= MOST_KNOWN_FOLDERS) this.durable.clear();
    for (const folder of fresh) this.durable.add(folder);
  }

  private beginSync(path: string): Promise<void> {
    const running = this.io.run(() => syncDirectory(path));
    const state = { running, next: undefined };
    this.syncs.set(path, state);
    const done = () => {
      if (this.syncs.get(path) === state) this.syncs.delete(path);
    };
    running.then(done, done);
    return running;
  }

  /** Above the reserve, less what this thread has written since the last look. */
  private async freeBytes(mostAgeMs = SPACE_CACHE_MS): Promise<number> {
    const nowMs = performance.now();
    if (this.space === undefined || nowMs - this.space.atMs > mostAgeMs)
      this.space = { atMs: nowMs, free: this.look(), written: 0 };
    const { free, written } = this.space;
    return (await free) - written;
  }

  private async look(): Promise<number> {
    try {
      const { bavail, blocks, bsize } = await this.io.run(() => statfs(this.temporaryFolder));
      return bavail * bsize - (blocks * bsize * this.reservePercent) / 100;
    } catch (error) {
      throw deviceUnavailable(this.name, error);
    }
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  }
}
