import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StartError } from '../../../common/errors.ts';
import { EX_CANTCREAT } from '../../../common/exit-codes.ts';
import { MOST_SOCKET_PATH_BYTES } from '../../limits.ts';

/** The files of one guest. Spec: docs/formats/data-folder.md. */
export interface GuestPaths {
  folder: string;
  qmpSocket: string;
  pidFile: string;
  /** Who runs the guest: pid, start time, UUID. */
  runFile: string;
  console: string;
  /** The part of the console that was cut off the front when it grew too long. */
  earlierConsole: string;
  /** What QEMU itself says. */
  log: string;
}

/** A UUID, a slash and `q`. */
const LONGEST_SOCKET_NAME_BYTES = 40;

/**
 * Where the guests' files are. Unix sockets have short paths: where the data folder's is too long, they are in a folder of ours
 * below the system's temporary one, named after the data folder, so that a later life of this program finds them.
 */
export class GuestFolders {
  readonly root: string;
  private readonly socketFolder: string;

  constructor(root: string) {
    this.root = root;
    const fits = Buffer.byteLength(root) + LONGEST_SOCKET_NAME_BYTES < MOST_SOCKET_PATH_BYTES;
    const digest = createHash('sha256').update(root).digest('hex').slice(0, 12);
    this.socketFolder = fits ? root : join(tmpdir(), `martlet-${process.getuid?.() ?? 0}-${digest}`);
  }

  /** @throws StartError when somebody else made the socket folder. */
  async prepare(): Promise<void> {
    await mkdir(this.root, { recursive: true, mode: 0o700 });
    if (this.socketFolder === this.root) return;
    await mkdir(this.socketFolder, { recursive: true, mode: 0o700 });
    const stat = await lstat(this.socketFolder);
    const ours = stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o077) === 0;
    if (!ours) throw new StartError(`${this.socketFolder} does not belong to this user alone: remove it`, EX_CANTCREAT);
  }

  of(id: string): GuestPaths {
    const folder = join(this.root, id);
    return {
      folder,
      qmpSocket: this.socketFolder === this.root ? join(folder, 'q') : join(this.socketFolder, id),
      pidFile: join(folder, 'qemu.pid'),
      runFile: join(folder, 'run.json'),
      console: join(folder, 'console.log'),
      earlierConsole: join(folder, 'console.log.1'),
      log: join(folder, 'qemu.log'),
    };
  }
}
