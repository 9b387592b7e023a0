import { existsSync } from 'node:fs';
import { type FileHandle, open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { execa } from 'execa';
import { encodeMarker, MARKER_BYTES, type Marker, MOST_MARKERS } from './workload.ts';

const FILE_SYSTEM_MIB = 768;
const UP_MS = 10_000;
const POLL_MS = 20;

/** Where the file system ends and the markers begin. */
export const MARKERS_AT_BYTE = FILE_SYSTEM_MIB << 20;

interface Daemon {
  pid: number;
  kill(signal: NodeJS.Signals): void;
  ended: Promise<unknown>;
}

/** Why a disk cannot be recorded here; undefined: it can. */
export function whyNotRecorded(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root mounts file systems';
  const missing = ['/dev/fuse', '/dev/loop-control', '/usr/bin/qemu-storage-daemon'].filter(
    (path) => !existsSync(path),
  );
  return missing.length === 0 ? undefined : `there is no ${missing.join(', no ')}`;
}

/**
 * A mounted ext4 whose disk keeps a log of every write and flush that it is asked for, in order.
 *
 * A loop device over a file that QEMU's storage daemon serves (FUSE): what the file system sends to its device goes through
 * the daemon's `blklogwrites`. Needs root, FUSE and loop devices.
 */
export class RecordedDisk {
  readonly mountPoint: string;
  /** The disk before anything was written, without the file system's own beginning; sparse. */
  readonly basePath: string;
  /** The disk as it is now. */
  readonly diskPath: string;
  readonly logPath: string;
  private readonly daemon: Daemon;
  private readonly loop: string;
  private readonly served: FileHandle;
  private markers = 0;

  private constructor(folder: string, daemon: Daemon, loop: string, served: FileHandle) {
    this.mountPoint = join(folder, 'recorded');
    this.basePath = join(folder, 'base.img');
    this.diskPath = join(folder, 'disk.img');
    this.logPath = join(folder, 'writes.log');
    this.daemon = daemon;
    this.loop = loop;
    this.served = served;
  }

  /** @param folder empty, the disk's own. */
  static async create(folder: string): Promise<RecordedDisk> {
    const base = join(folder, 'base.img');
    await writeFile(base, '');
    await truncate(base, MARKERS_AT_BYTE + MOST_MARKERS * MARKER_BYTES);
    // nothing is left to be initialised later: the log has what was written, and only that
    const options = ['-E', 'lazy_itable_init=0,lazy_journal_init=0,nodiscard'];
    await execa('mke2fs', ['-q', '-t', 'ext4', '-b', '4096', '-m', '0', ...options, base, `${FILE_SYSTEM_MIB}M`]);
    await copySparse(base, join(folder, 'disk.img'));
    for (const name of ['writes.log', 'served.img']) await writeFile(join(folder, name), '');
    const servedPath = join(folder, 'served.img');
    const daemon = startDaemon(folder, servedPath);
    const served = await openWhenServed(servedPath);
    const { stdout: loop } = await execa('losetup', ['--find', '--show', servedPath]);
    const disk = new RecordedDisk(folder, daemon, loop.trim(), served);
    await execa('mkdir', ['-p', disk.mountPoint]);
    await execa('mount', ['-t', 'ext4', '-o', 'nodiscard,noatime', disk.loop, disk.mountPoint]);
    return disk;
  }

  /** Puts into the log that this was acknowledged by now. Flushes nothing, so that what was not flushed before stays so. */
  async mark(marker: Marker): Promise<void> {
    const at = MARKERS_AT_BYTE + this.markers * MARKER_BYTES;
    this.markers += 1;
    await this.served.write(encodeMarker(marker), 0, MARKER_BYTES, at);
  }

  /** Takes the disk away from the system; log and images stay. */
  async close(): Promise<void> {
    await execa('umount', [this.mountPoint], { reject: false });
    await execa('losetup', ['--detach', this.loop], { reject: false });
    await this.served.close();
    this.daemon.kill('SIGTERM');
    await this.daemon.ended;
  }
}

/** A copy of a disk in which nothing is copied that is a hole. */
export function copySparse(from: string, to: string): Promise<unknown> {
  return execa('cp', ['--sparse=always', from, to]);
}

function startDaemon(folder: string, servedPath: string): Daemon {
  const file = (node: string, name: string) => [
    '--blockdev',
    `driver=raw,node-name=${node},file.driver=file,file.filename=${join(folder, name)}`,
  ];
  const running = execa(
    'qemu-storage-daemon',
    [
      ...file('disk', 'disk.img'),
      ...file('log', 'writes.log'),
      ...['--blockdev', 'driver=blklogwrites,node-name=logged,file=disk,log=log,log-sector-size=512'],
      ...['--export', `type=fuse,id=served,node-name=logged,mountpoint=${servedPath},writable=on`],
    ],
    { reject: false, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  if (running.pid === undefined) throw new Error('qemu-storage-daemon cannot be run: apt install qemu-system-common');
  return { pid: running.pid, kill: (signal) => void running.kill(signal), ended: running };
}

/** The daemon mounts itself over an empty file. */
async function openWhenServed(path: string): Promise<FileHandle> {
  for (const end = Date.now() + UP_MS; Date.now() < end; await pause(POLL_MS)) {
    const file = await open(path, 'r+');
    if ((await file.stat()).size > 0) return file;
    await file.close();
  }
  throw new Error(`qemu-storage-daemon serves nothing after ${UP_MS} ms: is there FUSE?`);
}
