import { mkdir, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError, systemErrorCode } from '../common/errors.ts';
import { EX_CANTCREAT, EX_TEMPFAIL } from '../common/exit-codes.ts';
import { publishFile } from '../common/files/durable-file.ts';

/** Layout: docs/formats/data-folder.md. */
const DATA_FOLDER_VERSION = 1;

const VERSION_FILE = 'version.json';
/** Present while a first start is under way: what lies beside it is half made and may be removed. */
const MAKING_FILE = 'being-made';
const PID_FILE = 'martlet.pid';

export interface DataFolder {
  path: string;
  /** False until `markComplete`: a first start was interrupted, or never happened. */
  complete: boolean;
  /** Called before the first start makes anything. */
  markBegun(): Promise<void>;
  /** Called last by the first start: from here on the folder is a cloud. */
  markComplete(): Promise<void>;
  /** Gives the folder up; removes it again where this start made it and never completed it. */
  release(): Promise<void>;
}

/**
 * Takes a data folder for this process.
 *
 * @throws StartError where another process owns it (with its pid), it cannot be written, its version is newer than ours, or it holds
 * files of somebody else.
 */
export async function takeDataFolder(path: string): Promise<DataFolder> {
  const made = await makeFolder(path);
  await takePidFile(path);
  try {
    const complete = await checkVersion(path);
    if (!complete) await clearHalfMade(path);
    return folderOf(path, complete, made);
  } catch (error) {
    await unlink(join(path, PID_FILE));
    throw error;
  }
}

function folderOf(path: string, complete: boolean, made: boolean): DataFolder {
  return {
    path,
    complete,
    markBegun: () => publishFile(join(path, MAKING_FILE), ''),
    async markComplete() {
      await publishFile(join(path, VERSION_FILE), `${JSON.stringify({ version: DATA_FOLDER_VERSION })}\n`);
      await rm(join(path, MAKING_FILE), { force: true });
      this.complete = true;
    },
    async release() {
      if (!this.complete) await clearHalfMade(path);
      await unlink(join(path, PID_FILE));
      if (!this.complete && made) await rm(path, { recursive: true });
    },
  };
}

async function makeFolder(path: string): Promise<boolean> {
  try {
    return (await mkdir(path, { recursive: true, mode: 0o700 })) !== undefined;
  } catch (error) {
    throw new StartError(`cannot create the data folder ${path}: ${message(error)}`, EX_CANTCREAT, error);
  }
}

/**
 * The pid file holds pid and start time of its owner. A crash leaves it behind; its owner is then gone, or its pid has another
 * start time. Two starts that find the same stale file: only one rename of it succeeds.
 */
async function takePidFile(path: string): Promise<void> {
  const file = join(path, PID_FILE);
  const own = `${process.pid} ${await startTimeOf(process.pid)}\n`;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      await writeFile(file, own, { flag: 'wx', mode: 0o600 });
      return;
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') {
        throw new StartError(`cannot write into the data folder ${path}: ${message(error)}`, EX_CANTCREAT, error);
      }
    }
    const owner = await ownerOf(file);
    if (owner !== undefined) throw new StartError(`the data folder ${path} is in use by process ${owner}`, EX_TEMPFAIL);
    await rename(file, `${file}.stale`).catch(() => undefined);
    await rm(`${file}.stale`, { force: true });
  }
  throw new StartError(`the data folder ${path} is being taken by another process`, EX_TEMPFAIL);
}

/** The live owner's pid, or undefined for a file that nobody owns any more. */
async function ownerOf(file: string): Promise<number | undefined> {
  const [pid = '', startTime = ''] = (await readFile(file, 'utf8').catch(() => '')).trim().split(' ');
  if (!/^\d+$/.test(pid)) return undefined;
  return startTime !== '' && (await startTimeOf(Number(pid))) === startTime ? Number(pid) : undefined;
}

/** Clock ticks after boot at which a process started; '' where there is no such process. Spec: proc(5), /proc/pid/stat field 22. */
export async function startTimeOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

async function checkVersion(path: string): Promise<boolean> {
  const text = await readFile(join(path, VERSION_FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return false;
  const { version } = JSON.parse(text) as { version: number };
  if (version === DATA_FOLDER_VERSION) return true;
  throw new StartError(
    `the data folder ${path} has version ${version}; this Martlet reads version ${DATA_FOLDER_VERSION}`,
    EX_CANTCREAT,
  );
}

/** Removes what an interrupted first start made. A folder that no first start of ours began must be empty. */
async function clearHalfMade(path: string): Promise<void> {
  const entries = (await readdir(path)).filter((entry) => entry !== PID_FILE);
  if (entries.length > 0 && !entries.includes(MAKING_FILE)) {
    throw new StartError(
      `${path} is not a data folder of Martlet: it holds '${entries[0]}' and no ${VERSION_FILE}; give an empty folder`,
      EX_CANTCREAT,
    );
  }
  for (const entry of entries) if (entry !== MAKING_FILE) await rm(join(path, entry), { recursive: true });
  await rm(join(path, MAKING_FILE), { force: true });
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
